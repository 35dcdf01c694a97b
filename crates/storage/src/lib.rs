//! Durable truth: RocksDB, row files, delta blocks
