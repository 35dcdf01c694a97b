//! Where the points of a call come from: a table at its slice of time, or rows given by a SELECT.

use super::Analysis;
use super::given::Given;
use crate::bind::BoundTable;
use crate::error::from_engine;
use crate::functions::vector::Vectors;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use cvx_analytics::Trajectory;
use cvx_core::{CancelToken, EntityId, Metric, ValidTime};
use cvx_engine::{Path, PathPoints, ScanRequest, TableRead, TimeSlice, ValidSlice};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use std::sync::Arc;

/// What the planner knows a call by: the analysis, the table's number, the vector's place. A `#`
/// is in no name that a query can write without quotes.
pub(crate) fn call_name(analysis: Analysis, place: Option<(usize, usize)>) -> String {
    let name = analysis.signature().name;
    match place {
        Some((table, column)) => format!("{name}#{table}#{column}"),
        None => format!("{name}#given"),
    }
}

/// The call that a name stands for.
pub(crate) fn call_named(name: &str) -> Option<(Analysis, Option<(usize, usize)>)> {
    let (name, place) = name.split_once('#')?;
    let analysis = Analysis::named(name)?;
    if place == "given" {
        return Some((analysis, None));
    }
    let (table, column) = place.split_once('#')?;
    Some((analysis, Some((table.parse().ok()?, column.parse().ok()?))))
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    Table(Box<TableSource>),
    /// A sub-query that was not run yet.
    Query,
    Given(Arc<Given>),
}

/// One entity's points, or one point of many entities; the memory they take is counted.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) ts_us: Vec<i64>,
    pub(super) vectors: Vec<f32>,
    pub(super) dim: usize,
    _memory: MemoryReservation,
}

/// The point in force of every entity at a moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// A row a point.
    pub(super) entities: ArrayRef,
    pub(super) points: Points,
}

impl Snapshot {
    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.points.vectors[at * self.points.dim..][..self.points.dim]
    }
}

impl Points {
    pub(super) fn trajectory(&self) -> Result<Trajectory<'_>> {
        // No points have no dimension; any will do.
        Trajectory::new(&self.ts_us, &self.vectors, self.dim.max(1))
            .map_err(crate::error::from_analytics)
    }
}

/// Gathers points; what they take is asked of the statement's memory first.
#[derive(Debug)]
pub(super) struct Gather {
    points: Points,
}

impl Gather {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        let memory = MemoryConsumer::new("points of an analysis").register(pool);
        let points = Points { ts_us: Vec::new(), vectors: Vec::new(), dim: 0, _memory: memory };
        Self { points }
    }

    pub(super) fn push(&mut self, ts_us: i64, vector: &[f32]) -> Result<()> {
        if self.points.ts_us.is_empty() {
            self.points.dim = vector.len();
        } else if self.points.dim != vector.len() {
            let message =
                format!("different vector dimensions {} and {}", self.points.dim, vector.len());
            return Err(SqlError::new(SqlState::DATA_EXCEPTION, message));
        }
        self.points.ts_us.push(ts_us);
        self.points.vectors.extend_from_slice(vector);
        Ok(())
    }

    /// Makes room for this many more points of a dimension.
    pub(super) fn reserve(&mut self, rows: usize, dim: usize) -> Result<()> {
        let bytes = rows.saturating_mul(dim.saturating_mul(4) + 8);
        self.points._memory.try_grow(bytes).map_err(crate::error::from_datafusion)
    }

    /// Takes the points of a path, which nothing was gathered before.
    fn fill(&mut self, path: &Path, cancel: &CancelToken) -> Result<()> {
        self.reserve(path.len(), path.dim())?;
        let PathPoints { ts_us, vectors } = path.read(cancel).map_err(from_engine)?;
        self.points.dim = if ts_us.is_empty() { 0 } else { path.dim() };
        (self.points.ts_us, self.points.vectors) = (ts_us, vectors);
        Ok(())
    }

    pub(super) fn finish(self) -> Points {
        self.points
    }
}

/// A table's rows as a statement reads them.
#[derive(Clone, Debug)]
pub(crate) struct TableSource {
    pub(super) read: TableRead,
    pub(super) slice: TimeSlice,
    /// Points after this moment are hidden by an AS OF.
    pub(super) until: Option<ValidTime>,
    pub(super) entity: usize,
    pub(super) time: usize,
    pub(super) vector: usize,
}

impl TableSource {
    /// The source that a call's place names.
    pub(super) fn new(bound: &BoundTable, vector: usize) -> Option<Self> {
        let current = Self::current(bound.read.clone(), vector)?;
        Some(Self { slice: bound.slice, until: bound.until, ..current })
    }

    /// All points as currently known.
    pub(crate) fn current(read: TableRead, vector: usize) -> Option<Self> {
        let table = read.table();
        let index = |id: Option<u16>| table.columns.iter().position(|column| Some(column.id) == id);
        let (entity, time) = (index(table.entity)?, index(table.valid_time)?);
        let vector = Some(vector).filter(|at| *at < table.columns.len())?;
        Some(Self { read, slice: TimeSlice::CURRENT, until: None, entity, time, vector })
    }

    pub(super) fn time_type(&self) -> PgType {
        self.read.table().columns[self.time].ty.clone()
    }

