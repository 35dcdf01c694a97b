//! Distances between vectors, and the two measures of one: `vector_dims`, `vector_norm`.
//!
//! Where one side is constant, what can be computed of it beforehand is computed once a batch
//! ([`Query`]), and a `vector(n)` column without NULLs goes through the kernel as one slice.

use super::column::{Vectors, any_vector_typing, finish_rows, rows_of, vector_typing};
use super::sparse;
use crate::functions::failure::fail;
use crate::functions::function::{Function, Typing};
use arrow::array::{ArrayRef, Float64Array, Int32Array};
use arrow::datatypes::Float64Type;
use cvx_core::{DistanceError, Metric, Query};
use cvx_types::{PgType, SqlState};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The function of a metric's operator: `<->` is `l2_distance`.
pub(crate) fn distance_function(metric: Metric) -> &'static str {
    match metric {
        Metric::L2 => "l2_distance",
        Metric::Cosine => "cosine_distance",
        Metric::InnerProduct => "vector_negative_inner_product",
        Metric::L1 => "l1_distance",
        Metric::Poincare => "poincare_distance",
    }
}

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        between("l2_distance", |args| distances(args, Metric::L2)).udf(),
        between("cosine_distance", |args| distances(args, Metric::Cosine)).udf(),
        between("l1_distance", |args| distances(args, Metric::L1)).udf(),
        between("poincare_distance", |args| distances(args, Metric::Poincare)).udf(),
        between("vector_negative_inner_product", |args| distances(args, Metric::InnerProduct))
            .alias("negative_inner_product")
            .alias("halfvec_negative_inner_product")
            .alias("sparsevec_negative_inner_product")
            .udf(),
        between("inner_product", inner_products).udf(),
        Function::new("vector_norm", any_vector_typing::<1>, PgType::Float8, norms)
            .alias("l2_norm")
            .strict()
            .udf(),
        Function::new("vector_dims", vector_typing::<1>, PgType::Int4, dims).strict().udf(),
    ]
}

type Kernel = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

fn between(name: &'static str, kernel: Kernel) -> Function {
    const TYPING: Typing = any_vector_typing::<2>;
    Function::new(name, TYPING, PgType::Float8, kernel).strict()
}

fn distances(args: &ScalarFunctionArgs, metric: Metric) -> Result<ColumnarValue> {
    if sparse::is_called(args) {
        return sparse::distances(args, metric);
    }
    let (left, right) = two_vectors(args)?;
    let rows = rows_of(&[&left, &right], args.number_rows);
    let column = distance_column(metric, &left, &right, rows)?;
    finish_rows(left.is_constant() && right.is_constant(), Arc::new(column))
}

fn inner_products(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    if sparse::is_called(args) {
        return sparse::inner_products(args);
    }
    let (left, right) = two_vectors(args)?;
    let rows = rows_of(&[&left, &right], args.number_rows);
    let negative = distance_column(Metric::InnerProduct, &left, &right, rows)?;
    let column: ArrayRef = Arc::new(negative.unary::<_, Float64Type>(|d| 0.0 - d));
    finish_rows(left.is_constant() && right.is_constant(), column)
}

fn two_vectors(args: &ScalarFunctionArgs) -> Result<(Vectors, Vectors)> {
    let [left, right] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "a distance lies between two vectors"));
    };
    Ok((Vectors::read(left)?, Vectors::read(right)?))
}

static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// How many rows' distances functions have computed since the process began: what searches save.
#[must_use]
pub fn distances_computed() -> u64 {
    COMPUTED.load(Ordering::Relaxed)
}

/// The distance of every row; NULL where either side is.
pub(crate) fn distance_column(
    metric: Metric,
    left: &Vectors,
    right: &Vectors,
    rows: usize,
) -> Result<Float64Array> {
    COMPUTED.fetch_add(rows as u64, Ordering::Relaxed);
    // Distances are symmetric to the bit, so that the constant side may be either.
    match (left.is_constant(), right.is_constant()) {
        (true, _) => from_constant(metric, left.get(0), right, rows),
        (_, true) => from_constant(metric, right.get(0), left, rows),
        _ => (0..rows)
            .map(|row| pair_distance(metric, left.get(row), right.get(row), left.name()))
            .collect(),
    }
}

/// The distance of one pair; NULL where either is.
pub(crate) fn distance_of(
    metric: Metric,
    a: Option<&[f32]>,
    b: Option<&[f32]>,
) -> Result<Option<f64>> {
    pair_distance(metric, a, b, "vector")
}

fn pair_distance(
    metric: Metric,
    a: Option<&[f32]>,
    b: Option<&[f32]>,
    name: &str,
) -> Result<Option<f64>> {
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    cvx_core::distance(metric, a, b).map(Some).map_err(|error| distance_error(error, name))
}

fn from_constant(
    metric: Metric,
    query: Option<&[f32]>,
    column: &Vectors,
    rows: usize,
) -> Result<Float64Array> {
    let Some(query) = query else { return Ok(Float64Array::new_null(rows)) };
    let refused = |error| distance_error(error, column.name());
    let query = Query::new(metric, query).map_err(refused)?;
    if let Some(flat) = column.flat(query.dim()) {
        let mut out = vec![0.0; rows];
        query.distances(flat, &mut out).map_err(refused)?;
        return Ok(Float64Array::from(out));
    }
    (0..rows)
        .map(|row| column.get(row).map(|vector| query.distance(vector)).transpose())
        .collect::<Result<_, _>>()
        .map_err(refused)
}

/// In pgvector's words and class; `name` is the vectors' type.
pub(crate) fn distance_error(error: DistanceError, name: &str) -> DataFusionError {
    let message = match error {
        DistanceError::Dimensions { left, right } => {
            format!("different {name} dimensions {left} and {right}")
        }
        DistanceError::OutsideBall | DistanceError::NoSuchRow { .. } => error.to_string(),
    };
    fail(SqlState::DATA_EXCEPTION, message)
}

fn norms(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    if sparse::is_called(args) {
        return sparse::norms(args);
    }
    let vectors = one_vector(args)?;
    let rows = rows_of(&[&vectors], args.number_rows);
    let norm = |row| vectors.get(row).map(cvx_core::distance::norm);
    finish_rows(vectors.is_constant(), Arc::new((0..rows).map(norm).collect::<Float64Array>()))
}

fn dims(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let vectors = one_vector(args)?;
    let rows = rows_of(&[&vectors], args.number_rows);
    let dim = |row| vectors.get(row).map(|v| i32::try_from(v.len()).unwrap_or(i32::MAX));
    finish_rows(vectors.is_constant(), Arc::new((0..rows).map(dim).collect::<Int32Array>()))
}

pub(super) fn one_vector(args: &ScalarFunctionArgs) -> Result<Vectors> {
    match args.args.first() {
        Some(value) => Vectors::read(value),
        None => Err(fail(SqlState::INTERNAL_ERROR, "a vector is missing")),
    }
}
