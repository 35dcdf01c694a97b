//! Aggregates over `(vector, ts)`: `velocity`, `path_length` and the other measures of a way.
//!
//! Rows come in any order. `velocity` and `displacement` keep three points of a group; of all others
//! the points are kept ([`Points`]), counted, and put in the order of time when the group is asked.
//! As window functions they answer for the frame, whose oldest rows leave as it moves. Too few
//! points are NULL, and so is what the points do not settle; two different vectors at one time are
//! no trajectory, and an error (22000).
//!
//! A number in the vector's place is a trajectory of one dimension. Series measures (`adf_statistic`,
//! `adf_pvalue`, `variance_ratio`) take such a number as it is, and of a vector its distance from
//! the group's first point.

mod measures;
mod points;
mod signatures;

use super::failure::{fail, plain_fields, undefined_function};
use super::vector::vector_argument;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use cvx_types::{PgType, SqlState};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF, Signature, Volatility,
};
use measures::{MEASURES, Measure, Returns};
use points::{Keeps, Points};
pub(crate) use signatures::functions;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Every aggregate of this module.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let of = |measure| Arc::new(AggregateUDF::new_from_impl(OfMotion::new(measure)));
    MEASURES.iter().map(of).collect()
}

/// A measure as DataFusion knows it.
#[derive(Debug)]
struct OfMotion {
    measure: &'static Measure,
    signature: Signature,
}

impl OfMotion {
    fn new(measure: &'static Measure) -> Self {
        Self { measure, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for OfMotion {
    fn eq(&self, other: &Self) -> bool {
        self.measure.name == other.measure.name
    }
}

impl Eq for OfMotion {}

impl Hash for OfMotion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.measure.name.hash(state);
    }
}

impl OfMotion {
    /// The types the arguments are read as.
    fn coerced(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        let (vector, rest) = types.split_first()?;
        let (ts, options) = rest.split_first()?;
        let vector = if vector.is_numeric() { DataType::Float32 } else { vector_argument(vector)? };
        let mut read = vec![vector, time_argument(ts)?];
        match options {
            [] => {}
            [q] if self.measure.takes_horizon && (q.is_integer() || q.is_null()) => {
                read.push(DataType::Int64);
            }
            _ => return None,
        }
        Some(read)
    }
}

impl OfMotion {
    fn group(&self, args: &AccumulatorArgs, keeps: Keeps) -> Group {
        Group {
            measure: self.measure,
            returns: args.return_field.data_type().clone(),
            points: Points::new(keeps),
            horizon: None,
        }
    }
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

impl AggregateUDFImpl for OfMotion {
    fn name(&self) -> &'static str {
        self.measure.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(types).unwrap_or_else(|| types.to_vec()))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let Some(read) = self.coerced(types) else {
            return Err(undefined_function(self.name(), &plain_fields(types)));
        };
        Ok(match (self.measure.returns, &read[0]) {
            (Returns::Number(_), _) => DataType::Float64,
            (Returns::Numbers(_), _) => PgType::Array(Box::new(PgType::Float8)).arrow_type(-1),
            (Returns::Vector(_), DataType::FixedSizeList(_, dim)) => {
                PgType::Vector.arrow_type(*dim)
            }
            (Returns::Vector(_), DataType::Float32) => PgType::Vector.arrow_type(1),
            (Returns::Vector(_), _) => PgType::Vector.arrow_type(-1),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.group(&args, self.measure.looks_at)))
    }

    /// Of a frame whose oldest rows leave, any may become an end.
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.group(&args, Keeps::Frame)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |what, ty| {
            let item = Arc::new(Field::new_list_field(ty, true));
            let name = format_state_name(args.name, what);
            Arc::new(Field::new(name, DataType::List(item), true))
        };
        let number =
            |what| Arc::new(Field::new(format_state_name(args.name, what), DataType::Int64, true));
        Ok(vec![
            list("times", DataType::Int64),
            list("numbers", DataType::Float32),
            number("dimension"),
            number("horizon"),
        ])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// One group, or the frame of a window.
#[derive(Debug)]
struct Group {
    measure: &'static Measure,
    returns: DataType,
    points: Points,
    /// The third argument, where there is one: the same in all rows.
    horizon: Option<i64>,
}

impl Group {
    fn see_horizon(&mut self, column: Option<&ArrayRef>) -> Result<()> {
        let Some(column) = column else { return Ok(()) };
        for horizon in column.as_primitive::<Int64Type>().iter().flatten() {
            if *self.horizon.get_or_insert(horizon) != horizon {
                let message = format!("{}: the horizon differs from row to row", self.measure.name);
                return Err(fail(SqlState::INVALID_PARAMETER, message));
            }
        }
        Ok(())
    }
}

impl Accumulator for Group {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.see_horizon(values.get(2))?;
        self.points.push(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.points.retract(values)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.see_horizon(states.get(3))?;
        self.points.merge(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.points.evaluate(self.measure, self.horizon, &self.returns)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = self.points.state();
        state.push(ScalarValue::Int64(self.horizon));
        Ok(state)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.points.bytes()
    }
}
