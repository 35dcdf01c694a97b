//! The store: opens a data directory, commits batches, reads by key.

use crate::acked::Acked;
use crate::batch::{Batch, ChangeKind};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::keys::{FileId, RowKey};
use crate::manifest;
use crate::options::StoreOptions;
use crate::record::{Locator, RowRecord};
use crate::{database, directory, index_file};
use cvx_core::{Clock, CommitSeq, SpaceId};
use rocksdb::{
    BottommostLevelCompaction, BoundColumnFamily, CompactOptions, DB, FlushOptions, Options,
    WaitForCompactOptions, WriteBatch, WriteOptions,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// An open data directory. Reads from any thread; batches that set the last commit come from one.
pub struct Store {
    // Dropped in this order: the watermark is written while the directory is still ours.
    acked: Acked,
    db: DB,
    counters: Options,
    pub(crate) rows_dir: PathBuf,
    clock: Arc<dyn Clock>,
    poison: Poison,
    last_seq: AtomicU64,
    /// The last commit known to be on disk: none above it may be called acknowledged.
    synced_seq: AtomicU64,
    last_file: AtomicU64,
    pub(crate) row_file_bytes_written: AtomicU64,
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("db", &self.db).finish_non_exhaustive()
    }
}

/// Why nothing more is written, once something failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Poison(Arc<OnceLock<String>>);

