//! Many entities' trajectories at once: what a predictor learns from and is judged by.
//!
//! A table is read twice: its entities and times alone, to count; then the vectors of as many
//! entities as there is room for, drawn by a hash of their keys, so that it is the same ones every
//! time. What is kept is counted against `query_memory_bytes`.

use super::given::Given;
use super::source::{Gather, Points, TableSource, each_point};
use crate::error::{from_engine, from_predict};
use arrow::record_batch::RecordBatch;
use cvx_core::{CancelToken, EntityId, ValidTime};
use cvx_engine::{ScanRequest, SystemSlice};
use cvx_predict::{Predictor, Subject, scattered};
use cvx_types::Result;
use datafusion::execution::memory_pool::MemoryPool;
use std::collections::HashMap;
use std::sync::Arc;

/// Points kept at most, and bytes of their vectors.
const POINTS_MAX: usize = 200_000;
const BYTES_MAX: usize = 256 << 20;
/// Entities read by one scan.
const ENTITIES_A_SCAN: usize = 1_000;

/// Trajectories by a key that is always the same.
#[derive(Debug, Default)]
pub(crate) struct Population {
    entities: Vec<(u64, Points)>,
    /// How many entities there are, kept or not.
    pub(crate) all: usize,
}

impl Population {
    /// Those with a point.
    pub(crate) fn subjects(&self) -> Result<Vec<Subject<'_>>> {
        let known = self.entities.iter().filter(|(_, points)| !points.ts_us.is_empty());
        known.map(|(key, points)| Ok(Subject { key: *key, path: points.trajectory()? })).collect()
    }
}

impl TableSource {
    /// The trajectories of the table's entities, or of some of them.
    pub(crate) fn whole_population(
        &self,
        pool: &Arc<dyn MemoryPool>,
        cancel: &CancelToken,
    ) -> Result<Population> {
        let counts = self.counts(cancel)?;
        let all = counts.len();
        let chosen = chosen(counts, self.dim().and_then(|dim| usize::try_from(dim).ok()));
        let mut entities = Vec::with_capacity(chosen.len());
        for some in chosen.chunks(ENTITIES_A_SCAN) {
            let mut gathers: HashMap<EntityId, Gather> =
                some.iter().map(|entity| (*entity, Gather::new(pool))).collect();
            let columns = vec![self.entity, self.time, self.vector];
            for batch in self.batches(Some(some.to_vec()), columns, cancel) {
                self.give_out(&batch?, &mut gathers)?;
            }
            let whole = |entity: &EntityId| Some((entity.0, gathers.remove(entity)?.finish()));
            entities.extend(some.iter().filter_map(whole));
        }
        Ok(Population { entities, all })
    }

    /// A batch's points to those they belong to, run by run.
    fn give_out(&self, batch: &RecordBatch, gathers: &mut HashMap<EntityId, Gather>) -> Result<()> {
        let owners = self.owners(batch)?;
        let mut start = 0;
        for run in owners.chunk_by(|a, b| a == b) {
            let points = batch.slice(start, run.len());
            start += run.len();
            if let Some(gather) = run[0].and_then(|owner| gathers.get_mut(&owner)) {
                each_point(points.column(1), points.column(2), gather, |_| {})?;
            }
        }
        Ok(())
    }

    /// How many points each entity has.
    fn counts(&self, cancel: &CancelToken) -> Result<HashMap<EntityId, usize>> {
        let mut counts = HashMap::new();
        for batch in self.batches(None, vec![self.entity], cancel) {
            for owner in self.owners(&batch?)?.into_iter().flatten() {
                *counts.entry(owner).or_default() += 1;
            }
        }
        Ok(counts)
    }

    /// Whose each row is; the entity is the batch's first column.
    fn owners(&self, batch: &RecordBatch) -> Result<Vec<Option<EntityId>>> {
        self.read.entities_of(&batch.columns()[..1]).map_err(from_engine)
    }

    fn batches(
        &self,
        entities: Option<Vec<EntityId>>,
        columns: Vec<usize>,
        cancel: &CancelToken,
    ) -> impl Iterator<Item = Result<RecordBatch>> {
        let request = ScanRequest {
            entities,
            ts_to: Some(self.until.unwrap_or(ValidTime(i64::MAX))),
            cancel: cancel.clone(),
            ..ScanRequest::of(self.slice, columns)
        };
        self.read.scan(request).map(|batch| batch.map_err(from_engine))
    }

    /// The predictor that was trained on this column, if it knows no more than this read sees.
    pub(super) fn trained(&self) -> Result<Option<Arc<Predictor>>> {
        if self.slice.system != SystemSlice::Current {
            return Ok(None);
        }
        let decode = |bytes: &[u8]| Predictor::decode(bytes).map_err(|error| error.to_string());
        let model = self.read.model::<Predictor>(self.column(), decode).map_err(from_engine)?;
        let seen = |model: &Arc<Predictor>| {
            let until = self.until.map_or(i64::MAX, |until| until.0);
            model.until_us() <= until && self.dim().is_none_or(|dim| same(dim, model.dim()))
        };
        Ok(model.filter(seen))
    }

    /// Keeps a predictor for this column.
    pub(crate) fn keep(&self, predictor: Predictor) -> Result<()> {
        let bytes = predictor.encode().map_err(from_predict)?;
        self.read.store_model(self.column(), &bytes, predictor).map_err(from_engine)
    }

    /// The vector column's id.
    fn column(&self) -> u16 {
        self.read.table().columns[self.vector].id
    }
}

fn same(dim: i32, of: usize) -> bool {
    usize::try_from(dim).is_ok_and(|dim| dim == of)
}

impl Given {
    /// The trajectories of all entities that the SELECT gave.
    pub(super) fn population(&self, pool: &Arc<dyn MemoryPool>) -> Result<Population> {
        let mut entities = Vec::new();
        for (name, rows) in self.by_entity() {
            let key = name.bytes().fold(0, |key, byte| scattered(key ^ u64::from(byte)));
            entities.push((key, self.points_of(rows, Gather::new(pool))?));
        }
        entities.sort_by_key(|(key, _)| *key);
        Ok(Population { all: entities.len(), entities })
    }
}

/// As many entities as there is room for.
fn chosen(counts: HashMap<EntityId, usize>, dim: Option<usize>) -> Vec<EntityId> {
    let mut room = POINTS_MAX.min(BYTES_MAX / (4 * dim.unwrap_or(1_024).max(1)));
    let mut drawn: Vec<(EntityId, usize)> = counts.into_iter().collect();
    drawn.sort_by_key(|(entity, _)| scattered(entity.0));
    drawn.retain(|(_, points)| {
        let fits = *points <= room;
        room -= if fits { *points } else { 0 };
        fits
    });
    let mut chosen: Vec<EntityId> = drawn.into_iter().map(|(entity, _)| entity).collect();
    chosen.sort_unstable();
    chosen
}
