//! Own rows beyond what a transaction keeps in memory go to row files at once.
//!
//! Such a file is synced when it is written, and named by no manifest: the commit names it, with
//! one sequence for all its rows, so that a bulk byte is written once. A transaction that ends
//! otherwise removes its files, and one that ends with the process leaves them to the sweep at
//! the next open.
//!
//! Writing has a thread of its own, and the transaction goes on: while one lot of rows is encoded,
//! copied and synced, the next comes in. There is one lot under way at a time, so at most three
//! times what a transaction may keep is in memory: the lot, its copy, and the rows that follow.
//! Whoever needs the files (the next lot, the commit, a way back) waits for them, and hears what
//! went wrong before it wrote anything itself; the rows are in memory again then.

use super::Txn;
use crate::closure::Closures;
use crate::core::Core;
use crate::error::no_thread;
use crate::indexes::sketch_new;
use crate::layout::Layout;
use crate::own::{OwnState, OwnTable};
use crate::segment::Segment;
use crate::tail::{SegmentList, gather, merged_order};
use crate::{Error, Result, Table};
use arrow::array::RecordBatch;
use cvx_core::SpaceId;
use cvx_storage::{FileId, RowFileMeta};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Rows on their way to files.
#[derive(Debug)]
pub(crate) struct Lot {
    rows: Vec<Arc<Segment>>,
    files: JoinHandle<Result<Vec<Arc<Segment>>>>,
}

impl Txn {
    /// Has the table's own rows written out if they have become many.
    pub(super) fn spill(&mut self, own: &OwnTable) -> Result<()> {
        let core = self.engine.core();
        let mut state = own.state.write();
        if state.bytes() <= core.options.spill_bytes {
            return Ok(());
        }
        self.spilled.extend(state.settle()?);
        state.lot = Some(Lot::start(core, own.store.space, &state)?);
        state.runs.clear();
        state.shared.clear();
        Ok(())
    }

    /// Waits for what is under way to files, of all tables.
    pub(super) fn settle(&mut self) -> Result<()> {
        for own in self.tables.values() {
            self.spilled.extend(own.state.write().settle()?);
        }
        Ok(())
    }
}

impl Lot {
    fn start(core: &Arc<Core>, space: SpaceId, state: &OwnState) -> Result<Self> {
        let rows = state.runs.clone();
        let (core, layout) = (Arc::clone(core), Arc::clone(&state.layout));
        let runs = rows.clone();
        let work = move || write_files(&core, space, &layout, &runs, &merged_order(&runs));
        let files = Builder::new().name("cvx-spill".to_owned()).spawn(work).map_err(no_thread)?;
        Ok(Self { rows, files })
    }

    /// The rows, wherever they are.
    pub(crate) fn rows(&self) -> &[Arc<Segment>] {
        &self.rows
    }
}

impl OwnState {
    /// Waits for rows that are under way to files; gives the files that there are now.
    pub(super) fn settle(&mut self) -> Result<Vec<FileId>> {
        let Some(Lot { rows, files }) = self.lot.take() else { return Ok(Vec::new()) };
        match files.join().unwrap_or_else(|_| Err(panicked())) {
            Ok(files) => {
                let ids = files.iter().filter_map(|file| Some(file.file.as_ref()?.id)).collect();
                self.files.extend(files);
                Ok(ids)
            }
            Err(error) => {
                self.runs.splice(..0, rows);
                Err(error)
            }
        }
    }
}

/// Writes rows, in the order given, as files of a bounded number of rows.
pub(crate) fn write_files(
    core: &Core,
    space: SpaceId,
    layout: &Layout,
    segments: &[Arc<Segment>],
    order: &[(usize, usize)],
) -> Result<Vec<Arc<Segment>>> {
    let chunks = order.chunks(core.options.seal_rows.max(1));
    let write = |rows: &[(usize, usize)]| {
        let batch = gather(segments, rows, layout)?;
        let here = Segment::new(&batch, None, Closures::open(0))?;
        here.take_sketches(segments, rows);
        let sketches = Arc::clone(&here.sketches);
        let meta = write_and_sketch(core, space, &layout.table, batch, here)?;
        let mapped = core.store.open_row_file(&meta)?;
        let mut sealed = Segment::sealed(&mapped, meta, Closures::open(0))?;
        sealed.sketches = sketches;
        Ok(Arc::new(sealed))
    };
    chunks.map(write).collect()
}

/// Writes a batch; while the disk is waited for, another thread makes what codes it has not.
fn write_and_sketch(
    core: &Core,
    space: SpaceId,
    table: &Table,
    batch: RecordBatch,
    here: Segment,
) -> Result<RowFileMeta> {
    std::thread::scope(|scope| {
        let codes = move || sketch_new(table, &[&here], &SegmentList::default());
        let codes = Builder::new().name("cvx-codes".to_owned()).spawn_scoped(scope, codes);
        let codes = codes.map_err(no_thread)?;
        let meta = core.store.write_row_file(space, core.store.new_file_id(), &batch);
        codes.join().map_err(|_| panicked())?;
        Ok(meta?)
    })
}

fn panicked() -> Error {
    let what = "a thread that wrote rows panicked".to_owned();
    cvx_storage::Error::Invalid { what }.into()
}
