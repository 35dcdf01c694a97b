//! Savepoints: places in a transaction's work that it can go back to.
//!
//! Every version a transaction opens or closes carries the sequence of the call that did it, so
//! going back is to forget what has a later one; rows of later calls leave their runs and files.
//! What was staged of the catalog is one immutable value and simply taken up again. Sequences are
//! never used twice, so a read that began before the way back cannot mistake new rows for old.

use super::commit::remove_files;
use super::ddl::Staged;
use super::spill::write_files;
use super::{OWN_BASE, Txn};
use crate::Result;
use crate::closure::Closures;
use crate::core::Core;
use crate::layout::Layout;
use crate::own::OwnTable;
use crate::segment::Segment;
use crate::tail::gather;
use cvx_core::SpaceId;
use cvx_storage::FileId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place to go back to, any number of times, as long as the transaction goes on.
#[derive(Clone, Debug)]
pub struct Savepoint {
    calls: u64,
    ddl: Option<Staged>,
    tables: BTreeMap<SpaceId, Mark>,
}

/// What of a table's own state has no sequence.
#[derive(Clone, Debug)]
struct Mark {
    own: Arc<OwnTable>,
    layout: Arc<Layout>,
    fresh: usize,
}

/// A table's rows without those of later calls.
struct Kept {
    runs: Vec<Arc<Segment>>,
    files: Vec<Arc<Segment>>,
}

impl Txn {
    /// The transaction as it stands.
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        let mark = |own: &Arc<OwnTable>| {
            let state = own.state.read();
            let (layout, fresh) = (Arc::clone(&state.layout), state.fresh.len());
            Mark { own: Arc::clone(own), layout, fresh }
        };
        Savepoint {
            calls: self.calls,
            ddl: self.ddl.clone(),
            tables: self.tables.iter().map(|(space, own)| (*space, mark(own))).collect(),
        }
    }

    /// Forgets what was done since a savepoint of this transaction. After an error everything is
    /// as it was.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) -> Result<()> {
        let core = Arc::clone(self.engine.core());
        let last = OWN_BASE + savepoint.calls;
        // What can fail comes first.
        self.settle()?;
        let marks = savepoint.tables.values();
        let kept = marks.map(|mark| mark.keep(&core, last, &mut self.spilled));
        let kept = kept.collect::<Result<Vec<_>>>()?;
        let unknown = |space: &&SpaceId| !savepoint.tables.contains_key(*space);
        let later = self.tables.iter().filter(|(space, _)| unknown(space));
        let mut gone = Vec::new();
        later.for_each(|(_, own)| gone.extend(file_ids(&own.state.read().files)));
        for (mark, kept) in savepoint.tables.values().zip(kept) {
            gone.extend(mark.go_back(kept, last));
        }
        let tables = savepoint.tables.iter();
        self.tables = tables.map(|(space, mark)| (*space, Arc::clone(&mark.own))).collect();
        self.ddl = savepoint.ddl.clone();
        self.spilled.retain(|file| !gone.contains(file));
        remove_files(&core, &gone);
        Ok(())
    }
}

impl Mark {
    fn keep(&self, core: &Core, last: u64, spilled: &mut Vec<FileId>) -> Result<Kept> {
        let state = self.own.state.read();
        let mut kept = Kept { runs: Vec::new(), files: Vec::new() };
        for run in state.runs.iter().filter(|run| run.seq_min <= last) {
            if run.seq_max <= last {
                kept.runs.push(Arc::clone(run));
                continue;
            }
            let rows = gather(&[Arc::clone(run)], &rows_up_to(run, last), &self.layout)?;
            kept.runs.push(Arc::new(Segment::new(&rows, None, Closures::open(0))?));
        }
        for file in state.files.iter().filter(|file| file.seq_min <= last) {
            if file.seq_max <= last {
                kept.files.push(Arc::clone(file));
                continue;
            }
            let (one, rows) = ([Arc::clone(file)], rows_up_to(file, last));
            let written = write_files(core, self.own.store.space, &self.layout, &one, &rows)?;
            spilled.extend(file_ids(&written));
            kept.files.extend(written);
        }
        Ok(kept)
    }

    /// Takes up the state at the mark; gives the files that are of no more use.
    fn go_back(&self, kept: Kept, last: u64) -> Vec<FileId> {
        let mut state = self.own.state.write();
        let mut gone: Vec<FileId> = file_ids(&state.files).collect();
        let used: Vec<FileId> = file_ids(&kept.files).collect();
        gone.retain(|file| !used.contains(file));
        state.runs = kept.runs;
        state.files = kept.files;
        state.layout = Arc::clone(&self.layout);
        state.fresh.truncate(self.fresh);
        state.forget_after(last);
        gone
    }
}

/// The rows of calls up to `last`, as (segment, row) of one segment.
fn rows_up_to(segment: &Segment, last: u64) -> Vec<(usize, usize)> {
    let kept = (0..segment.rows()).filter(|row| segment.seqs.get(*row) <= last);
    kept.map(|row| (0, row)).collect()
}

fn file_ids(files: &[Arc<Segment>]) -> impl Iterator<Item = FileId> + '_ {
    files.iter().filter_map(|file| Some(file.file.as_ref()?.id))
}
