//! `drift(vector, ts)`: how far from its first point to its last an entity moved (L2).
//!
//! Rows come in any order and the state is two points whatever the count: the least and the
//! greatest by (time, vector), so that equal times cannot make the answer depend on the plan. A
//! frame whose start moves keeps its points.

use super::column::{Vectors, VectorsBuilder, vector_argument};
use super::distance::distance_error;
use super::order::order;
use crate::functions::failure::{fail, plain_fields, undefined_function};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use cvx_core::Metric;
use cvx_types::{PgType, SqlState};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
    Signature, Volatility,
};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) fn drift() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Drift { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Drift {
    signature: Signature,
}

/// The types the two arguments are read as.
fn coerced(types: &[DataType]) -> Option<Vec<DataType>> {
    let [vector, ts] = types else { return None };
    Some(vec![vector_argument(vector)?, time_argument(ts)?])
}

/// Times of every kind become microseconds.
fn time_argument(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Timestamp(_, zone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Date32 | DataType::Date64 => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        ty if ty.is_integer() || ty.is_null() => Some(DataType::Int64),
        _ => None,
    }
}

impl AggregateUDFImpl for Drift {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(coerced(types).unwrap_or_else(|| types.to_vec()))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        coerced(types).ok_or_else(|| undefined_function(self.name(), &plain_fields(types)))?;
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(Path::default())))
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Frame(VecDeque::new())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |what, ty| Arc::new(Field::new(format_state_name(args.name, what), ty, true));
        let vector = PgType::Vector.arrow_type(-1);
        Ok(vec![
            field("count", DataType::Int64),
            field("first_ts", DataType::Int64),
            field("first", vector.clone()),
            field("last_ts", DataType::Int64),
            field("last", vector),
        ])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Paths(Vec::new())))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// A vector at a time.
#[derive(Clone, Debug)]
struct Point {
    ts_us: i64,
    vector: Vec<f32>,
}

impl Point {
    fn order(&self, ts_us: i64, vector: &[f32]) -> Ordering {
        self.ts_us.cmp(&ts_us).then_with(|| order(&self.vector, vector))
    }
}

/// The ends of one entity's way, and how many points were seen.
#[derive(Debug, Default)]
struct Path {
    count: i64,
    first: Option<Point>,
    last: Option<Point>,
}

impl Path {
    fn see(&mut self, count: i64, ts_us: i64, vector: &[f32]) {
        self.count += count;
        let point = || Some(Point { ts_us, vector: vector.to_vec() });
        if self.first.as_ref().is_none_or(|first| first.order(ts_us, vector).is_gt()) {
            self.first = point();
        }
        if self.last.as_ref().is_none_or(|last| last.order(ts_us, vector).is_lt()) {
            self.last = point();
        }
    }

    fn length(&self) -> Result<Option<f64>> {
        match (&self.first, &self.last) {
            (Some(first), Some(last)) if self.count > 1 => {
                let moved = cvx_core::distance(Metric::L2, &first.vector, &last.vector);
                moved.map(Some).map_err(|error| distance_error(error, "vector"))
            }
            _ => Ok(None),
        }
    }

    fn bytes(&self) -> usize {
        let point = |point: &Option<Point>| point.as_ref().map_or(0, |p| p.vector.capacity() * 4);
        size_of::<Self>() + point(&self.first) + point(&self.last)
    }
}

/// Shows each row that has both a vector and a time to `see(row, ts, vector)`.
fn each_point(values: &[ArrayRef], mut see: impl FnMut(usize, i64, &[f32])) -> Result<()> {
    let [vectors, times] = values else {
        return Err(fail(SqlState::INTERNAL_ERROR, "drift takes a vector and a time"));
    };
    let vectors = Vectors::from_array(vectors)?;
    let times = cast(times, &DataType::Int64)?;
    for (row, ts) in times.as_primitive::<Int64Type>().iter().enumerate() {
        if let (Some(ts), Some(vector)) = (ts, vectors.get(row)) {
            see(row, ts, vector);
        }
    }
    Ok(())
}

