//! One entity as it is watched: its detector, and how far that has come.

use super::record::{EventRecord, StateRecord};
use crate::core::Core;
use crate::read::TableRead;
use crate::timeline::{Kind, Known, OPEN};
use crate::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use cvx_analytics::bocpd::{Bocpd, Event};
use cvx_core::EntityId;

/// Points read at a time.
const ROWS: usize = 512;

/// A detector and what it has seen.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) detector: Bocpd,
    /// The time of the last point seen.
    pub(super) last_ts: i64,
    /// The time of the first point of the regime that is current as far as was told.
    regime_ts: i64,
    /// Points seen since the state was written.
    pub(super) unsaved: usize,
    /// The round that looked last.
    pub(super) used: u64,
    /// What it was counted with.
    pub(super) bytes: usize,
}

/// Where an entity's points are read, as of one commit.
#[derive(Debug)]
pub(super) struct Points<'a> {
    pub(super) core: &'a Core,
    pub(super) read: TableRead,
    pub(super) entity: EntityId,
    /// Places of the time and the vector among the columns that are read.
    pub(super) columns: [usize; 2],
}

/// What new points brought.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) points: usize,
    /// By the first point of the new regime.
    pub(super) events: Vec<(i64, EventRecord)>,
}

impl Watched {
    pub(super) fn fresh(template: &Bocpd) -> Self {
        let detector = template.fresh();
        Self { detector, last_ts: i64::MIN, regime_ts: i64::MIN, unsaved: 0, used: 0, bytes: 0 }
    }

    /// The state that a record keeps; none if it is of another kind of detector, or has seen
    /// points that changed since.
    pub(super) fn restored(
        record: &StateRecord,
        template: &Bocpd,
        line: Option<Known<'_>>,
    ) -> Option<Self> {
        let detector = template.restored(&record.detector).ok()?;
        let changed = line.and_then(|line| touched_since(line, record.as_of));
        let StateRecord { last_ts, regime_ts, .. } = *record;
        let holds = changed.is_none_or(|ts| ts > last_ts);
        holds.then(|| Self { last_ts, regime_ts, ..Self::fresh(template).with(detector) })
    }

    fn with(self, detector: Bocpd) -> Self {
        Self { detector, ..self }
    }

    pub(super) fn record(&self, as_of: u64) -> Result<StateRecord> {
        let (last_ts, regime_ts) = (self.last_ts, self.regime_ts);
        let detector = self.detector.to_bytes().map_err(from_analytics)?;
        Ok(StateRecord { as_of, last_ts, regime_ts, detector })
    }

    /// Sees the points behind the last one; none if the thread is to stop.
    pub(super) fn catch_up(&mut self, points: &Points<'_>) -> Result<Option<News>> {
        let mut news = News::default();
        let behind = if self.detector.seen() == 0 { i64::MIN } else { self.last_ts + 1 };
        for batch in points.between(behind, i64::MAX)? {
            if points.core.monitors.stopping() {
                return Ok(None);
            }
            let rows = Rows::of(&batch?)?;
            for (ts, vector) in rows.iter() {
                news.points += 1;
                news.events.extend(self.see(ts, vector, points)?);
            }
        }
        Ok(Some(news))
    }

    fn see(
        &mut self,
        ts: i64,
        vector: &[f32],
        points: &Points<'_>,
    ) -> Result<Option<(i64, EventRecord)>> {
        if self.detector.seen() == 0 {
            self.regime_ts = ts;
        }
        let regime = self.detector.regime();
        let event = self.detector.see(vector).map_err(from_analytics)?;
        self.last_ts = ts;
        self.unsaved += 1;
        let Some(event) = event else { return Ok(None) };
        let (at_ts, record) = self.describe(&event, event.at - regime, points)?;
        self.regime_ts = at_ts;
        Ok(Some((at_ts, record)))
    }

    /// Reads the two regimes of an event again: `before` points of the first, the rest of the
    /// second. Each point is read so at most twice, however many there are.
    fn describe(
        &self,
        event: &Event,
        before: u64,
        points: &Points<'_>,
    ) -> Result<(i64, EventRecord)> {
        let (mut old, mut new) = (Mean::default(), Mean::default());
        let mut at_ts = self.last_ts;
        for batch in points.between(self.regime_ts, self.last_ts)? {
            for (ts, vector) in Rows::of(&batch?)?.iter() {
                if old.count < before {
                    old.add(vector);
                } else {
                    if new.count == 0 {
                        at_ts = ts;
                    }
                    new.add(vector);
                }
            }
        }
        let drift: Vec<f64> = new.values().zip(old.values()).map(|(new, old)| new - old).collect();
        let record = EventRecord {
            noticed_ts: self.last_ts,
            probability: event.probability,
            severity: drift.iter().map(|x| x * x).sum::<f64>().sqrt(),
            drift: drift.iter().map(|x| *x as f32).collect(),
            detected_at_us: points.core.clock.now_us(),
            withdrawn_at_us: None,
        };
        Ok((at_ts, record))
    }
}

/// The earliest time at which a point came or went after a commit.
pub(super) fn touched_since(line: Known<'_>, seq: u64) -> Option<i64> {
    let points = line.versions.iter().filter(|version| version.kind == Kind::Point);
    let touched = points.filter(|v| v.from > seq || (v.to != OPEN && v.to > seq));
    touched.map(|version| version.ts).min()
}

impl Points<'_> {
    fn between(
        &self,
        from: i64,
        to: i64,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        self.read.points_as_written(self.entity, (from, to), &self.columns, ROWS)
    }
}

/// Points of a batch: those that have a vector, as floats.
struct Rows {
    ts: ScalarBuffer<i64>,
    vectors: arrow::array::FixedSizeListArray,
    values: ScalarBuffer<f32>,
}

impl Rows {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let lost = || Error::Corrupt("a monitored column that holds no vectors".to_owned());
        let ts = batch.column(0).as_primitive_opt::<Int64Type>().ok_or_else(lost)?;
        let vectors = batch.column(1).as_fixed_size_list_opt().ok_or_else(lost)?;
        let values = cast(vectors.values(), &DataType::Float32)?;
        let values = values.as_primitive_opt::<Float32Type>().ok_or_else(lost)?.values().clone();
        Ok(Self { ts: ts.values().clone(), vectors: vectors.clone(), values })
    }

    fn iter(&self) -> impl Iterator<Item = (i64, &[f32])> {
        let dim = usize::try_from(self.vectors.value_length()).unwrap_or(0);
        let there = (0..self.ts.len()).filter(|row| self.vectors.is_valid(*row));
        there.filter_map(move |row| {
            let start = usize::try_from(self.vectors.value_offset(row)).ok()?;
            Some((self.ts[row], self.values.get(start..start + dim)?))
        })
    }
}

/// A mean, one vector after another.
#[derive(Debug, Default)]
struct Mean {
    count: u64,
    sums: Vec<f64>,
}

impl Mean {
    fn add(&mut self, vector: &[f32]) {
        self.count += 1;
        self.sums.resize(vector.len(), 0.0);
        self.sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.count as f64)
    }
}

pub(super) fn from_analytics(error: cvx_analytics::Error) -> Error {
    Error::Invalid(format!("a monitor: {error}"))
}
