//! Floor 1. The validated configuration with provenance: defaults < file < environment < flags.
