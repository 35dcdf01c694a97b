//! Own rows beyond what a transaction keeps in memory go to row files at once.
//!
//! Such a file is synced when it is written, and named by no manifest: the commit names it, with
//! one sequence for all its rows, so that a bulk byte is written once. A transaction that ends
//! otherwise removes its files, and one that ends with the process leaves them to the sweep at
//! the next open.

use super::{OwnHandle, Txn};
use crate::Result;
use crate::closure::Closures;
use crate::core::Core;
use crate::indexes::sketch_new;
use crate::layout::Layout;
use crate::own::OwnState;
use crate::segment::Segment;
use crate::tail::{SegmentList, gather, merged_order};
use cvx_core::SpaceId;
use cvx_storage::FileId;
use std::sync::Arc;

impl Txn {
    /// Writes the table's own rows out if they have become many.
    pub(crate) fn spill(&mut self, handle: &OwnHandle) -> Result<()> {
        let core = Arc::clone(self.engine.core());
        let mut state = handle.own.state.write();
        if state.bytes() <= core.options.spill_bytes {
            return Ok(());
        }
        let files = write_out(&core, handle.own.store.space, &mut state)?;
        self.spilled.extend(files);
        Ok(())
    }
}

/// Moves all rows in memory to files.
fn write_out(core: &Core, space: SpaceId, state: &mut OwnState) -> Result<Vec<FileId>> {
    let order = merged_order(&state.runs);
    let files = write_files(core, space, &state.layout, &state.runs, &order)?;
    let ids = files.iter().filter_map(|file| file.file.as_ref()).map(|meta| meta.id).collect();
    state.files.extend(files);
    state.runs.clear();
    state.shared.clear();
    Ok(ids)
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
        let meta = core.store.write_row_file(space, core.store.new_file_id(), &batch)?;
        drop(batch);
        let mapped = core.store.open_row_file(&meta)?;
        let sealed = Segment::sealed(&mapped, meta, Closures::open(0))?;
        sealed.take_sketches(segments, rows);
        sketch_new(&layout.table, &[&sealed], &SegmentList::default());
        Ok(Arc::new(sealed))
    };
    chunks.map(write).collect()
}
