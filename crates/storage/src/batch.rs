//! A batch of changes, collected without the store and committed as one.
//!
//! The changes lie in one arena, in order, so that building a batch is appending bytes, batches
//! of several transactions join into one group, and any thread can build one.

use crate::error::Result;
use crate::family::Family;
use crate::keys::{self, DeltaKey, FileId, RowKey};
use crate::manifest::{self, RowFileMeta};
use crate::record::RowRecord;
use arrow::datatypes::ToByteSlice;
use cvx_core::{CommitSeq, EntityId, SpaceId};
use std::ops::Range;

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    arena: Vec<u8>,
    changes: Vec<Change>,
    last_seq: Option<CommitSeq>,
    /// The greatest file number named, which stays used when nothing else remembers the file.
    last_file: Option<FileId>,
}

#[derive(Clone, Debug)]
struct Change {
    family: Family,
    kind: ChangeKind,
    key: Range<usize>,
    /// The value of a put, the end of a range, else empty.
    value: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ChangeKind {
    Put,
    Delete,
    DeleteRange,
}

impl Batch {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.last_seq.is_none()
    }

    /// How many bytes of keys and values the batch holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Adds a row version, or replaces it.
    pub fn put_row(&mut self, key: &RowKey, record: &RowRecord) -> Result<()> {
        let start = self.arena.len();
        self.arena.extend(key.encode());
        let middle = self.arena.len();
        let arena = std::mem::take(&mut self.arena);
        self.arena = record.encode_into(arena)?;
        let (key, value) = (start..middle, middle..self.arena.len());
        self.changes.push(Change { family: Family::Metadata, kind: ChangeKind::Put, key, value });
        Ok(())
    }

    /// Adds the vector of a row version whose locator is [`Locator::Here`](crate::Locator).
    pub fn put_vector(&mut self, key: &RowKey, column: u16, vector: &[f32]) {
        self.put(Family::Vectors, &key.with_column(column), vector.to_byte_slice());
    }

    /// Forgets a row version and its vectors in these columns. Its closure stays, for a sealed
    /// row is closed by the same key; see [`Batch::delete_closure`].
    pub fn delete_row(&mut self, key: &RowKey, vector_columns: &[u16]) {
        self.delete(Family::Metadata, &key.encode());
        for column in vector_columns {
            self.delete(Family::Vectors, &key.with_column(*column));
        }
    }

    /// Ends a row version in system time: it is seen before `sys_to` and no more from then on.
    pub fn close(&mut self, key: &RowKey, sys_to: CommitSeq) {
        self.put(Family::Timelines, &key.encode(), &sys_to.0.to_be_bytes());
    }

    /// Forgets that a version was closed, when the version itself is purged.
    pub fn delete_closure(&mut self, key: &RowKey) {
        self.delete(Family::Timelines, &key.encode());
    }

    /// Sets a value of the engine's own: catalog, dictionary, counters.
    pub fn put_system(&mut self, key: &[u8], value: &[u8]) {
        self.put(Family::System, &manifest::engine_key(key), value);
    }

    pub fn delete_system(&mut self, key: &[u8]) {
        self.delete(Family::System, &manifest::engine_key(key));
    }

    /// Makes a written row file part of its space.
    pub fn add_file(&mut self, meta: &RowFileMeta) -> Result<()> {
        let value = crate::record::encode(meta, Vec::new())?;
        self.put(Family::System, &manifest::file_key(meta.space, meta.id), &value);
        self.last_file = self.last_file.max(Some(meta.id));
        Ok(())
    }

    /// Takes a row file out of its space. The file itself goes by
    /// [`Store::remove_row_file`](crate::Store::remove_row_file) after the commit.
    pub fn remove_file(&mut self, space: SpaceId, id: FileId) {
        self.delete(Family::System, &manifest::file_key(space, id));
        self.last_file = self.last_file.max(Some(id));
    }

    /// Adds an encoded delta block under the address of its first vector.
    pub fn put_delta(&mut self, key: &DeltaKey, block: &[u8]) {
        self.put(Family::Deltas, &key.encode(), block);
    }

    pub fn delete_delta(&mut self, key: &DeltaKey) {
        self.delete(Family::Deltas, &key.encode());
    }

    /// Forgets all delta blocks of an entity.
    pub fn delete_deltas(&mut self, space: SpaceId, entity: EntityId) {
        self.delete_prefix(Family::Deltas, &keys::entity_prefix(space, entity));
    }

    /// Says the commit this batch is; it must be above all before.
    pub fn set_last_seq(&mut self, seq: CommitSeq) {
        self.last_seq = self.last_seq.max(Some(seq));
    }

    /// Forgets all of a space but its files, which are only taken out of the manifest.
    pub fn drop_space(&mut self, space: SpaceId) {
        let prefix = keys::space_prefix(space);
        for family in [Family::Metadata, Family::Vectors, Family::Timelines, Family::Deltas] {
            self.delete_prefix(family, &prefix);
        }
        for family in [Family::Views, Family::Changepoints] {
            self.delete_prefix(family, &prefix);
        }
        self.delete_prefix(Family::System, &manifest::files_prefix(space));
    }

    /// Sets a value in a family whose keys the engine rules.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.push(family, ChangeKind::Put, key, value);
    }

    pub fn delete(&mut self, family: Family, key: &[u8]) {
        self.push(family, ChangeKind::Delete, key, &[]);
    }

    /// Forgets all keys of a family that begin so.
    pub fn delete_all(&mut self, family: Family, prefix: &[u8]) {
        self.delete_prefix(family, prefix);
    }

    /// Appends all changes of another batch.
    pub fn append(&mut self, other: &Self) {
        let shift = self.arena.len();
        let moved = |range: &Range<usize>| range.start + shift..range.end + shift;
        self.arena.extend_from_slice(&other.arena);
        self.changes.extend(other.changes.iter().map(|change| Change {
            key: moved(&change.key),
            value: moved(&change.value),
            ..*change
        }));
        self.last_seq = self.last_seq.max(other.last_seq);
        self.last_file = self.last_file.max(other.last_file);
    }

    pub(crate) fn last_seq(&self) -> Option<CommitSeq> {
        self.last_seq
    }

    pub(crate) fn last_file(&self) -> Option<FileId> {
        self.last_file
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = (Family, ChangeKind, &[u8], &[u8])> {
        self.changes.iter().map(|change| {
            let bytes = |range: &Range<usize>| self.arena.get(range.clone()).unwrap_or_default();
            (change.family, change.kind, bytes(&change.key), bytes(&change.value))
        })
    }

    fn delete_prefix(&mut self, family: Family, prefix: &[u8]) {
        match keys::prefix_end(prefix) {
            Some(end) => self.push(family, ChangeKind::DeleteRange, prefix, &end),
            // Only the last space of all has no end; its keys are no longer than this.
            None => self.push(family, ChangeKind::DeleteRange, prefix, &[u8::MAX; 64]),
        }
    }

    fn push(&mut self, family: Family, kind: ChangeKind, key: &[u8], value: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        let middle = self.arena.len();
        self.arena.extend_from_slice(value);
        let (key, value) = (start..middle, middle..self.arena.len());
        self.changes.push(Change { family, kind, key, value });
    }
}
