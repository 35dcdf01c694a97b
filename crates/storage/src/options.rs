//! What the store may use of the machine.

use cvx_core::{Clock, SystemClock};
use std::sync::Arc;

/// Bounds of the store. All sizes are bytes.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Unwritten changes kept in memory, all families together; a quarter of it at most in one
    /// buffer before that is written out.
    pub write_buffer_bytes: usize,
    /// Blocks and blobs read from disk and kept.
    pub block_cache_bytes: usize,
    /// Length of the write-ahead log at which the oldest buffers are written out: it bounds
    /// recovery.
    pub wal_bytes_max: u64,
    /// Threads that flush and compact.
    pub background_threads: usize,
    /// Open files kept by RocksDB.
    pub open_files_max: u32,
    /// Where file numbers come from.
    pub clock: Arc<dyn Clock>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            write_buffer_bytes: 256 << 20,
            block_cache_bytes: 64 << 20,
            wal_bytes_max: 512 << 20,
            background_threads: 2,
            open_files_max: 512,
            clock: Arc::new(SystemClock),
        }
    }
}
