//! Floor 1. Folds of the events: terminal, log lines, JSON summary.
