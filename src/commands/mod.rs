//! Floor 5. One thin file per command.
