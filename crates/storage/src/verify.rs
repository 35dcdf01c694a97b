//! Checking everything, for `cvx check`: every block of every table and blob by its checksum,
//! every key and value by decoding it, every row file by its bytes, and each against the others.

use crate::delta;
use crate::encode::{RowKeys, column_name};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::keys::{DeltaKey, FileId, RowKey};
use crate::manifest::RowFileMeta;
use crate::record::{Locator, RowRecord};
use crate::store::Store;
use arrow::array::Array;
use cvx_core::CommitSeq;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// More of the same kind tell nothing new.
const FINDINGS_MAX: usize = 1000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A column family, or the path of a file.
    pub place: String,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Store {
    /// Reads all there is and tells what is wrong; nothing, if all is well. Changes nothing.
    #[must_use]
    pub fn verify(&self) -> Vec<Finding> {
        let mut check = Check { store: self, findings: Vec::new(), sealed: RefCell::default() };
        for family in Family::ALL {
            check.family(family);
        }
        check.files();
        let missing = check.sealed.take();
        for (key, column) in missing {
            check.report(
                "row files",
                format_args!("the vector of column {column} of {key:?} is missing"),
            );
        }
        check.findings
    }
}

struct Check<'a> {
    store: &'a Store,
    findings: Vec<Finding>,
    /// Vectors that records point to and that must be in row files, until they are found there.
    sealed: RefCell<HashSet<(RowKey, u16)>>,
}

impl Check<'_> {
    fn report(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place: place.to_string(), what: what.to_string() });
        }
    }

    fn family(&mut self, family: Family) {
        for entry in self.store.scan(family, &[]) {
            let checked = entry.map_err(|error| error.to_string()).and_then(|(key, value)| {
                self.entry(family, &key, &value)
                    .map_err(|what| format!("key {}: {what}", hex(&key)))
            });
            if let Err(what) = checked {
                self.report(format_args!("family {}", family.name()), what);
            }
        }
    }

    fn entry(&self, family: Family, key: &[u8], value: &[u8]) -> Result<(), String> {
        match family {
            Family::Metadata => self.row(&row_key(key)?, value),
            Family::Vectors => {
                RowKey::decode_with_column(key).ok_or("not of 30 bytes")?;
                self.store.decode_vector(value).map(drop).map_err(|error| error.to_string())
            }
            Family::Timelines => {
                let closed = row_key(key)?;
                let to = self.store.decode_closure(value).map_err(|error| error.to_string())?;
                self.commit_in_range(closed.seq)?;
                self.commit_in_range(to)
            }
            Family::Deltas => self.delta(key, value),
            // The engine's own; the manifest is checked with the files.
            Family::Views | Family::Changepoints | Family::System => Ok(()),
        }
    }

    fn row(&self, key: &RowKey, value: &[u8]) -> Result<(), String> {
        let record = RowRecord::decode(value)?;
        self.commit_in_range(key.seq)?;
        for (column, locator) in &record.vectors {
            let at = match locator {
                Locator::Null => continue,
                Locator::Here => *key,
                Locator::At(seq) => RowKey { seq: *seq, ..*key },
            };
            let found = self.store.get_vector(&at, *column).map_err(|error| error.to_string())?;
            match (found, locator) {
                (Some(_), _) => {}
                (None, Locator::At(_)) => {
                    self.sealed.borrow_mut().insert((at, *column));
                }
                (None, _) => return Err(format!("the vector of column {column} is missing")),
            }
        }
        Ok(())
    }

    fn delta(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let key = DeltaKey::decode(key).ok_or("not of 30 bytes")?;
        let block = delta::decode_block(value)?;
        if block.addresses.first() != Some(&(key.ts, key.seq)) {
            return Err("a delta block that begins elsewhere".to_owned());
        }
        Ok(())
    }

    fn commit_in_range(&self, seq: CommitSeq) -> Result<(), String> {
        if seq > self.store.last_seq() {
            return Err(format!("commit {} after the last, {}", seq.0, self.store.last_seq().0));
        }
        Ok(())
    }

    fn files(&mut self) {
        let named = match self.store.row_files(None) {
            Ok(named) => named,
            Err(error) => return self.report("manifest", error),
        };
        for meta in &named {
            if let Err(what) = self.file(meta) {
                self.report(self.store.row_file_path(meta.id).display(), what);
            }
        }
        let named: HashSet<FileId> = named.iter().map(|meta| meta.id).collect();
        match self.store.files_on_disk() {
            Ok(files) => {
                for (path, id) in files {
                    if !id.is_some_and(|id| named.contains(&id)) {
                        self.report(path.display(), "not in the manifest: left over, to be swept");
                    }
                }
            }
            Err(error) => self.report("row files", error),
        }
    }

    fn file(&self, meta: &RowFileMeta) -> Result<(), String> {
        self.commit_in_range(meta.seq.unwrap_or(meta.seq_max))?;
        self.store.verify_row_file(meta).map_err(|error| match error {
            Error::Corrupt { offset, what, .. } => format!("byte {offset}: {what}"),
            other => other.to_string(),
        })?;
        self.find_sealed(meta).map_err(|error| error.to_string())
    }

    /// Strikes off the vectors that are in this file.
    fn find_sealed(&self, meta: &RowFileMeta) -> Result<()> {
        let mut wanted = self.sealed.borrow_mut();
        if wanted.is_empty() {
            return Ok(());
        }
        let batch = self.store.open_row_file(meta)?;
        let keys = RowKeys::new(meta.space, &batch, None)?;
        let columns: HashSet<u16> = wanted.iter().map(|(_, column)| *column).collect();
        for row in 0..batch.num_rows() {
            let key = keys.get(row)?;
            for column in &columns {
                let values = batch.column_by_name(&column_name(*column));
                if values.is_some_and(|values| values.is_valid(row)) {
                    wanted.remove(&(key, *column));
                }
            }
        }
        Ok(())
    }
}

