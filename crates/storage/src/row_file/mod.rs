//! Row files: sealed rows, written once, mapped into memory and never changed.
//!
//! ```text
//!  0        64                      body          keys end      body end         len-64    len
//!  +--------+-----------------------+-------------+-------------+----------------+---------+
//!  | header | Arrow schema, message | key columns | user columns| Arrow footer   | trailer |
//!  +--------+-----------------------+-------------+-------------+----------------+---------+
//!  '------------------ head crc ----------------' '- rows crc -' '-- foot crc --'
//!
//!  header                       trailer
//!   0  magic "CVXROWS\n"         0  magic "CVXREND\n"
//!   8  version u32 = 1           8  length of the Arrow part u64
//!  12  space u32                16  offset of the body u64
//!  16  file number u64          24  offset of the end of the keys u64
//!  24  rows u64                 32  offset of the end of the body u64
//!  32  zeros                    40  head, rows and foot crc, u32 each
//!  60  crc32c of the above u32  52  zeros
//!                               60  crc32c of the above u32
//! ```
//!
//! Numbers are little-endian. The middle is one Arrow IPC file of one record batch, so any Arrow
//! reader understands it; its buffers lie at multiples of 64 bytes of the file and are used where
//! they are. The key columns `_entity`, `_ts`, `_seq` come first in it, which makes all that
//! decides *which* rows exist one run of bytes: opening checks that run, the Arrow metadata and
//! the trailer's agreement with the manifest, and that costs 24 bytes a row. Arrow checks offsets
//! and UTF-8 of the user columns. The bytes of the vectors themselves are checked by
//! [`Store::verify_row_file`], for reading gigabytes at every start is what the map is to avoid.
//!
//! Rejected: Parquet, which cannot be used without decoding; RocksDB's blob files, which would
//! copy each vector once more to reach Arrow.

mod arrow_part;
mod frame;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::directory;
use crate::encode::{ENTITY_COLUMN, SEQ_COLUMN, TS_COLUMN, key_column};
use crate::error::{Error, Result};
use crate::keys::FileId;
use crate::manifest::RowFileMeta;
use crate::store::Store;
use arrow::array::RecordBatch;
use arrow::datatypes::{Int64Type, UInt64Type};
use cvx_core::{CommitSeq, SpaceId, ValidTime};
use read::OpenFile;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// The order of the key columns in a file.
const KEY_COLUMNS: [&str; 3] = [ENTITY_COLUMN, TS_COLUMN, SEQ_COLUMN];
const EXTENSION: &str = "row";

impl Store {
    /// Writes rows as a file of a space: durable when this returns, and part of the space once a
    /// committed batch adds it. The batch has the key columns, in any place, without NULLs.
    pub fn write_row_file(
        &self,
        space: SpaceId,
        id: FileId,
        batch: &RecordBatch,
    ) -> Result<RowFileMeta> {
        self.check_writable()?;
        let path = self.row_file_path(id);
        if path.exists() {
            return Err(Error::invalid(format!("file {} is there already", id.0)));
        }
        let temp = directory::temp_path(&path);
        let written = write::write(&temp, space, id, batch)
            .and_then(|meta| directory::publish(&temp, &path).map(|()| meta));
        match written {
            Ok(meta) => {
                self.row_file_bytes_written.fetch_add(meta.bytes, Ordering::Relaxed);
                Ok(meta)
            }
            Err(error) => {
                // Nothing names the file yet: the statement fails, the store goes on.
                let _ = fs::remove_file(&temp);
                Err(error)
            }
        }
    }

    /// The rows of a file, mapped: user columns as they were written, then the key columns. Where
    /// the manifest says one commit for all rows, `_seq` says it too.
    pub fn open_row_file(&self, meta: &RowFileMeta) -> Result<RecordBatch> {
        let path = self.row_file_path(meta.id);
        OpenFile::open(&path, meta)?.batch(meta)
    }

    /// Checks every byte of a file.
    pub fn verify_row_file(&self, meta: &RowFileMeta) -> Result<()> {
        let path = self.row_file_path(meta.id);
        let file = OpenFile::open(&path, meta)?;
        file.check_rows_crc()?;
        file.batch(meta).map(drop)
    }

    /// Removes a file that no manifest names any more. Readers that have it mapped keep it.
    pub fn remove_row_file(&self, id: FileId) -> Result<()> {
        let path = self.row_file_path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes all row files that the manifest does not name. Only at open, as below.
    pub fn sweep(&self) -> Result<usize> {
        let named = self.row_files(None)?;
        self.sweep_row_files(&named.iter().map(|meta| meta.id).collect())
    }

    /// Removes all row files but these, and what interrupted writes left. Gives how many went.
    /// Only at open: later, a file may be written and not yet named.
    pub fn sweep_row_files(&self, keep: &HashSet<FileId>) -> Result<usize> {
        let mut swept = 0;
        for (path, id) in self.files_on_disk()? {
            let stale = match id {
                Some(id) => !keep.contains(&id),
                None => path.extension().is_some_and(|extension| extension == "tmp"),
            };
            if stale {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// The greatest file number in the directory, 0 if there is none.
    pub(crate) fn last_file_on_disk(&self) -> Result<u64> {
        let ids = self.files_on_disk()?.into_iter().filter_map(|(_, id)| Some(id?.0));
        Ok(ids.max().unwrap_or(0))
    }

    /// What lies in the directory of row files, with the number where the name is of ours.
    pub(crate) fn files_on_disk(&self) -> Result<Vec<(PathBuf, Option<FileId>)>> {
        let dir = &self.rows_dir;
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(|error| Error::io(dir, error))? {
            let path = entry.map_err(|error| Error::io(dir, error))?.path();
            let id = file_id(&path).filter(|id| self.row_file_path(*id) == path);
            files.push((path, id));
        }
        Ok(files)
    }

    pub(crate) fn row_file_path(&self, id: FileId) -> PathBuf {
        self.rows_dir.join(format!("{:016x}.{EXTENSION}", id.0))
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    let stem = path.file_stem()?.to_str()?;
    path.extension().filter(|extension| *extension == EXTENSION)?;
    u64::from_str_radix(stem, 16).ok().map(FileId)
}

/// What the manifest will say of a batch, but for the file's length and checksum.
fn describe(space: SpaceId, id: FileId, batch: &RecordBatch) -> Result<RowFileMeta> {
    key_column::<UInt64Type>(batch, ENTITY_COLUMN)?;
    let ts = key_column::<Int64Type>(batch, TS_COLUMN)?;
    let seqs = key_column::<UInt64Type>(batch, SEQ_COLUMN)?;
    let empty = || Error::invalid("a row file without rows");
    Ok(RowFileMeta {
        id,
        space,
        rows: batch.num_rows() as u64,
        bytes: 0,
        crc: 0,
        ts_min: ValidTime(*ts.iter().min().ok_or_else(empty)?),
        ts_max: ValidTime(*ts.iter().max().ok_or_else(empty)?),
        seq: None,
        seq_max: CommitSeq(*seqs.iter().max().ok_or_else(empty)?),
    })
}
