//! Opening: what is in memory, made again from what is on disk.
//!
//! ```text
//!   system      catalog, manifest, dictionary, truncations
//!   row files   key columns (the rest stays mapped)     --.
//!   metadata    rows not sealed yet, end markers        --+--> timelines --> closures
//!   timelines   closings                                --'
//! ```
//!
//! Everything is streamed; what stays is what a running database keeps. Whether an entity was
//! ever corrected is not stored but told from its versions, on the safe side.

use crate::closure::Closures;
use crate::core::Core;
use crate::dictionary::{self, Dictionary};
use crate::layout::{Layout, specs};
use crate::published::{Published, Stores};
use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::tail::{SegmentList, gather, merged_order};
use crate::timeline::{Kind, Line, OPEN, Version};
use crate::{Catalog, EngineOptions, Error, Result, RowAddr, Table, removal};
use cvx_core::{Clock, CommitSeq, EntityId, SpaceId};
use cvx_storage::{Batch, RowBuilder, RowFileMeta, RowKey, RowKind, Store, StoreOptions};
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) const CATALOG_KEY: &[u8] = b"catalog";
const DROPPED: &[u8] = b"dropped/";
const TRUNCATED: &[u8] = b"truncate/";
/// Rows of a run made from RocksDB.
const RUN_ROWS: usize = 8192;

/// Says that a space's leavings are to be removed.
pub(crate) fn dropped_key(space: SpaceId) -> Vec<u8> {
    [DROPPED, &space.0.to_be_bytes()].concat()
}

/// Says that a space's rows were truncated at a commit.
pub(crate) fn truncation_key(space: SpaceId, seq: CommitSeq) -> Vec<u8> {
    [TRUNCATED, &space.0.to_be_bytes(), &seq.0.to_be_bytes()].concat()
}

/// Opens a data directory.
pub(crate) fn open(dir: &Path, options: EngineOptions, clock: Arc<dyn Clock>) -> Result<Core> {
    let store = Store::open(
        dir,
        &StoreOptions {
            write_buffer_bytes: options.write_buffer_bytes,
            block_cache_bytes: options.block_cache_bytes,
            wal_bytes_max: options.wal_bytes_max,
            clock: Arc::clone(&clock),
            ..StoreOptions::default()
        },
    )?;
    let catalog = match store.get_system(CATALOG_KEY)? {
        Some(bytes) => Catalog::decode(&bytes, &options.database)?,
        None => Catalog::new(&options.database),
    };
    let files = store.row_files(None)?;
    let named: HashSet<_> = files.iter().map(|meta| meta.id).collect();
    store.sweep_row_files(&named)?;
    sweep_dropped(&store)?;
    removal::finish_erasing(&store)?;
    let spaces: HashSet<SpaceId> = catalog.all_tables().map(|table| table.space).collect();
    store.sweep_models(|space| spaces.contains(&space))?;
    let mut stores = Stores::new();
    for table in catalog.all_tables() {
        let own = files.iter().filter(|meta| meta.space == table.space);
        let recovered = table_store(&store, table, own)?;
        stores.insert(table.space, Arc::new(recovered));
    }
    let seq = store.last_seq().0;
    let published = Published { seq, catalog: Arc::new(catalog), stores: Arc::new(stores) };
    Ok(Core::new(store, options, clock, published))
}

