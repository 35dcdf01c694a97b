//! Trained models, one a table and vector column: files beside the data.
//!
//! ```text
//! models/<space>-<column>.model     in hexadecimal; the bytes are the trainer's, checksum and all
//! ```
//!
//! A model is made from the data and can be made again, so it is in no log and no manifest: a crash
//! leaves the old one or the new one, whole. Models of tables that are gone are swept at open.

use crate::directory;
use crate::error::{Error, Result};
use crate::store::Store;
use cvx_core::SpaceId;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

const EXTENSION: &str = "model";

impl Store {
    /// Keeps a model in the place of an older one, durably.
    pub fn write_model(&self, space: SpaceId, column: u16, bytes: &[u8]) -> Result<()> {
        directory::make(&self.models_dir())?;
        directory::write_atomically(&self.model_path(space, column), bytes)
    }

    /// The bytes last written; none if there is no model.
    pub fn read_model(&self, space: SpaceId, column: u16) -> Result<Option<Vec<u8>>> {
        let path = self.model_path(space, column);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Whose models there are, each with its file.
    pub fn models(&self) -> Result<Vec<(SpaceId, u16, PathBuf)>> {
        let files = self.model_files()?.into_iter();
        let named = files.filter_map(|path| owner_of(&path).map(|(of, column)| (of, column, path)));
        Ok(named.collect())
    }

    /// Removes a space's models, and says how many there were.
    pub fn remove_models(&self, space: SpaceId) -> Result<usize> {
        let mut removed = 0;
        self.remove_models_if(|found| {
            removed += usize::from(found == Some(space));
            found == Some(space)
        })?;
        Ok(removed)
    }

    /// Removes what belongs to spaces that are not kept, and what a crash left half written.
    pub fn sweep_models(&self, keep: impl Fn(SpaceId) -> bool) -> Result<()> {
        self.remove_models_if(|space| !space.is_some_and(&keep))
    }

    fn remove_models_if(&self, mut goes: impl FnMut(Option<SpaceId>) -> bool) -> Result<()> {
        for path in self.model_files()? {
            if goes(owner_of(&path).map(|(space, _)| space)) {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    fn model_files(&self) -> Result<Vec<PathBuf>> {
        let dir = self.models_dir();
        let failed = |error| Error::io(&dir, error);
        match fs::read_dir(&dir) {
            Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn models_dir(&self) -> PathBuf {
        self.rows_dir.with_file_name("models")
    }

    fn model_path(&self, space: SpaceId, column: u16) -> PathBuf {
        self.models_dir().join(format!("{:08x}-{column:04x}.{EXTENSION}", space.0))
    }
}

/// Whose model a file is, by its name: the table's space and the column.
fn owner_of(path: &std::path::Path) -> Option<(SpaceId, u16)> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let (space, column) = path.file_stem()?.to_str()?.split_once('-')?;
    let space = u32::from_str_radix(space, 16).ok().map(SpaceId)?;
    Some((space, u16::from_str_radix(column, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[test]
    fn the_last_model_is_there_after_a_restart_and_those_of_others_go() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), &StoreOptions::default()).unwrap();
        let store = open();
        assert_eq!(store.read_model(SpaceId(7), 2).unwrap(), None);
        store.write_model(SpaceId(7), 2, b"old").unwrap();
        store.write_model(SpaceId(7), 2, b"new").unwrap();
        store.write_model(SpaceId(0xffff_ffff), 2, b"gone").unwrap();
        drop(store);
        fs::write(dir.path().join("models/00000007-0002.model.tmp"), b"half").unwrap();
        let store = open();
        store.sweep_models(|space| space == SpaceId(7)).unwrap();
        assert_eq!(store.read_model(SpaceId(7), 2).unwrap(), Some(b"new".to_vec()));
        assert_eq!(store.read_model(SpaceId(0xffff_ffff), 2).unwrap(), None);
        let left = store.models().unwrap();
        assert_eq!(left.iter().map(|of| (of.0, of.1)).collect::<Vec<_>>(), [(SpaceId(7), 2)]);
        assert_eq!(fs::read(&left[0].2).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path().join("models")).unwrap().count(), 1);
    }
}
