//! Files of indexes: made from row files, kept beside them, never needed.
//!
//! ```text
//! indexes/<index oid>-<row file number>.idx              of one row file
//! indexes/<index oid>-<least>-<greatest>-<mark>.idx      of several, between these numbers
//! ```
//!
//! The bytes are the index crate's, which checks every one of them when it opens them; here they
//! are written whole, synced, and only then given their name. No manifest names them, for nothing
//! is lost with them: what is missing or damaged is built again from its row file, and what belongs
//! to no index any more is removed by whoever knows the catalog. So a failure here fails no commit
//! and poisons nothing.

use crate::directory;
use crate::error::{Error, Result};
use crate::keys::FileId;
use crate::mmap;
use crate::store::Store;
use arrow::buffer::Buffer;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const DIRECTORY: &str = "indexes";
const EXTENSION: &str = "idx";

/// Names an index's file: whose index it is, and of which row file, or of several between two
/// numbers, which the mark tells apart from others between the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexFileId {
    pub index: u32,
    pub first: FileId,
    pub last: FileId,
    /// 0 of one row file's, never 0 of several.
    pub mark: u64,
}

impl IndexFileId {
    /// Of one row file.
    #[must_use]
    pub fn of(index: u32, file: FileId) -> Self {
        Self { index, first: file, last: file, mark: 0 }
    }

    /// Of several row files between two numbers.
    #[must_use]
    pub fn of_several(index: u32, first: FileId, last: FileId, mark: u64) -> Self {
        Self { index, first, last, mark: mark.max(1) }
    }

    #[must_use]
    pub fn is_of_several(&self) -> bool {
        self.mark != 0
    }

    /// Whether the file may tell anything of a row file's rows.
    #[must_use]
    pub fn may_tell_of(&self, file: FileId) -> bool {
        (self.first..=self.last).contains(&file)
    }
}

/// Where index files lie in a data directory.
pub(crate) fn directory_of(dir: &Path) -> PathBuf {
    dir.join(DIRECTORY)
}

impl Store {
    /// Writes an index's file, piece by piece and durably, in place of one that may be there.
    pub fn write_index_file<'a>(
        &self,
        id: IndexFileId,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<()> {
        let path = self.index_file_path(id);
        let temp = directory::temp_path(&path);
        let write = || {
            let mut file = File::create(&temp)?;
            pieces.into_iter().try_for_each(|piece| file.write_all(piece))?;
            file.sync_all()
        };
        let written = write().map_err(|error| Error::io(&temp, error));
        let written = written.and_then(|()| directory::publish(&temp, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temp);
        }
        written
    }

    /// The bytes of an index's file, mapped; `None` if there is no such file.
    pub fn open_index_file(&self, id: IndexFileId) -> Result<Option<Buffer>> {
        let path = self.index_file_path(id);
        match File::open(&path) {
            Ok(file) => mmap::map_index(&file, &path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Removes an index's file, if it is there. Readers that have it mapped keep it.
    pub fn remove_index_file(&self, id: IndexFileId) -> Result<()> {
        remove(&self.index_file_path(id))
    }

    /// The index files there are. What an interrupted write left is removed.
    pub fn index_files(&self) -> Result<Vec<IndexFileId>> {
        let dir = directory_of(self.directory());
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|error| Error::io(&dir, error))? {
            let path = entry.map_err(|error| Error::io(&dir, error))?.path();
            match parse(&path) {
                Some(id) => found.push(id),
                None if path.extension().is_some_and(|ext| ext == "tmp") => remove(&path)?,
                None => {}
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn index_file_path(&self, id: IndexFileId) -> PathBuf {
        let IndexFileId { index, first, last, mark } = id;
        let name = match mark {
            0 => format!("{index}-{}.{EXTENSION}", first.0),
            _ => format!("{index}-{}-{}-{mark:016x}.{EXTENSION}", first.0, last.0),
        };
        directory_of(self.directory()).join(name)
    }

    /// The data directory.
    fn directory(&self) -> &Path {
        self.rows_dir.parent().unwrap_or(Path::new("."))
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

fn parse(path: &Path) -> Option<IndexFileId> {
    let stem = path.file_name()?.to_str()?.strip_suffix(&format!(".{EXTENSION}"))?;
    let parts: Vec<&str> = stem.split('-').collect();
    let file = |text: &str| text.parse().ok().map(FileId);
    match parts[..] {
        [index, of] => Some(IndexFileId::of(index.parse().ok()?, file(of)?)),
        [index, first, last, mark] => {
            let mark = u64::from_str_radix(mark, 16).ok().filter(|mark| *mark != 0)?;
            let (index, first, last) = (index.parse().ok()?, file(first)?, file(last)?);
            Some(IndexFileId::of_several(index, first, last, mark))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn files_come_and_go_and_leavings_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        let id = IndexFileId::of(16_501, FileId(7));
        let several = IndexFileId::of_several(16_501, FileId(7), FileId(12), 0xfeed);
        assert!(store.open_index_file(id).unwrap().is_none());
        store.write_index_file(id, [&b"on"[..], b"e"]).unwrap();
        let mapped = store.open_index_file(id).unwrap().unwrap();
        store.write_index_file(id, [&b"other"[..]]).unwrap();
        assert_eq!(mapped.as_slice(), b"one");
        fs::write(dir.path().join("indexes/16501-8.idx.tmp"), "half").unwrap();
        fs::write(dir.path().join("indexes/notes.txt"), "not ours").unwrap();
        store.write_index_file(several, [&b"all"[..]]).unwrap();
        assert_eq!(store.index_files().unwrap(), [id, several]);
        assert!(several.may_tell_of(FileId(9)) && !several.may_tell_of(FileId(13)));
        store.remove_index_file(several).unwrap();
        assert!(!dir.path().join("indexes/16501-8.idx.tmp").exists());
        store.remove_index_file(id).unwrap();
        store.remove_index_file(id).unwrap();
        assert_eq!(store.index_files().unwrap(), []);
    }
}
