//! Floor 2. The only place that writes to the lake.
