//! `avg` and `sum` of vectors, beside DataFusion's of numbers.
//!
//! A name holds one aggregate in DataFusion, so ours takes the name over and passes every call
//! on numbers to the built-in one ([`crate::types::PgRewrite`] even swaps it in, so that the
//! optimizer sees what it knows). Sums are kept in f64, as pgvector keeps them, and a group's
//! state is `dim` numbers whatever the count.

use super::column::{Vectors, VectorsBuilder, rounding, vector_field, wrong_dimension};
use crate::functions::failure::{fail, plain_fields, raise, undefined_function};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use cvx_types::{SqlError, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::{average::avg_udaf, sum::sum_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
    Signature, Volatility,
};
use std::sync::Arc;

/// `avg(vector)`, and the built-in for the rest.
pub(crate) fn avg() -> Arc<AggregateUDF> {
    VectorFold::udaf(Fold::Avg, avg_udaf())
}

/// `sum(vector)`, and the built-in for the rest.
pub(crate) fn sum() -> Arc<AggregateUDF> {
    VectorFold::udaf(Fold::Sum, sum_udaf())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fold {
    Sum,
    Avg,
}

/// An aggregate of vectors in front of the built-in of the same name.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct VectorFold {
    fold: Fold,
    builtin: Arc<AggregateUDF>,
    signature: Signature,
}

impl VectorFold {
    fn udaf(fold: Fold, builtin: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Self { fold, builtin, signature }))
    }

    /// What a call on this type really means, where that is not ours: the built-in, and the type
    /// its argument is cast to first.
    pub(crate) fn builtin_for(
        &self,
        argument: &DataType,
    ) -> Option<(&Arc<AggregateUDF>, Option<DataType>)> {
        let wide = self.widened(std::slice::from_ref(argument));
        (!is_vector(argument)).then_some((&self.builtin, wide))
    }

    /// `sum(bigint)` is a numeric in Postgres, because a bigint cannot hold it; so is the average
    /// of integers, here with 16 digits after the point.
    fn widened(&self, types: &[DataType]) -> Option<DataType> {
        match (self.fold, types) {
            (Fold::Sum, [DataType::Int64]) => Some(DataType::Decimal128(19, 0)),
            (Fold::Avg, [DataType::Int16 | DataType::Int32]) => Some(DataType::Decimal128(22, 12)),
            (Fold::Avg, [DataType::Int64]) => Some(DataType::Decimal128(31, 12)),
            _ => None,
        }
    }

    fn coerced(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        match types {
            [ty] if is_vector(ty) => Some(types.to_vec()),
            _ => {
                if let Some(wide) = self.widened(types) {
                    return Some(vec![wide]);
                }
                let field = |ty: &DataType| Arc::new(Field::new("x", ty.clone(), true));
                let fields: Vec<FieldRef> = types.iter().map(field).collect();
                let coerced = fields_with_udf(&fields, self.builtin.as_ref()).ok()?;
                Some(coerced.iter().map(|field| field.data_type().clone()).collect())
            }
        }
    }

    fn check_plain(&self, args: &AccumulatorArgs) -> Result<()> {
        if args.is_distinct {
            let what = format!("{}(DISTINCT vector)", self.name());
            return Err(raise(SqlError::unsupported(what)));
        }
        Ok(())
    }
}

fn is_vector(ty: &DataType) -> bool {
    match ty {
        DataType::FixedSizeList(item, _) | DataType::List(item) => {
            matches!(item.data_type(), DataType::Float32 | DataType::Float16)
        }
        _ => false,
    }
}

fn first_is_vector(fields: &[FieldRef]) -> bool {
    fields.first().is_some_and(|field| is_vector(field.data_type()))
}

impl AggregateUDFImpl for VectorFold {
    fn name(&self) -> &str {
        self.builtin.name()
    }