fn row_key(key: &[u8]) -> Result<RowKey, String> {
    RowKey::decode(key).ok_or_else(|| "not of 28 bytes".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::options::StoreOptions;
    use crate::record::RowKind;
    use arrow::array::{
        ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, UInt64Array,
    };
    use arrow::datatypes::{DataType, Field};
    use cvx_core::{EntityId, SpaceId, ValidTime};
    use std::sync::Arc;

    const SPACE: SpaceId = SpaceId(7);

    fn key(seq: u64) -> RowKey {
        RowKey { space: SPACE, entity: EntityId(1), ts: ValidTime(10), seq: CommitSeq(seq) }
    }

    fn sealed() -> RecordBatch {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let floats = Arc::new(Float32Array::from(vec![1.5, -2.5]));
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("c3", Arc::new(FixedSizeListArray::new(item, 2, floats, None)), true),
            ("_entity", Arc::new(UInt64Array::from(vec![1])), false),
            ("_ts", Arc::new(Int64Array::from(vec![10])), false),
            ("_seq", Arc::new(UInt64Array::from(vec![2])), false),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// A version that has its vector from one that was sealed is whole as long as the row file of
    /// that one is part of its space.
    #[test]
    fn a_vector_may_be_in_a_row_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        let vectors = vec![(3, Locator::At(CommitSeq(2)))];
        let record = RowRecord { kind: RowKind::Point, known: 4, cells: vec![], vectors };
        let meta = store.write_row_file(SPACE, store.new_file_id(), &sealed()).unwrap();
        let mut batch = Batch::new();
        batch.add_file(&meta).unwrap();
        batch.put_row(&key(3), &record).unwrap();
        batch.set_last_seq(CommitSeq(3));
        store.commit(&batch, true).unwrap();
        assert_eq!(store.verify(), []);
        let in_file = |at: &RowKey, column| (*at == key(2) && column == 3).then(|| vec![1.5, -2.5]);
        let rows: Vec<_> = store.scan_full_rows(SPACE, in_file).map(Result::unwrap).collect();
        assert_eq!(rows[0].vectors, [(3, vec![1.5, -2.5])]);
        let lost = store.scan_full_rows(SPACE, |_, _| None).next();
        assert!(lost.is_some_and(|row| row.is_err_and(|error| error.is_corrupt())));
        let mut batch = Batch::new();
        batch.remove_file(SPACE, meta.id);
        store.commit(&batch, true).unwrap();
        store.remove_row_file(meta.id).unwrap();
        let found: Vec<String> = store.verify().iter().map(ToString::to_string).collect();
        assert!(found.len() == 1 && found[0].contains("is missing"), "{found:?}");
    }
}