/// Shows the ends in each state row to `see(row, count, ts, vector)`; the count is with the first.
fn each_state(states: &[ArrayRef], mut see: impl FnMut(usize, i64, i64, &[f32])) -> Result<()> {
    let [counts, first_ts, first, last_ts, last] = states else {
        return Err(fail(SqlState::INTERNAL_ERROR, "drift has five states"));
    };
    let counts = counts.as_primitive::<Int64Type>();
    each_point(&[Arc::clone(first), Arc::clone(first_ts)], |row, ts, vector| {
        see(row, counts.value(row), ts, vector);
    })?;
    each_point(&[Arc::clone(last), Arc::clone(last_ts)], |row, ts, vector| {
        see(row, 0, ts, vector);
    })
}

fn states_of(paths: &[Path]) -> Result<Vec<ArrayRef>> {
    let counts: Int64Array = paths.iter().map(|path| Some(path.count)).collect();
    let (first_ts, first) = end_columns(paths.iter().map(|path| path.first.as_ref()))?;
    let (last_ts, last) = end_columns(paths.iter().map(|path| path.last.as_ref()))?;
    Ok(vec![Arc::new(counts), first_ts, first, last_ts, last])
}

fn end_columns<'a>(
    ends: impl Iterator<Item = Option<&'a Point>> + Clone,
) -> Result<(ArrayRef, ArrayRef)> {
    let times: Int64Array = ends.clone().map(|end| end.map(|point| point.ts_us)).collect();
    let mut vectors = VectorsBuilder::new(&PgType::Vector.arrow_type(-1), times.len());
    for end in ends {
        match end {
            Some(point) => vectors.push(point.vector.iter().copied())?,
            None => vectors.null(),
        }
    }
    Ok((Arc::new(times), vectors.finish()?))
}

/// The path of a single group.
#[derive(Debug)]
struct One(Path);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_point(values, |_, ts, vector| self.0.see(1, ts, vector))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each_state(states, |_, count, ts, vector| self.0.see(count, ts, vector))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.0.length()?))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = states_of(std::slice::from_ref(&self.0))?;
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.bytes()
    }
}

/// The points of a frame whose oldest rows leave as it moves: any of them may become an end.
#[derive(Debug)]
struct Frame(VecDeque<Point>);

impl Frame {
    fn ends(&self) -> Path {
        let mut path = Path::default();
        self.0.iter().for_each(|point| path.see(1, point.ts_us, &point.vector));
        path
    }
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_point(values, |_, ts_us, vector| {
            self.0.push_back(Point { ts_us, vector: vector.to_vec() });
        })
    }

    /// Rows leave in the order in which they entered.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_point(values, |_, _, _| {
            self.0.pop_front();
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        Err(fail(SqlState::INTERNAL_ERROR, "frames are not merged"))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.ends().length()?))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        One(self.ends()).state()
    }

    fn size(&self) -> usize {
        let bytes = |point: &Point| size_of::<Point>() + point.vector.capacity() * 4;
        size_of::<Self>() + self.0.iter().map(bytes).sum::<usize>()
    }
}

/// The paths of all groups.
#[derive(Debug)]
struct Paths(Vec<Path>);

impl Paths {
    fn grow(&mut self, groups: usize) {
        self.0.resize_with(groups.max(self.0.len()), Path::default);
    }

    fn see(&mut self, group: Option<usize>, count: i64, ts: i64, vector: &[f32]) {
        if let Some(path) = group.and_then(|group| self.0.get_mut(group)) {
            path.see(count, ts, vector);
        }
    }

    fn take(&mut self, emit: EmitTo) -> Vec<Path> {
        emit.take_needed(&mut self.0)
    }
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for Paths {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        each_point(values, |row, ts, vector| {
            let group = groups.get(row).copied().filter(|_| passes(filter, row));
            self.see(group, 1, ts, vector);
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        each_state(states, |row, count, ts, vector| {
            self.see(groups.get(row).copied(), count, ts, vector);
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let lengths: Result<Float64Array> = self.take(emit).iter().map(Path::length).collect();
        Ok(Arc::new(lengths?))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        states_of(&self.take(emit))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |column| column.len());
        let mut paths = Self(Vec::new());
        paths.grow(rows);
        each_point(values, |row, ts, vector| {
            paths.see(Some(row).filter(|_| passes(filter, row)), 1, ts, vector);
        })?;
        states_of(&paths.0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.iter().map(Path::bytes).sum::<usize>()
    }
}