    fn aliases(&self) -> &[String] {
        self.builtin.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(types).unwrap_or_else(|| types.to_vec()))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [ty] if is_vector(ty) => Ok(ty.clone()),
            _ if self.coerced(types).is_none() => {
                Err(undefined_function(self.name(), &plain_fields(types)))
            }
            _ => self.builtin.return_type(types),
        }
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        if first_is_vector(fields) {
            let types: Vec<&DataType> = fields.iter().map(|field| field.data_type()).collect();
            let field = vector_field(&types).as_ref().clone();
            return Ok(Arc::new(field.with_name(self.name())));
        }
        let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !first_is_vector(args.expr_fields) {
            return self.builtin.accumulator(args);
        }
        self.check_plain(&args)?;
        Ok(Box::new(One(Sums::new(self.fold, args.return_type()))))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if first_is_vector(args.expr_fields) {
            return self.accumulator(args);
        }
        self.builtin.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if !first_is_vector(args.input_fields) {
            return self.builtin.state_fields(args);
        }
        let field = |what, ty| Arc::new(Field::new(format_state_name(args.name, what), ty, true));
        Ok(vec![field("count", DataType::Int64), field("sum", sums_type())])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        if first_is_vector(args.expr_fields) {
            return !args.is_distinct;
        }
        self.builtin.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if !first_is_vector(args.expr_fields) {
            return self.builtin.create_groups_accumulator(args);
        }
        Ok(Box::new(Sums::new(self.fold, args.return_type())))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

fn sums_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Float64, true)))
}

/// The running sums of all groups, `dim` numbers each, and how many vectors went into each.
///
/// The dimension is the type's, or that of the first vector met.
#[derive(Debug)]
struct Sums {
    fold: Fold,
    result: DataType,
    dim: Option<usize>,
    sums: Vec<f64>,
    counts: Vec<i64>,
}

