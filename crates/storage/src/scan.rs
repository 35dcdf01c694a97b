//! Reading many keys in order.

use crate::delta::{self, DeltaBlock};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::keys::{self, DeltaKey, RowKey};
use crate::manifest;
use crate::record::{Locator, RowRecord};
use crate::store::Store;
use cvx_core::{CommitSeq, EntityId, SpaceId};
use rocksdb::{DB, DBIteratorWithThreadMode, IteratorMode, PrefixRange, ReadOptions};
use std::iter::Peekable;

/// A row version with its vectors, wherever they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    pub key: RowKey,
    pub record: RowRecord,
    /// The vectors that are not NULL, by column.
    pub vectors: Vec<(u16, Vec<f32>)>,
}

impl Store {
    /// All entries of a family whose keys begin so, in order of key, as of now.
    pub fn scan<'a>(&'a self, family: Family, prefix: &[u8]) -> Scan<'a> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(PrefixRange(prefix));
        // A scan reads most blocks once: what is often read by key stays in the cache.
        options.fill_cache(false);
        let entries = match self.handle(family) {
            Ok(handle) => Ok(self.db().iterator_cf_opt(&handle, options, IteratorMode::Start)),
            Err(error) => Err(Some(error)),
        };
        Scan { store: self, entries }
    }

    /// The records of a space that are not in row files, in order of key.
    pub fn scan_rows(
        &self,
        space: SpaceId,
    ) -> impl Iterator<Item = Result<(RowKey, RowRecord)>> + '_ {
        self.scan(Family::Metadata, &keys::space_prefix(space)).map(|entry| {
            let (key, value) = entry?;
            let key = self.row_key(&key)?;
            Ok((key, self.decode_row(&key, &value)?))
        })
    }

    /// As [`Store::scan_rows`], with the vectors: one pass over both families, in step. `sealed`
    /// gives a vector out of the row file of a version that is not here any more.
    pub fn scan_full_rows<'a>(
        &'a self,
        space: SpaceId,
        sealed: impl Fn(&RowKey, u16) -> Option<Vec<f32>> + 'a,
    ) -> impl Iterator<Item = Result<StoredRow>> + 'a {
        let vectors = self.scan(Family::Vectors, &keys::space_prefix(space)).peekable();
        let mut vectors = VectorsInStep { store: self, vectors, sealed };
        self.scan_rows(space).map(move |row| {
            let (key, record) = row?;
            let vectors = vectors.of(&key, &record)?;
            Ok(StoredRow { key, record, vectors })
        })
    }

    /// The closed versions of a space, and the commits that closed them.
    pub fn scan_closures(
        &self,
        space: SpaceId,
    ) -> impl Iterator<Item = Result<(RowKey, CommitSeq)>> + '_ {
        self.scan(Family::Timelines, &keys::space_prefix(space)).map(|entry| {
            let (key, value) = entry?;
            Ok((self.row_key(&key)?, self.decode_closure(&value)?))
        })
    }

    /// The engine's own values whose keys begin so.
    pub fn scan_system<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + use<'a> {
        self.scan(Family::System, &manifest::engine_key(prefix)).map(|entry| {
            let (mut key, value) = entry?;
            key.drain(..1);
            Ok((key, value))
        })
    }

    pub(crate) fn row_key(&self, key: &[u8]) -> Result<RowKey> {
        RowKey::decode(key).ok_or_else(|| self.corrupt_value("a row key not of 28 bytes"))
    }
}

/// Entries in order of key.
pub struct Scan<'a> {
    store: &'a Store,
    /// The entries, or why there are none; that is said once.
    entries: Result<DBIteratorWithThreadMode<'a, DB>, Option<Error>>,
}

impl Iterator for Scan<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.entries {
            Ok(entries) => Some(match entries.next()? {
                Ok((key, value)) => Ok((key.into_vec(), value.into_vec())),
                Err(error) => Err(self.store.wrap(error)),
            }),
            Err(error) => error.take().map(Err),
        }
    }
}

/// Walks the vectors of a space beside its records, both being in order of row key.
struct VectorsInStep<'a, S> {
    store: &'a Store,
    vectors: Peekable<Scan<'a>>,
    sealed: S,
}

impl<S: Fn(&RowKey, u16) -> Option<Vec<f32>>> VectorsInStep<'_, S> {
    fn of(&mut self, key: &RowKey, record: &RowRecord) -> Result<Vec<(u16, Vec<f32>)>> {
        let here = self.at(key)?;
        let mut vectors = Vec::with_capacity(record.vectors.len());
        for (column, locator) in &record.vectors {
            let vector = match locator {
                Locator::Null => continue,
                Locator::Here => here.iter().find(|(id, _)| id == column).map(|(_, v)| v.clone()),
                Locator::At(seq) => {
                    let at = RowKey { seq: *seq, ..*key };
                    let here = self.store.get_vector(&at, *column)?;
                    here.or_else(|| (self.sealed)(&at, *column))
                }
            };
            let missing = || self.store.missing_vector(key, *column);
            vectors.push((*column, vector.ok_or_else(missing)?));
        }
        Ok(vectors)
    }

    /// The vectors under exactly this key. Those before it belong to no record and are passed by.
    fn at(&mut self, key: &RowKey) -> Result<Vec<(u16, Vec<f32>)>> {
        let mut found = Vec::new();
        loop {
            let (row, column) = match self.vectors.peek() {
                None => return Ok(found),
                Some(Ok((bytes, _))) => RowKey::decode_with_column(bytes)
                    .ok_or_else(|| self.store.corrupt_value("a vector key not of 30 bytes"))?,
                Some(Err(_)) => {
                    let error = self.vectors.next().and_then(Result::err);
                    return Err(error.unwrap_or_else(|| Error::invalid("a scan changed its mind")));
                }
            };
            if row > *key {
                return Ok(found);
            }
            if let Some(entry) = self.vectors.next()
                && row == *key
            {
                found.push((column, self.store.decode_vector(&entry?.1)?));
            }
        }
    }
}

impl Store {
    /// The delta blocks of one column of an entity, in order of time.
    pub fn scan_delta_blocks(
        &self,
        space: SpaceId,
        entity: EntityId,
        column: u16,
    ) -> impl Iterator<Item = Result<(DeltaKey, DeltaBlock)>> + '_ {
        self.deltas(&keys::delta_prefix(space, entity, column))
    }

    /// All delta blocks of a space, in order of entity, column and time.
    pub fn scan_deltas(
        &self,
        space: SpaceId,
    ) -> impl Iterator<Item = Result<(DeltaKey, DeltaBlock)>> + '_ {
        self.deltas(&keys::space_prefix(space))
    }

    fn deltas<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(DeltaKey, DeltaBlock)>> + use<'a> {
        self.scan(Family::Deltas, prefix).map(|entry| {
            let (key, block) = entry?;
            let wrong = |what: String| self.corrupt_value(&format!("delta block: {what}"));
            let key = DeltaKey::decode(&key).ok_or_else(|| wrong("not of 30 bytes".to_owned()))?;
            Ok((key, delta::decode_block(&block).map_err(wrong)?))
        })
    }
}
