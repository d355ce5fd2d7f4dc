//! Floor 2. JSON text -> records.
