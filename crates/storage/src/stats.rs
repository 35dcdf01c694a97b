//! What the store holds and has written, in bytes.

use crate::delta;
use crate::error::Result;
use crate::family::Family;
use crate::keys;
use crate::store::Store;
use cvx_core::SpaceId;
use rocksdb::statistics::Ticker;
use std::sync::atomic::Ordering;

/// The store in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    pub families: Vec<FamilyStats>,
    pub row_files: u64,
    pub row_file_bytes: u64,
    /// Length of the write-ahead log.
    pub wal_bytes: u64,
    pub written: WrittenBytes,
    /// Failures of RocksDB's own threads.
    pub background_errors: u64,
}

/// One column family in figures; keys are an estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyStats {
    pub family: Family,
    pub keys: u64,
    pub table_bytes: u64,
    pub blob_bytes: u64,
    /// Not yet written out; the log has them.
    pub memory_bytes: u64,
}

/// Bytes written to disk since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenBytes {
    pub wal: u64,
    /// Tables and blobs written from memory.
    pub flush: u64,
    /// Tables and blobs rewritten.
    pub compaction: u64,
    pub row_files: u64,
}

impl WrittenBytes {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.wal + self.flush + self.compaction + self.row_files
    }
}

/// The delta blocks of a space in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeltaStats {
    pub blocks: u64,
    pub vectors: u64,
    /// What the vectors would take as floats.
    pub raw_bytes: u64,
    pub encoded_bytes: u64,
}

impl Store {
    pub fn stats(&self) -> Result<StoreStats> {
        let families = Family::ALL.into_iter().map(|family| self.family_stats(family));
        let (mut row_files, mut row_file_bytes) = (0, 0);
        for meta in self.row_files(None)? {
            row_files += 1;
            row_file_bytes += meta.bytes;
        }
        Ok(StoreStats {
            families: families.collect::<Result<_>>()?,
            row_files,
            row_file_bytes,
            wal_bytes: self.wal_bytes(),
            written: self.written(),
            background_errors: self.property("rocksdb.background-errors")?,
        })
    }

    /// Counts the delta blocks of a space by reading their headers.
    pub fn delta_stats(&self, space: SpaceId) -> Result<DeltaStats> {
        let mut stats = DeltaStats::default();
        for entry in self.scan(Family::Deltas, &keys::space_prefix(space)) {
            let (_, block) = entry?;
            let shape = delta::block_shape(&block);
            let (vectors, dim) =
                shape.map_err(|what| self.corrupt_value(&format!("delta block: {what}")))?;
            stats.blocks += 1;
            stats.vectors += vectors as u64;
            stats.raw_bytes += 4 * (vectors * dim) as u64;
            stats.encoded_bytes += block.len() as u64;
        }
        Ok(stats)
    }

    fn family_stats(&self, family: Family) -> Result<FamilyStats> {
        let property = |name| {
            let handle = self.handle(family)?;
            let value = self.db().property_int_value_cf(&handle, name);
            Ok(value.map_err(|error| self.wrap(error))?.unwrap_or(0))
        };
        Ok(FamilyStats {
            family,
            keys: property("rocksdb.estimate-num-keys")?,
            table_bytes: property("rocksdb.total-sst-files-size")?,
            blob_bytes: property("rocksdb.total-blob-file-size")?,
            memory_bytes: property("rocksdb.cur-size-all-mem-tables")?,
        })
    }

    fn property(&self, name: &str) -> Result<u64> {
        let value = self.db().property_int_value(name);
        Ok(value.map_err(|error| self.wrap(error))?.unwrap_or(0))
    }

    fn written(&self) -> WrittenBytes {
        let count = |ticker| self.counters().get_ticker_count(ticker);
        WrittenBytes {
            wal: count(Ticker::WalFileBytes),
            flush: count(Ticker::FlushWriteBytes),
            compaction: count(Ticker::CompactWriteBytes),
            row_files: self.row_file_bytes_written.load(Ordering::Relaxed),
        }
    }

    /// Logs come and go while they are counted; one that went is no error.
    fn wal_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.database_path()) else { return 0 };
        let logs = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
        logs.filter_map(|log| Some(log.metadata().ok()?.len())).sum()
    }
}
