//! COMMIT: what the transaction amounts to, as one request to the writer.

use super::Txn;
use super::spill::write_files;
use crate::core::Core;
use crate::indexes::sketch_new;
use crate::own::{OwnState, OwnTable};
use crate::segment::Segment;
use crate::shared::SharedFrom;
use crate::tail::{gather, merged_order};
use crate::timeline::{Kind, OPEN};
use crate::writer::{CatalogWrite, CommitRequest, Part, TableWrite};
use crate::{Durability, Error, Result};
use cvx_core::{CommitSeq, EntityId};
use cvx_publish::{Close, NewRow};
use cvx_storage::FileId;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Rows of a run that a commit adds.
const RUN_ROWS: usize = 8192;

impl Txn {
    /// Makes the writes visible to all, durably if asked. `Conflict`: somebody changed the same
    /// entities (or the catalog) since the snapshot; nothing of the transaction stays.
    pub async fn commit(mut self, durability: Durability) -> Result<CommitSeq> {
        if self.is_read_only() {
            return Ok(self.snapshot());
        }
        let core = Arc::clone(self.engine.core());
        core.check_poison()?;
        let (reply, answer) = oneshot::channel();
        let request = self.request(&core, durability, reply)?;
        let queue = self.engine.queue()?;
        // From here on the writer may name the files, whatever becomes of this future.
        let mut spilled = std::mem::take(&mut self.spilled);
        let named = request.files();
        queue.send(request.into()).await.map_err(|_| Error::ShutDown)?;
        let outcome = answer.await.map_err(|_| core.poisoned())?;
        match outcome {
            Ok(_) => spilled.retain(|file| !named.contains(file)),
            Err(Error::Conflict) => {}
            Err(_) => return outcome,
        }
        remove_files(&core, &spilled);
        outcome
    }

    fn request(
        &mut self,
        core: &Core,
        durability: Durability,
        reply: oneshot::Sender<Result<CommitSeq>>,
    ) -> Result<CommitRequest> {
        let mut tables = Vec::new();
        // One by one, and gone with the request made, unless a read still holds it: what is known
        // of each new entity should not be in memory twice, here and in the timelines.
        while let Some((_, own)) = self.tables.pop_first() {
            let mut state = own.state.write();
            let write = table_write(core, &own, &mut state, &mut self.spilled)?;
            tables.extend(Some(write).filter(|write| !write.is_empty()));
        }
        let catalog = self.ddl.take().map(|staged| CatalogWrite {
            catalog: staged.catalog,
            created: staged.created,
            dropped: staged.dropped,
        });
        let (snapshot, base_catalog) = (self.base.seq, Arc::clone(&self.catalog));
        Ok(CommitRequest { snapshot, base_catalog, tables, catalog, durability, reply })
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        while let Some((_, own)) = self.tables.pop_first() {
            // What failed left no file that anybody knows.
            self.spilled.extend(own.state.write().settle().unwrap_or_default());
        }
        remove_files(self.engine.core(), &self.spilled);
    }
}

pub(super) fn remove_files(core: &Core, files: &[FileId]) {
    for file in files {
        // What cannot be removed now is swept at the next open.
        let _ = core.store.remove_row_file(*file);
    }
}

fn table_write(
    core: &Core,
    own: &OwnTable,
    state: &mut OwnState,
    spilled: &mut Vec<FileId>,
) -> Result<TableWrite> {
    spilled.extend(state.settle()?);
    let mut parts = files_of(core, own, state, spilled)?;
    parts.extend(runs_of(core, own, state, spilled)?);
    let mut write = TableWrite {
        store: Arc::clone(&own.store),
        table: Arc::clone(&state.layout.table),
        rows: new_rows(&parts),
        shared: SharedFrom::of(state),
        parts,
        closes: Vec::new(),
        ends: Vec::new(),
        truncate: state.truncated.is_some(),
        fresh: std::mem::take(&mut state.fresh),
    };
    for (entity, line) in state.lines.changed() {
        write.closes.extend(line.closed.iter().map(|closed| Close {
            entity,
            ts: closed.ts,
            from: closed.from,
        }));
        let ends = line.opened.iter().filter(|v| v.kind == Kind::End && v.to == OPEN);
        write.ends.extend(ends.map(|version| (entity, version.ts)));
    }
    write.closes.sort_unstable();
    write.ends.sort_unstable();
    Ok(write)
}

/// The rows of a segment that are alive at commit.
fn alive_rows(state: &OwnState, segment: &Segment) -> Vec<usize> {
    let alive = |row: &usize| {
        let (entity, ts) = (EntityId(segment.entities[*row]), segment.ts[*row]);
        state.is_alive(entity, ts, segment.seqs.get(*row))
    };
    (0..segment.rows()).filter(alive).collect()
}

/// The files written so far; those with rows that died are written anew without them.
fn files_of(
    core: &Core,
    own: &OwnTable,
    state: &OwnState,
    spilled: &mut Vec<FileId>,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for file in &state.files {
        let alive = alive_rows(state, file);
        if alive.len() == file.rows() {
            parts.push(Part::file(file)?);
            continue;
        }
        let order: Vec<(usize, usize)> = alive.into_iter().map(|row| (0, row)).collect();
        let one = [Arc::clone(file)];
        let written = write_files(core, own.store.space, &state.layout, &one, &order)?;
        for file in &written {
            spilled.extend(file.file.as_ref().map(|meta| meta.id));
            parts.push(Part::file(file)?);
        }
    }
    Ok(parts)
}

/// The rows in memory: as a file if they are many, else as runs.
fn runs_of(
    core: &Core,
    own: &OwnTable,
    state: &OwnState,
    spilled: &mut Vec<FileId>,
) -> Result<Vec<Part>> {
    let (runs, layout) = (&state.runs, &state.layout);
    let mut order = merged_order(runs);
    if state.dead > 0 {
        let alive: Vec<Vec<usize>> = runs.iter().map(|run| alive_rows(state, run)).collect();
        order.retain(|(run, row)| alive[*run].binary_search(row).is_ok());
    }
    if state.bytes() >= core.options.spill_bytes / 2 || !state.files.is_empty() {
        let written = write_files(core, own.store.space, layout, runs, &order)?;
        spilled.extend(written.iter().filter_map(|file| Some(file.file.as_ref()?.id)));
        return written.iter().map(Part::file).collect();
    }
    let run = |rows: &[(usize, usize)]| Part::run(gather(runs, rows, layout)?);
    let parts: Vec<Part> = order.chunks(RUN_ROWS).map(run).collect::<Result<_>>()?;
    let segments: Vec<&Segment> = parts.iter().map(|part| &*part.segment).collect();
    sketch_new(&layout.table, &segments, &own.store.list.load());
    Ok(parts)
}

/// Every row of some parts, by entity and ts.
fn new_rows(parts: &[Part]) -> Vec<NewRow> {
    let count = parts.iter().map(|part| part.segment.rows()).sum();
    let mut rows = Vec::with_capacity(count);
    for (number, part) in (0u32..).zip(parts) {
        let (entities, ts) = (&part.segment.entities, &part.segment.ts);
        let place = (0u32..).zip(entities.iter().zip(ts.iter()));
        rows.extend(place.map(|(row, (entity, ts))| NewRow {
            entity: EntityId(*entity),
            ts: *ts,
            part: number,
            row,
        }));
    }
    rows.sort_unstable();
    rows
}
