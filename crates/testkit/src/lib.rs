//! Oracles, harnesses and runners for the tests
