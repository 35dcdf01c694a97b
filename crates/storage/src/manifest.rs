//! The manifest: which row files are part of which space, kept in family `system`.
//!
//! A file enters and leaves in the batch that publishes or replaces its rows, so manifest and
//! rows never disagree. The keys of `system`:
//!
//! ```text
//! "e" + key                    the engine's own
//! "f" + space 4 + file 8       RowFileMeta
//! "n"                          the greatest file number the manifest ever named
//! "s"                          the last commit
//! ```

use crate::error::{Error, Result};
use crate::family::Family;
use crate::keys::{self, FileId};
use crate::record;
use crate::store::Store;
use cvx_core::{CommitSeq, SpaceId, ValidTime};
use serde::{Deserialize, Serialize};

pub(crate) const LAST_SEQ_KEY: &[u8] = b"s";
pub(crate) const LAST_FILE_KEY: &[u8] = b"n";
const FILES: u8 = b'f';
const ENGINE: u8 = b'e';

/// What the manifest says of a row file. It must agree with the file's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFileMeta {
    pub id: FileId,
    pub space: SpaceId,
    pub rows: u64,
    /// Length of the whole file.
    pub bytes: u64,
    /// Checksum of the file's trailer, which holds those of all the rest.
    pub crc: u32,
    pub ts_min: ValidTime,
    pub ts_max: ValidTime,
    /// The commit of all rows, where the file was written before its commit was known.
    pub seq: Option<CommitSeq>,
    /// The greatest commit of a row, as the file says it.
    pub seq_max: CommitSeq,
}

impl Store {
    /// The row files of a space, or of all spaces, in order of space and number.
    pub fn row_files(&self, space: Option<SpaceId>) -> Result<Vec<RowFileMeta>> {
        let prefix = space.map_or_else(|| vec![FILES], files_prefix);
        self.scan(Family::System, &prefix).map(|entry| self.row_file_meta(&entry?)).collect()
    }

    fn row_file_meta(&self, (key, value): &(Vec<u8>, Vec<u8>)) -> Result<RowFileMeta> {
        let corrupt = |what: String| Error::corrupt(self.database_path(), 0, what);
        let meta: RowFileMeta =
            record::decode(value).map_err(|what| corrupt(format!("manifest row: {what}")))?;
        if *key != file_key(meta.space, meta.id) {
            return Err(corrupt(format!("manifest row of file {} under another key", meta.id.0)));
        }
        Ok(meta)
    }
}

pub(crate) fn engine_key(key: &[u8]) -> Vec<u8> {
    [&[ENGINE], key].concat()
}

pub(crate) fn files_prefix(space: SpaceId) -> Vec<u8> {
    [&[FILES][..], &keys::space_prefix(space)].concat()
}

pub(crate) fn file_key(space: SpaceId, id: FileId) -> Vec<u8> {
    [&files_prefix(space)[..], &id.0.to_be_bytes()].concat()
}
