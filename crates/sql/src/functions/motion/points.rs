//! The points of a group, as they came.

use super::measures::{Measure, Returns};
use crate::error::{from_analytics, to_datafusion};
use crate::functions::failure::fail;
use crate::functions::vector::{Vectors, VectorsBuilder};
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Int64Array, ListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float32Type, Int64Type};
use cvx_analytics::{Error, Trajectory, Way};
use cvx_types::SqlState;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use std::sync::Arc;

/// Which points are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    All,
    /// All of a frame whose oldest leave.
    Frame,
    /// The first and the last two, whatever the count: what `velocity` and `displacement` look at.
    Ends,
}

/// Points that [`Keeps::Ends`] holds at most.
const ENDS: usize = 3;

/// Times and vectors in the order they came; the first `gone` have left the frame.
#[derive(Debug)]
pub(super) struct Points {
    keeps: Keeps,
    /// What the points amount to, as long as they came in order.
    way: Option<Way>,
    ts_us: Vec<i64>,
    numbers: Vec<f32>,
    dim: usize,
    gone: usize,
}

impl Points {
    pub(super) fn new(keeps: Keeps) -> Self {
        Self { keeps, way: None, ts_us: Vec::new(), numbers: Vec::new(), dim: 0, gone: 0 }
    }

    /// Adds the rows of `(vector, ts)` that have both.
    pub(super) fn push(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_point(values, |ts, vector| self.add(ts, vector))
    }

    fn add(&mut self, ts_us: i64, vector: &[f32]) -> Result<()> {
        if self.ts_us.is_empty() {
            self.dim = vector.len();
        }
        if self.dim != vector.len() {
            let message = format!("different vector dimensions {} and {}", self.dim, vector.len());
            return Err(fail(SqlState::DATA_EXCEPTION, message));
        }
        if self.keeps == Keeps::All {
            self.way = match self.way.take() {
                None if self.ts_us.is_empty() => Some(Way::from(ts_us, vector)),
                way => way.and_then(|mut way| way.go(ts_us, vector).is_ok().then_some(way)),
            };
        }
        self.ts_us.push(ts_us);
        self.numbers.extend_from_slice(vector);
        if self.keeps == Keeps::Ends && self.ts_us.len() > ENDS {
            self.drop_inner()?;
        }
        Ok(())
    }

    /// Lets go of the point that is neither the first nor one of the last two.
    fn drop_inner(&mut self) -> Result<()> {
        let mut order: [usize; ENDS + 1] = std::array::from_fn(|at| at);
        order.sort_by_key(|at| self.ts_us[*at]);
        let mut inner = order[1];
        for pair in order.windows(2).filter(|pair| self.ts_us[pair[0]] == self.ts_us[pair[1]]) {
            if self.row(pair[0]) != self.row(pair[1]) {
                return Err(two_at_once());
            }
            inner = pair[1];
        }
        self.ts_us.remove(inner);
        self.numbers.drain(inner * self.dim..(inner + 1) * self.dim);
        Ok(())
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.numbers[at * self.dim..][..self.dim]
    }

