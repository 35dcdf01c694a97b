//! A durable commit's effect on the state in memory, and what the sealer asks the writer for.

use super::request::{SealedFiles, TableWrite};
use crate::core::Core;
use crate::seal::SealedRows;
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::tail::tidy;
use crate::{Result, RowAddr};
use arrow::datatypes::{DataType, FieldRef};
use cvx_publish::Changes;
use cvx_storage::{Batch, RowKey};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Applies one table's writes under a commit's sequence.
pub(crate) fn apply(write: &TableWrite, seq: u64) {
    let store = &write.store;
    let added: Vec<Arc<Segment>> =
        write.parts.iter().map(|part| Arc::new(part.segment.committed(seq))).collect();
    let TableWrite { rows, closes, ends, truncate, .. } = write;
    Changes { rows, closes, ends, truncate: *truncate, seq }.apply(&store.history(), &added);
    store.changed.store(seq, Ordering::Relaxed);
    store.list.append(added, |tail| {
        if let Err(error) = tidy(tail, &store.layout.load(), true) {
            // The runs are all there, only more of them than there should be.
            tracing::error!(%error, space = store.space.0, "runs could not be merged");
        }
    });
}

impl SealedFiles {
    /// Lets the files stand for the runs, or gives the runs back if that cannot be written.
    pub(crate) fn publish(self, core: &Core) {
        let Self { store, frozen, files, reply } = self;
        let files = files.and_then(|files| {
            core.check_poison()?;
            persist(core, &store, &frozen, &files)?;
            Ok(files)
        });
        let outcome = match files {
            Ok(files) => {
                store.list.seal(&frozen, &files, |file, closures| file.with(None, closures));
                Ok(())
            }
            Err(error) => {
                store.list.thaw(frozen);
                Err(error)
            }
        };
        // Who sealed and went away does not want the answer.
        let _ = reply.send(outcome);
    }
}

fn persist(
    core: &Core,
    store: &TableStore,
    frozen: &[Arc<Segment>],
    files: &SealedRows,
) -> Result<()> {
    let layout = store.layout.load();
    let is_float = |item: &FieldRef| item.data_type() == &DataType::Float32;
    let is_vector =
        |ty: &DataType| matches!(ty, DataType::FixedSizeList(item, _) if is_float(item));
    let vectors = layout.columns().iter().filter(|column| is_vector(&column.ty));
    let vectors: Vec<u16> = vectors.map(|column| column.id).collect();
    let mut batch = Batch::new();
    for (file, _) in files {
        if let Some(meta) = &file.file {
            batch.add_file(meta)?;
        }
    }
    for addr in frozen.iter().flat_map(|run| (0..run.rows()).map(|row| run.addr(row))) {
        let RowAddr { entity, ts, seq } = addr;
        batch.delete_row(&RowKey { space: store.space, entity, ts, seq }, &vectors);
    }
    // Unsynced: losing it leaves the rows where they were, and files that the sweep removes.
    Ok(core.store.commit(&batch, false)?)
}
