//! What the engine may use of the machine, and when it does its housekeeping.

use cvx_index::BuildOptions;
use std::time::Duration;

/// Bounds of the engine. All sizes are bytes.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// What the first database of a new data directory is called.
    pub database: String,
    /// Own rows a transaction keeps in memory, by table; beyond it they go to row files.
    pub spill_bytes: usize,
    /// Rows in memory at which a table's tail is sealed, and rows of a sealed file.
    pub seal_rows: usize,
    /// Bytes of rows in memory at which a table's tail is sealed.
    pub seal_bytes: usize,
    /// Bytes that a merged index may have; building one takes as much memory.
    pub index_merge_bytes: usize,
    /// How long a table has had no new segment when its indexes are merged as far as they may be.
    pub index_rest: Duration,
    /// Rows from which on an index has cells too (adr/0016). Below the standard they save a search
    /// little, but show what it does with them; the configuration leaves it alone.
    pub index_cells_rows: usize,
    /// Commits that wait for the writer; the next one waits for a place.
    pub queue_commits: usize,
    /// Unwritten changes RocksDB keeps in memory.
    pub write_buffer_bytes: usize,
    /// Blocks RocksDB keeps after reading.
    pub block_cache_bytes: usize,
    /// Length of the write-ahead log at which buffers are written out: it bounds recovery.
    pub wal_bytes_max: u64,
    /// How often it is looked whether a table's history is out of date; zero for never.
    pub retention_look: Duration,
    /// States of watched entities in memory; the others wait on disk.
    pub monitor_bytes: usize,
}

impl EngineOptions {
    /// For a machine of a few gigabytes.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            database: crate::FIRST_DATABASE.to_owned(),
            spill_bytes: 64 << 20,
            seal_rows: 65_536,
            seal_bytes: 256 << 20,
            index_merge_bytes: 5 << 28,
            index_rest: Duration::from_secs(60),
            index_cells_rows: BuildOptions::CELLS_FROM,
            queue_commits: 1024,
            write_buffer_bytes: 256 << 20,
            block_cache_bytes: 64 << 20,
            wal_bytes_max: 512 << 20,
            retention_look: Duration::from_secs(60),
            monitor_bytes: 64 << 20,
        }
    }
}