fn table_store<'a>(
    store: &Store,
    table: &Arc<Table>,
    files: impl Iterator<Item = &'a RowFileMeta>,
) -> Result<TableStore> {
    let dictionary = Dictionary::load(store, table.space)?;
    let recovered = TableStore::with_dictionary(table, dictionary)?;
    let sealed = files.map(|meta| sealed_segment(store, meta)).collect::<Result<Vec<_>>>()?;
    let tail = tail_runs(store, table, &recovered, &sealed)?;
    for segment in sealed.iter().chain(&tail) {
        add_versions(&recovered, segment);
    }
    recovered.lines.for_each_mut(|_, line| {
        line.versions.sort_unstable_by_key(|version| (version.ts, version.from));
    });
    close_versions(store, &recovered)?;
    finish_lines(&recovered)?;
    let close = |segment: Segment| {
        let closures = closures_of(&recovered, &segment);
        Ok(Arc::new(segment.with(None, closures?)))
    };
    let close_all =
        |segments: Vec<Segment>| segments.into_par_iter().map(close).collect::<Result<Vec<_>>>();
    let list = SegmentList { sealed: close_all(sealed)?, frozen: vec![], tail: close_all(tail)? };
    recovered.list.store(list);
    let has_deltas = store.scan_deltas(table.space).next().transpose()?.is_some();
    recovered.has_deltas.store(has_deltas, Ordering::Relaxed);
    let horizon = removal::horizon_of(store, table.space)?;
    recovered.horizon.store(horizon, Ordering::Relaxed);
    Ok(recovered)
}

fn sealed_segment(store: &Store, meta: &RowFileMeta) -> Result<Segment> {
    let batch = store.open_row_file(meta)?;
    let segment = Segment::sealed(&batch, meta.clone(), Closures::open(0))?;
    if !segment.is_ordered() {
        return Err(Error::Corrupt(format!("row file {} is out of order", meta.id.0)));
    }
    Ok(segment)
}

/// The rows that are not sealed, as runs; end markers go to their timelines.
fn tail_runs(
    store: &Store,
    table: &Arc<Table>,
    recovered: &TableStore,
    sealed: &[Segment],
) -> Result<Vec<Segment>> {
    let sealed_vector = |key: &RowKey, column| {
        let addr = RowAddr { entity: key.entity, ts: key.ts, seq: key.seq };
        let (segment, row) = sealed.iter().find_map(|s| Some((s, s.find(&addr)?)))?;
        segment.vector(column, row).map(<[f32]>::to_vec)
    };
    let layout = Layout::of(table)?;
    let mut builder = RowBuilder::new(specs(table)?);
    let mut runs = Vec::new();
    for row in store.scan_full_rows(table.space, sealed_vector) {
        let row = row?;
        match row.record.kind {
            RowKind::Point => builder.push(&row.key, row.record, &row.vectors)?,
            RowKind::End => recovered.lines.write(row.key.entity, |line| {
                line.versions.push(Version::open(row.key.ts.0, row.key.seq.0, Kind::End));
            }),
        }
        if builder.len() == RUN_ROWS {
            runs.push(ordered_run(&mut builder, &layout)?);
        }
    }
    if !builder.is_empty() {
        runs.push(ordered_run(&mut builder, &layout)?);
    }
    Ok(runs)
}

/// Rows come by entity, and a run has them by time.
fn ordered_run(builder: &mut RowBuilder, layout: &Layout) -> Result<Segment> {
    let unordered = Arc::new(Segment::new(&builder.finish()?, None, Closures::open(0))?);
    let runs = [unordered];
    let batch = gather(&runs, &merged_order(&runs), layout)?;
    Segment::new(&batch, None, Closures::open(0))
}

fn add_versions(recovered: &TableStore, segment: &Segment) {
    for row in 0..segment.rows() {
        let entity = segment.entities[row];
        recovered.lines.write(EntityId(entity), |line| {
            let version = Version::open(segment.ts[row], segment.seqs.get(row), Kind::Point);
            line.versions.push(version);
            // What follows from all versions comes last; an entity of one point is done here.
            line.changed = line.changed.max(version.from);
        });
        recovered.last_row.fetch_max(entity, Ordering::Relaxed);
    }
}