    /// Rows leave a frame in the order in which they entered it.
    pub(super) fn retract(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut leaving = 0;
        each_point(values, |_, _| {
            leaving += 1;
            Ok(())
        })?;
        self.gone = (self.gone + leaving).min(self.ts_us.len());
        if self.gone > self.ts_us.len() / 2 {
            self.ts_us.drain(..self.gone);
            self.numbers.drain(..self.gone * self.dim);
            self.gone = 0;
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [times, numbers, dims, ..] = states else {
            return Err(fail(SqlState::INTERNAL_ERROR, "points have three states"));
        };
        let (times, numbers) = (times.as_list::<i32>(), numbers.as_list::<i32>());
        let dims = dims.as_primitive::<Int64Type>();
        for row in (0..times.len()).filter(|row| times.is_valid(*row)) {
            let dim = usize::try_from(dims.value(row)).unwrap_or(0);
            let (ts, numbers) = (times.value(row), numbers.value(row));
            let numbers = numbers.as_primitive::<Float32Type>().values();
            for (at, ts) in ts.as_primitive::<Int64Type>().values().iter().enumerate() {
                self.add(*ts, &numbers[at * dim..(at + 1) * dim])?;
            }
        }
        Ok(())
    }

    /// Times, numbers and the dimension.
    pub(super) fn state(&self) -> Vec<ScalarValue> {
        let (ts, numbers) = (&self.ts_us[self.gone..], &self.numbers[self.gone * self.dim..]);
        let ts: Int64Array = ts.to_vec().into();
        let numbers: Float32Array = numbers.to_vec().into();
        vec![
            ScalarValue::List(Arc::new(one_list(ts))),
            ScalarValue::List(Arc::new(one_list(numbers))),
            ScalarValue::Int64(i64::try_from(self.dim).ok()),
        ]
    }

    pub(super) fn bytes(&self) -> usize {
        // A way has its first and its last vector for itself.
        let way = if self.way.is_some() { self.dim * 8 } else { 0 };
        self.ts_us.capacity() * 8 + self.numbers.capacity() * 4 + way
    }

    /// A measure of the points in the frame.
    pub(super) fn evaluate(
        &self,
        measure: &Measure,
        horizon: Option<i64>,
        ty: &DataType,
    ) -> Result<ScalarValue> {
        if let Some((way, of)) = self.way.as_ref().zip(measure.of_way) {
            return answered(of(way).map(|x| ScalarValue::Float64(known(x))), ty);
        }
        let (ts, numbers) = self.in_order()?;
        let points = Trajectory::new(&ts, &numbers, self.dim.max(1));
        let points = points.map_err(|error| to_datafusion(from_analytics(error)))?;
        let answer = match measure.returns {
            Returns::Number(of) => of(&points, horizon).map(|x| ScalarValue::Float64(known(x))),
            Returns::Numbers(of) => of(&points, horizon).map(|x| {
                let numbers: PrimitiveArray<arrow::datatypes::Float64Type> =
                    x.into_iter().map(known).collect();
                ScalarValue::List(Arc::new(one_list(numbers)))
            }),
            Returns::Vector(of) => match of(&points) {
                Ok(vector) => return vector_value(&vector, ty),
                Err(error) => Err(error),
            },
        };
        answered(answer, ty)
    }

    /// The frame's points in the order of time, each once.
    fn in_order(&self) -> Result<(Vec<i64>, Vec<f32>)> {
        let mut order: Vec<usize> = (self.gone..self.ts_us.len()).collect();
        order.sort_by_key(|at| self.ts_us[*at]);
        let mut ts: Vec<i64> = Vec::with_capacity(order.len());
        let mut numbers: Vec<f32> = Vec::with_capacity(order.len() * self.dim);
        for at in order {
            if ts.last() != Some(&self.ts_us[at]) {
                ts.push(self.ts_us[at]);
                numbers.extend_from_slice(self.row(at));
            } else if numbers[numbers.len() - self.dim..] != *self.row(at) {
                return Err(two_at_once());
            }
        }
        Ok((ts, numbers))
    }
}

/// NULL where there are too few points, or they do not settle it.
fn answered(answer: std::result::Result<ScalarValue, Error>, ty: &DataType) -> Result<ScalarValue> {
    match answer {
        Ok(value) => Ok(value),
        Err(Error::InsufficientData { .. } | Error::Undetermined(_)) => ScalarValue::try_from(ty),
        Err(error) => Err(to_datafusion(from_analytics(error))),
    }
}

fn two_at_once() -> DataFusionError {
    let message = "two different vectors at one time are no trajectory";
    let error = cvx_types::SqlError::new(SqlState::DATA_EXCEPTION, message);
    to_datafusion(error.hint("GROUP BY the entity, or PARTITION BY it."))
}

/// Infinity is a number, NaN is not known.
fn known(x: f64) -> Option<f64> {
    (!x.is_nan()).then_some(x)
}

fn vector_value(vector: &[f64], ty: &DataType) -> Result<ScalarValue> {
    let mut builder = VectorsBuilder::new(ty, 1);
    #[expect(clippy::cast_possible_truncation, reason = "a vector's numbers are f32")]
    let narrow: Vec<f32> = vector.iter().map(|x| *x as f32).collect();
    if narrow.iter().any(|x| !x.is_finite()) {
        let message = "a number of the result is out of range for a vector";
        return Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, message));
    }
    builder.push(narrow)?;
    ScalarValue::try_from_array(&builder.finish()?, 0)
}

fn one_list<T: ArrowPrimitiveType>(values: PrimitiveArray<T>) -> ListArray {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    ListArray::new(item, offsets, Arc::new(values), None)
}

/// Shows each row that has both a vector and a time.
fn each_point(values: &[ArrayRef], mut see: impl FnMut(i64, &[f32]) -> Result<()>) -> Result<()> {
    let [vectors, times, ..] = values else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a measure takes a vector and a time"));
    };
    let times = cast(times, &DataType::Int64)?;
    let times = times.as_primitive::<Int64Type>();
    if let Some(numbers) = vectors.as_primitive_opt::<Float32Type>() {
        for (number, ts) in numbers.iter().zip(times) {
            if let (Some(number), Some(ts)) = (number, ts) {
                see(ts, &[number])?;
            }
        }
        return Ok(());
    }
    let vectors = Vectors::from_array(vectors)?;
    for (row, ts) in times.iter().enumerate() {
        if let (Some(ts), Some(vector)) = (ts, vectors.get(row)) {
            see(ts, vector)?;
        }
    }
    Ok(())
}