impl Sums {
    fn new(fold: Fold, result: &DataType) -> Self {
        let dim = match result {
            DataType::FixedSizeList(_, dim) => usize::try_from(*dim).ok(),
            _ => None,
        };
        Self { fold, result: result.clone(), dim, sums: Vec::new(), counts: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
        self.sums.resize(self.counts.len() * self.dim.unwrap_or(0), 0.0);
    }

    /// Makes room for vectors of this dimension, or refuses it.
    fn agree(&mut self, dim: usize) -> Result<()> {
        match self.dim {
            Some(own) if own == dim => Ok(()),
            Some(own) if self.fold == Fold::Avg => Err(wrong_dimension(own, dim)),
            Some(own) => Err(self.different_dimensions(own, dim)),
            None => {
                self.dim = Some(dim);
                self.grow(self.counts.len());
                Ok(())
            }
        }
    }

    /// As pgvector's `+` says it, by which it sums.
    fn different_dimensions(&self, own: usize, dim: usize) -> DataFusionError {
        let halves = matches!(&self.result,
            DataType::FixedSizeList(item, _) | DataType::List(item)
                if item.data_type() == &DataType::Float16);
        let name = if halves { "halfvec" } else { "vector" };
        fail(SqlState::DATA_EXCEPTION, format!("different {name} dimensions {own} and {dim}"))
    }

    fn add(
        &mut self,
        group: usize,
        count: i64,
        vector: impl ExactSizeIterator<Item = f64>,
    ) -> Result<()> {
        let dim = vector.len();
        self.agree(dim)?;
        let sums = self.sums.iter_mut().skip(group * dim);
        sums.zip(vector).for_each(|(sum, x)| *sum += x);
        if let Some(own) = self.counts.get_mut(group) {
            *own += count;
        }
        Ok(())
    }

    /// Adds, or with a sign of -1 takes away, a column of vectors.
    fn update(
        &mut self,
        column: &ArrayRef,
        group_of: impl Fn(usize) -> Option<usize>,
        sign: i32,
    ) -> Result<()> {
        let vectors = Vectors::from_array(column)?;
        for row in 0..column.len() {
            let (Some(group), Some(vector)) = (group_of(row), vectors.get(row)) else { continue };
            let signed = vector.iter().map(|&x| f64::from(x) * f64::from(sign));
            self.add(group, i64::from(sign), signed)?;
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [counts, sums] = states else {
            return Err(fail(SqlState::INTERNAL_ERROR, "a vector sum has two states"));
        };
        let (counts, sums) = (counts.as_primitive::<Int64Type>(), sums.as_list::<i32>());
        for row in (0..sums.len()).filter(|&row| sums.is_valid(row) && counts.value(row) > 0) {
            let part = sums.value(row);
            let part = part.as_primitive::<Float64Type>().values().iter().copied();
            self.add(group_of(row), counts.value(row), part)?;
        }
        Ok(())
    }

    /// Removes the first groups and hands back their sums and counts.
    fn take(&mut self, emit: EmitTo) -> (Vec<f64>, Vec<i64>) {
        let groups = match emit {
            EmitTo::All => self.counts.len(),
            EmitTo::First(n) => n.min(self.counts.len()),
        };
        let rest = self.sums.split_off(groups * self.dim.unwrap_or(0));
        let counts = self.counts.drain(..groups).collect();
        (std::mem::replace(&mut self.sums, rest), counts)
    }

    fn results(&self, sums: &[f64], counts: &[i64]) -> Result<ArrayRef> {
        let mut builder = VectorsBuilder::new(&self.result, counts.len());
        let (dim, round) = (self.dim.unwrap_or(0), rounding(&self.result));
        for (group, &count) in counts.iter().enumerate() {
            if count <= 0 {
                builder.null();
                continue;
            }
            let divisor = if self.fold == Fold::Avg { count as f64 } else { 1.0 };
            let sums = sums.iter().skip(group * dim).take(dim);
            let vector: Vec<f32> = sums.map(|sum| round((sum / divisor) as f32)).collect();
            if vector.iter().any(|x| x.is_infinite()) {
                let message = "value out of range: overflow";
                return Err(fail(SqlState::NUMERIC_OUT_OF_RANGE, message));
            }
            builder.push(vector)?;
        }
        builder.finish()
    }

    fn states(&self, sums: &[f64], counts: &[i64]) -> Vec<ArrayRef> {
        let dim = self.dim.unwrap_or(0);
        let lists = counts.iter().enumerate().map(|(group, &count)| {
            let sums = sums.iter().skip(group * dim).take(dim).map(|&sum| Some(sum));
            (count > 0).then(|| sums.collect::<Vec<_>>())
        });
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        vec![Arc::new(Int64Array::from(counts.to_vec())), Arc::new(lists)]
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.sums.capacity() * 8 + self.counts.capacity() * 8
    }
}

fn argument(values: &[ArrayRef]) -> Result<&ArrayRef> {
    let missing = || fail(SqlState::INTERNAL_ERROR, "an aggregate of vectors takes one");
    values.first().ok_or_else(missing)
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let group_of = |row| groups.get(row).copied().filter(|_| passes(filter, row));
        self.update(argument(values)?, group_of, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        self.merge(states, |row| groups.get(row).copied().unwrap_or(usize::MAX))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.take(emit);
        self.results(&sums, &counts)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.take(emit);
        Ok(self.states(&sums, &counts))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let column = argument(values)?;
        let mut rows = Self::new(self.fold, &self.result);
        rows.grow(column.len());
        rows.update(column, |row| passes(filter, row).then_some(row), 1)?;
        Ok(rows.states(&rows.sums, &rows.counts))
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The sums of a single group.
#[derive(Debug)]
struct One(Sums);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.update(argument(values)?, |_| Some(0), 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update(argument(values)?, |_| Some(0), -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.merge(states, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.grow(1);
        let column = self.0.results(&self.0.sums, &self.0.counts)?;
        ScalarValue::try_from_array(&column, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.grow(1);
        let states = self.0.states(&self.0.sums, &self.0.counts);
        states.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.bytes()
    }
}
