//! Vectors from vectors: `+ - * ||`, `l2_normalize`, `subvector`.

use super::column::{
    Vectors, VectorsBuilder, any_vector_typing, check_same_dimension, check_vector,
    field_of_dimension, finish_rows, rounding, rows_of, vector_argument, vector_field,
    vector_typing,
};
use super::distance::one_vector;
use super::sparse;
use crate::functions::failure::fail;
use crate::functions::function::{Function, result};
use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use cvx_types::{PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        elementwise("vector_add", |args| combine(args, |a, b| a + b, false)),
        elementwise("vector_sub", |args| combine(args, |a, b| a - b, false)),
        elementwise("vector_mul", |args| combine(args, |a, b| a * b, true)),
        Function::with_field("vector_concat", vector_typing::<2>, ragged_vector, concat)
            .alias("halfvec_concat")
            .strict()
            .udf(),
        Function::with_field("l2_normalize", any_vector_typing::<1>, normalized, normalize)
            .strict()
            .udf(),
        Function::with_field("subvector", subvector_typing, ragged_vector, subvector)
            .strict()
            .udf(),
    ]
}

type Kernel = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

fn elementwise(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    let alias = name.replacen("vector", "halfvec", 1);
    Function::with_field(name, vector_typing::<2>, same_vector, kernel).alias(&alias).strict().udf()
}

fn same_vector(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let types: Vec<&DataType> = args.arg_fields.iter().map(|field| field.data_type()).collect();
    Ok(vector_field(&types))
}

fn ragged_vector(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let types: Vec<&DataType> = args.arg_fields.iter().map(|field| field.data_type()).collect();
    Ok(field_of_dimension(&types, -1))
}

fn normalized(args: &ReturnFieldArgs) -> Result<FieldRef> {
    match args.arg_fields.first() {
        Some(field) if sparse::is_sparse(field.data_type()) => result(&PgType::Sparsevec),
        _ => same_vector(args),
    }
}

/// pgvector refuses a product that is lost to underflow: `product` asks for that.
fn combine(
    args: &ScalarFunctionArgs,
    op: fn(f32, f32) -> f32,
    product: bool,
) -> Result<ColumnarValue> {
    let round = rounding(args.return_field.data_type());
    let element = |a: f32, b: f32| {
        let value = round(op(a, b));
        let lost = product && value == 0.0 && a != 0.0 && b != 0.0;
        if lost { f32::NAN } else { value }
    };
    by_pairs(args, |a, b, name, out| {
        check_same_dimension(a, b, name)?;
        out.extend(a.iter().zip(b).map(|(&a, &b)| element(a, b)));
        check_range(out)
    })
}

fn check_range(vector: &[f32]) -> Result<()> {
    let state = SqlState::NUMERIC_OUT_OF_RANGE;
    if vector.iter().any(|x| x.is_infinite()) {
        return Err(fail(state, "value out of range: overflow"));
    }
    if vector.iter().any(|x| x.is_nan()) {
        return Err(fail(state, "value out of range: underflow"));
    }
    Ok(())
}

fn concat(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    by_pairs(args, |a, b, name, out| {
        out.extend(a.iter().chain(b));
        check_vector(out, name)
    })
}

/// Runs `make` for each pair of vectors, given their type's name; a NULL on either side is a NULL.
fn by_pairs(
    args: &ScalarFunctionArgs,
    make: impl Fn(&[f32], &[f32], &str, &mut Vec<f32>) -> Result<()>,
) -> Result<ColumnarValue> {
    let [left, right] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "two vectors are needed"));
    };
    let (left, right) = (Vectors::read(left)?, Vectors::read(right)?);
    let rows = rows_of(&[&left, &right], args.number_rows);
    let mut builder = VectorsBuilder::new(args.return_field.data_type(), rows);
    let mut scratch = Vec::new();
    for row in 0..rows {
        let (Some(a), Some(b)) = (left.get(row), right.get(row)) else {
            builder.null();
            continue;
        };
        scratch.clear();
        make(a, b, left.name(), &mut scratch)?;
        builder.push(scratch.iter().copied())?;
    }
    finish_rows(left.is_constant() && right.is_constant(), builder.finish()?)
}

/// A zero vector stays zero, as in pgvector.
fn normalize(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    if sparse::is_called(args) {
        return sparse::normalize(args);
    }
    let vectors = one_vector(args)?;
    let rows = rows_of(&[&vectors], args.number_rows);
    let mut builder = VectorsBuilder::new(args.return_field.data_type(), rows);
    for row in 0..rows {
        let Some(vector) = vectors.get(row) else {
            builder.null();
            continue;
        };
        let norm = cvx_core::distance::norm(vector);
        let scale = |x: f32| if norm > 0.0 { (f64::from(x) / norm) as f32 } else { 0.0 };
        builder.push(vector.iter().map(|&x| scale(x)))?;
    }
    finish_rows(vectors.is_constant(), builder.finish()?)
}

fn subvector_typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let [vector, start, count] = types else { return None };
    let counts = |ty: &DataType| ty.is_integer() || ty.is_null();
    let counted = counts(start) && counts(count);
    counted.then_some(())?;
    Some(vec![vector_argument(vector)?, DataType::Int64, DataType::Int64])
}

/// `subvector(v, start, count)`, from 1, cut to what there is.
fn subvector(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [vectors, start, count] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "subvector takes three arguments"));
    };
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { args.number_rows };
    let vectors = Vectors::read(vectors)?;
    let (start, count) = (integers(start, rows)?, integers(count, rows)?);
    let mut builder = VectorsBuilder::new(args.return_field.data_type(), rows);
    for (row, (start, count)) in start.iter().zip(count.iter()).enumerate() {
        match (vectors.get(row), start, count) {
            (Some(vector), Some(start), Some(count)) => {
                let part = part_of(vector, start, count);
                check_vector(part, vectors.name())?;
                builder.push(part.iter().copied())?;
            }
            _ => builder.null(),
        }
    }
    finish_rows(constant, builder.finish()?)
}

fn integers(value: &ColumnarValue, rows: usize) -> Result<Int64Array> {
    let column = value.cast_to(&DataType::Int64, None)?.to_array(rows)?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

fn part_of(vector: &[f32], start: i64, count: i64) -> &[f32] {
    let place = |at: i64| usize::try_from(at.max(1) - 1).unwrap_or(0).min(vector.len());
    let (from, to) = (place(start), place(start.saturating_add(count.max(0))));
    vector.get(from..to.max(from)).unwrap_or_default()
}
