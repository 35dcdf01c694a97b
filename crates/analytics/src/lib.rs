//! How things move: pure functions on slices