impl Poison {
    /// Only the first failure is kept: the rest follow from it.
    pub(crate) fn set(&self, error: &Error) {
        let _ = self.0.set(error.to_string());
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self.0.get() {
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Opens a data directory, making it if it is not there or empty. Refuses one that is in
    /// use, of unknown format, or that holds less than was acknowledged.
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<Self> {
        let lock = directory::take(dir)?;
        let watermark = Acked::read(dir)?;
        let rows_dir = dir.join("rows");
        directory::make(&rows_dir)?;
        directory::make(&index_file::directory_of(dir))?;
        let (db, counters) = database::open(&dir.join("db"), options)?;
        directory::sync(dir)?;
        let poison = Poison::default();
        let store = Self {
            acked: Acked::start(dir, watermark, poison.clone())?,
            db,
            counters,
            rows_dir,
            clock: Arc::clone(&options.clock),
            poison,
            last_seq: AtomicU64::new(0),
            synced_seq: AtomicU64::new(0),
            last_file: AtomicU64::new(0),
            row_file_bytes_written: AtomicU64::new(0),
            _lock: lock,
        };
        store.recover(watermark)?;
        Ok(store)
    }

    fn recover(&self, watermark: CommitSeq) -> Result<()> {
        let last = self.number(manifest::LAST_SEQ_KEY)?;
        if last < watermark.0 {
            let what = format!(
                "commit {} was acknowledged, but the last one found is {last}: commits are lost",
                watermark.0
            );
            return Err(Error::corrupt(self.db.path(), 0, what));
        }
        self.last_seq.store(last, Ordering::Release);
        self.synced_seq.store(last, Ordering::Release);
        let named = self.number(manifest::LAST_FILE_KEY)?;
        self.last_file.store(named.max(self.last_file_on_disk()?), Ordering::Release);
        Ok(())
    }

    /// Applies a batch: wholly and, if `sync`, durably when this returns. After any failure
    /// nothing of the batch is there and nothing more is written.
    pub fn commit(&self, batch: &Batch, sync: bool) -> Result<()> {
        self.poison.check()?;
        if let Some(seq) = batch.last_seq()
            && seq <= self.last_seq()
        {
            return Err(Error::invalid(format!("commit {} after {}", seq.0, self.last_seq().0)));
        }
        let writes = self.write_batch(batch)?;
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.guard(self.db.write_opt(writes, &options))?;
        if let Some(seq) = batch.last_seq() {
            self.last_seq.fetch_max(seq.0, Ordering::AcqRel);
        }
        if sync {
            // A synced write makes all of the log before it durable too.
            self.synced_seq.fetch_max(self.last_seq().0, Ordering::AcqRel);
        }
        Ok(())
    }

    fn write_batch(&self, batch: &Batch) -> Result<WriteBatch> {
        let handles = self.handles()?;
        let mut writes = WriteBatch::with_capacity_bytes(batch.bytes() + batch.bytes() / 8 + 64);
        for (family, kind, key, value) in batch.changes() {
            let handle = &handles[family as usize];
            match kind {
                ChangeKind::Put => writes.put_cf(handle, key, value),
                ChangeKind::Delete => writes.delete_cf(handle, key),
                ChangeKind::DeleteRange => writes.delete_range_cf(handle, key, value),
            }
        }
        let system = &handles[Family::System as usize];
        if let Some(seq) = batch.last_seq() {
            writes.put_cf(system, manifest::LAST_SEQ_KEY, seq.0.to_be_bytes());
        }
        if let Some(file) = batch.last_file() {
            let last = self.last_file.fetch_max(file.0, Ordering::AcqRel).max(file.0);
            writes.put_cf(system, manifest::LAST_FILE_KEY, last.to_be_bytes());
        }
        Ok(writes)
    }

    /// The last commit whose batch was applied.
    #[must_use]
    pub fn last_seq(&self) -> CommitSeq {
        CommitSeq(self.last_seq.load(Ordering::Acquire))
    }

    /// Notes that a client was told of a commit. Written to the side file within a second, and
    /// never beyond what is synced.
    pub fn acked(&self, seq: CommitSeq) {
        self.acked.note(seq.min(CommitSeq(self.synced_seq.load(Ordering::Acquire))));
    }

    /// Fails if an earlier failure stopped all writing.
    pub fn check_writable(&self) -> Result<()> {
        self.poison.check()
    }

    /// A new file number, above all that were ever used here.
    #[must_use]
    pub fn new_file_id(&self) -> FileId {
        let now = u64::try_from(self.clock.now_us()).unwrap_or(0);
        let above = |last: u64| Some(now.max(last.saturating_add(1)));
        match self.last_file.fetch_update(Ordering::AcqRel, Ordering::Acquire, above) {
            Ok(last) | Err(last) => FileId(now.max(last.saturating_add(1))),
        }
    }

    /// The record of a row version that is not in a row file.
    pub fn get_row(&self, key: &RowKey) -> Result<Option<RowRecord>> {
        let bytes = self.get(Family::Metadata, &key.encode())?;
        bytes.map(|bytes| self.decode_row(key, &bytes)).transpose()
    }

    /// The vector stored under exactly this version; see [`Locator`] for where to look.
    pub fn get_vector(&self, key: &RowKey, column: u16) -> Result<Option<Vec<f32>>> {
        let key = key.with_column(column);
        let handle = self.handle(Family::Vectors)?;
        let bytes = self.db.get_pinned_cf(&handle, key).map_err(|error| self.wrap(error))?;
        bytes.map(|bytes| self.decode_vector(&bytes)).transpose()
    }

    /// All vectors a record points to, by column, as long as none of them was sealed.
    pub fn get_vectors(&self, key: &RowKey, record: &RowRecord) -> Result<Vec<(u16, Vec<f32>)>> {
        let mut vectors = Vec::new();
        for (column, locator) in &record.vectors {
            let at = match locator {
                Locator::Here => *key,
                Locator::At(seq) => RowKey { seq: *seq, ..*key },
                Locator::Null => continue,
            };
            let vector = self.get_vector(&at, *column)?;
            vectors.push((*column, vector.ok_or_else(|| self.missing_vector(key, *column))?));
        }
        Ok(vectors)
    }

    /// The commit that closed a version, if one did.
    pub fn get_closure(&self, key: &RowKey) -> Result<Option<CommitSeq>> {
        let bytes = self.get(Family::Timelines, &key.encode())?;
        bytes.map(|bytes| self.decode_closure(&bytes)).transpose()
    }

    /// A value of the engine's own.
    pub fn get_system(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(Family::System, &manifest::engine_key(key))
    }

    /// The value of a key in any family. Keys of `system` are as `manifest.rs` rules them.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let handle = self.handle(family)?;
        self.db.get_cf(&handle, key).map_err(|error| self.wrap(error))
    }

    /// Makes all commits durable, and writes buffers out so that the next open replays no log.
    pub fn flush(&self) -> Result<()> {
        self.sync()?;
        for family in Family::ALL {
            let handle = self.handle(family)?;
            self.guard(self.db.flush_cf_opt(&handle, &FlushOptions::default()))?;
        }
        Ok(())
    }

    /// Makes all commits durable.
    pub fn sync(&self) -> Result<()> {
        self.poison.check()?;
        let last = self.last_seq();
        self.guard(self.db.flush_wal(true))?;
        self.synced_seq.fetch_max(last.0, Ordering::AcqRel);
        Ok(())
    }

    /// Forgets a space: its keys and its files. In one batch with other changes, use
    /// [`Batch::drop_space`], then [`Store::remove_row_file`] and [`Store::reclaim`].
    pub fn drop_space(&self, space: SpaceId) -> Result<()> {
        let files = self.row_files(Some(space))?;
        let mut batch = Batch::new();
        batch.drop_space(space);
        self.commit(&batch, true)?;
        for file in files {
            self.remove_row_file(file.id)?;
        }
        self.reclaim(space)
    }

    /// Gives back the disk space of deleted rows of a space, by compacting its range. Vectors lie
    /// in blob files, so what moves is keys; still, call it from a background thread.
    pub fn reclaim(&self, space: SpaceId) -> Result<()> {
        self.poison.check()?;
        let start = crate::keys::space_prefix(space).to_vec();
        let end = crate::keys::prefix_end(&start);
        for family in [Family::Metadata, Family::Vectors, Family::Timelines, Family::Deltas] {
            let handle = self.handle(family)?;
            // Only what is in files can be compacted.
            self.guard(self.db.flush_cf_opt(&handle, &FlushOptions::default()))?;
            let options = CompactOptions::default();
            self.db.compact_range_cf_opt(&handle, Some(&start), end.as_ref(), &options);
        }
        Ok(())
    }

    /// Rewrites all of RocksDB's files, so that nothing that was deleted is in any of them: tables
    /// and blobs by compaction down to the last level, logs because they are done with. It costs
    /// as much as the database is large, row files aside; call it from a background thread.
    pub fn scrub(&self) -> Result<()> {
        self.flush()?;
        for family in Family::ALL {
            let handle = self.handle(family)?;
            let mut options = CompactOptions::default();
            options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
            self.db.compact_range_cf_opt(&handle, None::<&[u8]>, None::<&[u8]>, &options);
        }
        // Files go when the last job that used them ends.
        self.guard(self.db.wait_for_compact(&WaitForCompactOptions::default()))
    }

    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    pub(crate) fn counters(&self) -> &Options {
        &self.counters
    }

    pub(crate) fn database_path(&self) -> &Path {
        self.db.path()
    }

    pub(crate) fn handle(&self, family: Family) -> Result<Arc<BoundColumnFamily<'_>>> {
        let handle = self.db.cf_handle(family.name());
        handle.ok_or_else(|| Error::corrupt(self.db.path(), 0, "a column family is missing"))
    }