fn close_versions(store: &Store, recovered: &TableStore) -> Result<()> {
    for closure in store.scan_closures(recovered.space) {
        let (key, to) = closure?;
        let closed = recovered.lines.write(key.entity, |line| {
            let place = Line(&line.versions).find(key.ts.0, key.seq.0)?;
            line.versions.get_mut(place).map(|version| version.to = to.0)
        });
        if closed.is_none() {
            return Err(Error::Corrupt(format!("{key:?} is closed but was never written")));
        }
    }
    let mut truncations = Vec::new();
    let prefix = [TRUNCATED, &recovered.space.0.to_be_bytes()].concat();
    for entry in store.scan_system(&prefix) {
        let (key, _) = entry?;
        let lost = || Error::Corrupt("a truncation's key".to_owned());
        let seq = key.get(prefix.len()..).and_then(|seq| seq.try_into().ok()).ok_or_else(lost)?;
        truncations.push(u64::from_be_bytes(seq));
    }
    if truncations.is_empty() {
        return Ok(());
    }
    recovered.lines.for_each_mut(|_, line| {
        for version in line.versions.iter_mut().filter(|version| version.to == OPEN) {
            let after = truncations.partition_point(|seq| *seq <= version.from);
            version.to = truncations.get(after).copied().unwrap_or(OPEN);
        }
    });
    Ok(())
}

/// What follows from each timeline's versions.
fn finish_lines(recovered: &TableStore) -> Result<()> {
    let mut wrong = None;
    let mut changed = 0;
    recovered.lines.for_each_mut(|entity, line| {
        let ends = line.versions.iter().map(|v| if v.to == OPEN { 0 } else { v.to });
        let last = line.versions.iter().map(|v| v.from).chain(ends).max();
        line.changed = last.unwrap_or(0);
        line.versions.shrink_to_fit();
        changed = changed.max(line.changed);
        line.corrected = recovered.temporal && line.needs_correction();
        if !line.is_sound() {
            wrong = Some(entity);
        }
    });
    recovered.changed.store(changed, Ordering::Relaxed);
    match wrong {
        Some(entity) => Err(Error::Corrupt(format!(
            "two versions of one point of entity {} at a time",
            entity.0
        ))),
        None => Ok(()),
    }
}

/// A segment's closures, as its entities' timelines say.
pub(crate) fn closures_of(recovered: &TableStore, segment: &Segment) -> Result<Closures> {
    let closed = |row: usize| {
        let addr = segment.addr(row);
        let lost = || Error::Corrupt(format!("the row at {addr:?} is in no timeline"));
        recovered.lines.read(addr.entity, |line| {
            let line = line.ok_or_else(lost)?;
            let place = Line(line.versions).find(addr.ts.0, addr.seq.0).ok_or_else(lost)?;
            Ok(line.closed(place, recovered.temporal))
        })
    };
    let rows = (0..segment.rows()).map(closed).collect::<Result<Vec<_>>>()?;
    Ok(Closures::from_rows(rows.into_iter()))
}

/// Finishes drops that a crash cut short. Files were swept already.
fn sweep_dropped(store: &Store) -> Result<()> {
    let markers = store.scan_system(DROPPED).collect::<Result<Vec<_>, _>>()?;
    for (key, _) in markers {
        let lost = || Error::Corrupt("a dropped space's key".to_owned());
        let space = key.get(DROPPED.len()..).and_then(|space| space.try_into().ok());
        forget(store, SpaceId(u32::from_be_bytes(space.ok_or_else(lost)?)))?;
    }
    Ok(())
}

/// Removes what a dropped table leaves: files, dictionary, and the space deleted rows take.
pub(crate) fn finish_drop(core: &Core, table: &TableStore) -> Result<()> {
    for segment in table.list.load().iter() {
        if let Some(meta) = &segment.file {
            core.store.remove_row_file(meta.id)?;
        }
    }
    forget(&core.store, table.space)?;
    Ok(core.store.reclaim(table.space)?)
}

fn forget(store: &Store, space: SpaceId) -> Result<()> {
    let mut batch = Batch::new();
    let truncations = [TRUNCATED, &space.0.to_be_bytes()].concat();
    for prefix in [dictionary::prefix(space), truncations] {
        for entry in store.scan_system(&prefix) {
            batch.delete_system(&entry?.0);
        }
    }
    removal::keys_of(space).iter().for_each(|key| batch.delete_system(key));
    batch.delete_system(&dropped_key(space));
    Ok(store.commit(&batch, false)?)
}
