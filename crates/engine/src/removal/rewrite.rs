//! Row files without the rows that go.

use super::{Doom, RemovalReport};
use crate::Result;
use crate::core::Core;
use crate::seal::SealedRows;
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::txn::write_files;
use cvx_storage::IndexFileId;
use hashbrown::HashSet;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A removal on its way from the sealer to the writer, and back where it came too late.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) store: Arc<TableStore>,
    pub(crate) doom: Doom,
    pub(crate) replaced: Vec<Replaced>,
    /// Sealed segments that were looked at, by number.
    seen: HashSet<u64>,
}

/// A sealed segment and the files that stand for what of it stays.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(crate) old: Arc<Segment>,
    /// Each with the places of its rows in the old one.
    pub(crate) files: SealedRows,
}

/// How the writer answers.
pub(crate) enum Answer {
    Done(RemovalReport, Removal),
    /// A commit brought a row file with rows that go: it must be written anew too.
    Again(Removal),
    Failed(crate::Error),
}

/// A removal, and where its answer goes.
pub(crate) struct RemovalRequest {
    pub(crate) removal: Removal,
    pub(crate) reply: oneshot::Sender<Box<Answer>>,
}

impl std::fmt::Debug for RemovalRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemovalRequest").field("removal", &self.removal).finish_non_exhaustive()
    }
}

impl Removal {
    pub(crate) fn new(store: Arc<TableStore>, doom: Doom) -> Self {
        Self { store, doom, replaced: Vec::new(), seen: HashSet::new() }
    }

    /// Writes files for the segments that were not looked at yet.
    pub(crate) fn rewrite(&mut self, core: &Core) -> Result<()> {
        let list = self.store.list.load_full();
        for old in &list.sealed {
            if self.seen.contains(&old.number) {
                continue;
            }
            if self.doom.takes_any(old) {
                let mut replaced = Replaced { old: Arc::clone(old), files: Vec::new() };
                let written = self.write(core, &mut replaced);
                self.replaced.push(replaced);
                written?;
            }
            self.seen.insert(old.number);
        }
        Ok(())
    }

    fn write(&self, core: &Core, replaced: &mut Replaced) -> Result<()> {
        let layout = self.store.layout.load_full();
        let one = [Arc::clone(&replaced.old)];
        for rows in self.doom.kept(&replaced.old).chunks(core.options.seal_rows.max(1)) {
            for file in write_files(core, self.store.space, &layout, &one, rows)? {
                replaced.files.push((file, rows.to_vec()));
            }
        }
        Ok(())
    }

    /// Whether every sealed segment with rows that go has its files.
    pub(crate) fn is_complete(&self, sealed: &[Arc<Segment>]) -> bool {
        sealed.iter().all(|one| self.seen.contains(&one.number) || !self.doom.takes_any(one))
    }

    /// Removes the files that were replaced.
    pub(crate) fn remove_old(&self, core: &Core) -> Result<()> {
        let files = self.replaced.iter().filter_map(|replaced| replaced.old.file.as_ref());
        let old: HashSet<_> = files.map(|meta| meta.id).collect();
        // Codes tell what the vectors were, near enough.
        let indexes = core.store.index_files()?;
        let tells = |id: &IndexFileId| old.iter().any(|file| id.may_tell_of(*file));
        let mut derived = indexes.into_iter().filter(tells);
        derived.try_for_each(|id| core.store.remove_index_file(id))?;
        old.into_iter().try_for_each(|id| Ok(core.store.remove_row_file(id)?))
    }

    /// Removes the files that were written for nothing.
    pub(crate) fn remove_new(&self, core: &Core) {
        let files = self.replaced.iter().flat_map(|replaced| &replaced.files);
        for meta in files.filter_map(|(file, _)| file.file.as_ref()) {
            // What cannot be removed now is swept at the next open.
            let _ = core.store.remove_row_file(meta.id);
        }
    }
}
