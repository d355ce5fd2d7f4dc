//! Floor 2. Records -> rows of declared tables -> Arrow batches.