    fn handles(&self) -> Result<Vec<Arc<BoundColumnFamily<'_>>>> {
        Family::ALL.into_iter().map(|family| self.handle(family)).collect()
    }

    pub(crate) fn wrap(&self, error: rocksdb::Error) -> Error {
        Error::database(self.db.path(), error)
    }

    /// Passes on the outcome of a write; a failure is the last one.
    fn guard<T>(&self, outcome: Result<T, rocksdb::Error>) -> Result<T> {
        outcome.map_err(|error| {
            let error = self.wrap(error);
            self.poison.set(&error);
            error
        })
    }

    fn number(&self, key: &[u8]) -> Result<u64> {
        let Some(bytes) = self.get(Family::System, key)? else { return Ok(0) };
        let bytes = bytes.try_into();
        bytes.map(u64::from_be_bytes).map_err(|_| self.corrupt_value("a number in family system"))
    }

    pub(crate) fn decode_row(&self, key: &RowKey, bytes: &[u8]) -> Result<RowRecord> {
        RowRecord::decode(bytes)
            .map_err(|what| self.corrupt_value(&format!("record of {key:?}: {what}")))
    }

    pub(crate) fn decode_vector(&self, bytes: &[u8]) -> Result<Vec<f32>> {
        let (floats, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(self.corrupt_value("a vector whose bytes are no whole floats"));
        }
        Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub(crate) fn decode_closure(&self, bytes: &[u8]) -> Result<CommitSeq> {
        let bytes = bytes.try_into().map_err(|_| self.corrupt_value("a closure not of 8 bytes"))?;
        Ok(CommitSeq(u64::from_be_bytes(bytes)))
    }

    pub(crate) fn missing_vector(&self, key: &RowKey, column: u16) -> Error {
        self.corrupt_value(&format!("the vector of column {column} of {key:?} is missing"))
    }

    pub(crate) fn corrupt_value(&self, what: &str) -> Error {
        Error::corrupt(self.db.path(), 0, what)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Commits that asked for no sync reach the disk now; who cares more calls `flush`.
        if self.sync().is_ok() {
            self.acked.note(self.last_seq());
        }
        self.acked.close();
    }
}

#[cfg(test)]
mod tests;
