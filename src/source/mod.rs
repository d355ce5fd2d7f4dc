//! Floor 2. Where parts come from: the only HTTP towards the service, and folders on disk.