    pub(super) fn entity_type(&self) -> PgType {
        self.read.table().columns[self.entity].ty.clone()
    }

    pub(super) fn metric(&self) -> Metric {
        self.read.table().options.metric
    }

    pub(super) fn dim(&self) -> Option<i32> {
        let dim = self.read.table().columns[self.vector].dimension()?;
        i32::try_from(dim).ok()
    }

    /// The points of the entity with this key, in the order of time; none if nobody has it.
    pub(super) fn trajectory(
        &self,
        key: &ArrayRef,
        (from, to): (Option<i64>, Option<i64>),
        gather: Gather,
        cancel: &CancelToken,
    ) -> Result<Option<Points>> {
        let found = self.read.entities_of(std::slice::from_ref(key)).map_err(from_engine)?;
        let Some(entity) = found.first().copied().flatten() else { return Ok(None) };
        let until = self.until.map_or(i64::MAX, |until| until.0);
        let bounds = (from.unwrap_or(i64::MIN), to.map_or(until, |to| to.min(until)));
        let path = self.read.path(entity, self.slice, bounds, self.vector).map_err(from_engine)?;
        let mut gather = gather;
        match path {
            Some(path) => gather.fill(&path, cancel)?,
            None => self.scan_path(entity, bounds, &mut gather, cancel)?,
        }
        // Somebody who was born after the moment is nobody yet.
        let born = from.is_some() || !gather.points.ts_us.is_empty();
        Ok(born.then(|| gather.finish()))
    }

    /// An entity's points, of a column of any vectors.
    fn scan_path(
        &self,
        entity: EntityId,
        (from, to): (i64, i64),
        gather: &mut Gather,
        cancel: &CancelToken,
    ) -> Result<()> {
        let request = ScanRequest {
            entities: Some(vec![entity]),
            ts_from: Some(ValidTime(from)),
            ts_to: Some(ValidTime(to)),
            cancel: cancel.clone(),
            ..ScanRequest::of(self.slice, vec![self.time, self.vector])
        };
        for batch in self.read.scan(request) {
            let batch = batch.map_err(from_engine)?;
            each_point(batch.column(0), batch.column(1), gather, |_| {})?;
        }
        Ok(())
    }

    /// The point of every entity in force at a moment.
    pub(super) fn snapshot(
        &self,
        at_us: i64,
        gather: Gather,
        cancel: &CancelToken,
    ) -> Result<Snapshot> {
        let at = self.until.map_or(at_us, |until| at_us.min(until.0));
        let slice = TimeSlice { valid: ValidSlice::AsOf(ValidTime(at)), ..self.slice };
        let request = ScanRequest {
            cancel: cancel.clone(),
            ..ScanRequest::of(slice, vec![self.time, self.vector, self.entity])
        };
        let mut gather = gather;
        let mut entities: Vec<ArrayRef> = Vec::new();
        for batch in self.read.scan(request) {
            let batch = batch.map_err(from_engine)?;
            let mut rows = Vec::new();
            each_point(batch.column(0), batch.column(1), &mut gather, |row| rows.push(row))?;
            entities.push(rows_of(batch.column(2), &rows)?);
        }
        let ty = self.entity_type().arrow_type(-1);
        Ok(Snapshot { entities: all_of(&entities, &ty)?, points: gather.finish() })
    }
}

/// Gathers the rows that have both a time and a vector, and tells which they are.
pub(super) fn each_point(
    times: &ArrayRef,
    vectors: &ArrayRef,
    gather: &mut Gather,
    mut taken: impl FnMut(usize),
) -> Result<()> {
    let times = micros(times)?;
    let times = times.as_primitive::<Int64Type>();
    let vectors = Vectors::from_array(vectors).map_err(crate::error::from_datafusion)?;
    let first = (0..times.len()).find_map(|row| vectors.get(row));
    gather.reserve(times.len(), first.map_or(0, <[f32]>::len))?;
    for (row, ts) in times.iter().enumerate() {
        if let (Some(ts), Some(vector)) = (ts, vectors.get(row)) {
            gather.push(ts, vector)?;
            taken(row);
        }
    }
    Ok(())
}

/// Times as microseconds.
pub(super) fn micros(times: &ArrayRef) -> Result<ArrayRef> {
    use arrow::datatypes::TimeUnit;
    let failed = |error| crate::error::from_arrow(&error);
    let times = match times.data_type() {
        DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond, _) => Arc::clone(times),
        _ => cast(times, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(failed)?,
    };
    cast(&times, &DataType::Int64).map_err(failed)
}

pub(super) fn rows_of(column: &ArrayRef, rows: &[usize]) -> Result<ArrayRef> {
    let rows: arrow::array::UInt64Array = rows.iter().map(|row| Some(*row as u64)).collect();
    arrow::compute::take(column, &rows, None).map_err(|error| crate::error::from_arrow(&error))
}

/// All of these as one column; none are an empty column of the type.
pub(super) fn all_of(arrays: &[ArrayRef], ty: &DataType) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    if arrays.is_empty() {
        return Ok(arrow::array::new_empty_array(ty));
    }
    arrow::compute::concat(&arrays).map_err(|error| crate::error::from_arrow(&error))
}
