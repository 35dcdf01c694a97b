//! `sparsevec`: distances, norm and casts, element by element of those that are not 0.
//!
//! The same names serve dense and sparse vectors ([`super::distance`] asks here where an argument
//! is sparse); a dense vector beside a sparse one is made sparse, as pgvector's implicit cast does.

use super::column::{Vectors, finish_rows};
use crate::functions::failure::{fail, raise};
use crate::functions::function::is_text;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, LargeBinaryArray, LargeBinaryBuilder};
use arrow::datatypes::DataType;
use cvx_core::Metric;
use cvx_types::forms::sparsevec::{Sparse, of_dense, pack};
use cvx_types::forms::vector::check_dimension;
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use std::cmp::Ordering;
use std::sync::Arc;

/// Whether a type is `sparsevec`'s.
pub(super) fn is_sparse(ty: &DataType) -> bool {
    ty == &DataType::LargeBinary
}

/// Two sparse vectors, by functions that say so in their name: constants are read as such.
pub(super) fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let argument = |ty: &DataType| (is_sparse(ty) || is_text(ty)).then_some(DataType::LargeBinary);
    (types.len() == 2).then(|| types.iter().map(argument).collect()).flatten()
}

/// Whether a call is one on sparse vectors.
pub(super) fn is_called(args: &ScalarFunctionArgs) -> bool {
    args.args.iter().any(|arg| is_sparse(&arg.data_type()))
}

/// A column of sparse vectors, or one that stands for every row.
pub(crate) struct Sparses {
    values: LargeBinaryArray,
    constant: bool,
}

impl Sparses {
    fn read(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Array(array) => Self::from_array(array, false),
            ColumnarValue::Scalar(scalar) => Self::from_array(&scalar.to_array_of_size(1)?, true),
        }
    }

    fn from_array(array: &ArrayRef, constant: bool) -> Result<Self> {
        let column = match array.data_type() {
            ty if is_sparse(ty) => Arc::clone(array),
            ty if is_text(ty) => {
                let settings = FormatSettings::default();
                crate::functions::codec::parse_column(array, &PgType::Sparsevec, -1, &settings)?
            }
            DataType::Null => arrow::array::new_null_array(&DataType::LargeBinary, array.len()),
            _ => of_dense_column(array, -1)?,
        };
        Ok(Self { values: column.as_binary::<i64>().clone(), constant })
    }

    fn get(&self, row: usize) -> Result<Option<Sparse<'_>>> {
        let row = if self.constant { 0 } else { row };
        if self.values.is_null(row) {
            return Ok(None);
        }
        let lost = || fail(SqlState::DATA_CORRUPTED, "bytes that are no sparsevec");
        Sparse::of(self.values.value(row)).map(Some).ok_or_else(lost)
    }
}

/// Runs `of` for each pair; NULL where either side is.
fn by_pairs<T>(
    args: &ScalarFunctionArgs,
    of: impl Fn(Sparse<'_>, Sparse<'_>) -> Result<T>,
) -> Result<(Vec<Option<T>>, bool)> {
    let [left, right] = args.args.as_slice() else {
        return Err(fail(SqlState::INTERNAL_ERROR, "two vectors are needed"));
    };
    let (left, right) = (Sparses::read(left)?, Sparses::read(right)?);
    let constant = left.constant && right.constant;
    let rows = if constant { 1 } else { args.number_rows };
    let pair = |row| match (left.get(row)?, right.get(row)?) {
        (Some(a), Some(b)) => of(a, b).map(Some),
        _ => Ok(None),
    };
    Ok(((0..rows).map(pair).collect::<Result<_>>()?, constant))
}

/// The distance of each pair by a metric.
pub(super) fn distances(args: &ScalarFunctionArgs, metric: Metric) -> Result<ColumnarValue> {
    let (distances, constant) = by_pairs(args, |a, b| distance(metric, a, b))?;
    finish_rows(constant, Arc::new(distances.into_iter().collect::<Float64Array>()))
}

pub(super) fn inner_products(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (products, constant) =
        by_pairs(args, |a, b| Ok(0.0 - distance(Metric::InnerProduct, a, b)?))?;
    finish_rows(constant, Arc::new(products.into_iter().collect::<Float64Array>()))
}

fn distance(metric: Metric, a: Sparse<'_>, b: Sparse<'_>) -> Result<f64> {
    if a.dimension() != b.dimension() {
        let (a, b) = (a.dimension(), b.dimension());
        let message = format!("different sparsevec dimensions {a} and {b}");
        return Err(fail(SqlState::DATA_EXCEPTION, message));
    }
    let pairs = a.zip(b).map(|(x, y)| (f64::from(x), f64::from(y)));
    Ok(match metric {
        Metric::L2 => total(pairs.map(|(x, y)| (x - y) * (x - y))).sqrt(),
        Metric::L1 => total(pairs.map(|(x, y)| (x - y).abs())),
        Metric::InnerProduct => 0.0 - total(pairs.map(|(x, y)| x * y)),
        Metric::Cosine => {
            let dot = total(pairs.map(|(x, y)| x * y));
            1.0 - (dot / (squares(a) * squares(b)).sqrt()).clamp(-1.0, 1.0)
        }
        Metric::Poincare => {
            let what = "Poincaré distance of sparse vectors";
            return Err(raise(cvx_types::SqlError::unsupported(what)));
        }
    })
}

/// The sum of nothing is -0 in Rust; 0 is what it should be here.
fn total(terms: impl Iterator<Item = f64>) -> f64 {
    0.0 + terms.sum::<f64>()
}

fn squares(sparse: Sparse<'_>) -> f64 {
    total(sparse.iter().map(|(_, value)| f64::from(value) * f64::from(value)))
}

/// As `sparsevec_cmp`.
pub(super) fn orders(args: &ScalarFunctionArgs) -> Result<(Vec<Option<Ordering>>, bool)> {
    by_pairs(args, |a, b| Ok(a.compare(&b)))
}

fn each<T>(
    args: &ScalarFunctionArgs,
    of: impl Fn(Sparse<'_>) -> Result<T>,
) -> Result<(Vec<Option<T>>, bool)> {
    let missing = || fail(SqlState::INTERNAL_ERROR, "a vector is missing");
    let column = Sparses::read(args.args.first().ok_or_else(missing)?)?;
    let rows = if column.constant { 1 } else { args.number_rows };
    let values = (0..rows).map(|row| column.get(row)?.map(&of).transpose());
    Ok((values.collect::<Result<_>>()?, column.constant))
}

pub(super) fn norms(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (norms, constant) = each(args, |sparse| Ok(squares(sparse).sqrt()))?;
    finish_rows(constant, Arc::new(norms.into_iter().collect::<Float64Array>()))
}

/// Elements lost to underflow are left out; a zero vector stays zero.
pub(super) fn normalize(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (made, constant) = each(args, |sparse| {
        let norm = squares(sparse).sqrt();
        let scaled = sparse.iter().map(|(index, x)| (index, (f64::from(x) / norm) as f32));
        let kept: Vec<_> = scaled.filter(|(_, value)| *value != 0.0).collect();
        pack(&kept, i32::try_from(sparse.dimension()).unwrap_or(i32::MAX)).map_err(raise)
    })?;
    finish_rows(constant, Arc::new(made.into_iter().collect::<LargeBinaryArray>()))
}

/// Dense vectors, or arrays of numbers, as sparse ones of this many dimensions; <= 0 is any.
pub(crate) fn of_dense_column(array: &ArrayRef, typmod: i32) -> Result<ArrayRef> {
    let vectors = Vectors::from_array(array)?;
    let mut builder = LargeBinaryBuilder::new();
    for row in 0..array.len() {
        let Some(vector) = vectors.get(row) else {
            builder.append_null();
            continue;
        };
        check_dimension(typmod, vector.len()).map_err(raise)?;
        builder.append_value(of_dense(vector.iter().copied()).map_err(raise)?);
    }
    Ok(Arc::new(builder.finish()))
}

/// Sparse vectors, each of as many dimensions as the type says; <= 0 is any.
pub(crate) fn checked_column(array: &ArrayRef, typmod: i32) -> Result<ArrayRef> {
    let column = Sparses::from_array(array, false)?;
    for row in 0..array.len() {
        if let Some(sparse) = column.get(row)? {
            let dimension = usize::try_from(sparse.dimension()).unwrap_or(usize::MAX);
            check_dimension(typmod, dimension).map_err(raise)?;
        }
    }
    Ok(Arc::new(column.values))
}

/// Sparse vectors as dense ones, row by row; `push` gets each.
pub(crate) fn to_dense(
    array: &ArrayRef,
    name: &str,
    mut push: impl FnMut(Option<&[f32]>) -> Result<()>,
) -> Result<()> {
    let column = Sparses::from_array(array, false)?;
    let mut dense: Vec<f32> = Vec::new();
    for row in 0..array.len() {
        let Some(sparse) = column.get(row)? else {
            push(None)?;
            continue;
        };
        let dimension = usize::try_from(sparse.dimension()).unwrap_or(usize::MAX);
        if dimension > super::column::DIMENSIONS_MAX {
            return Err(super::column::too_many_dimensions(name));
        }
        dense.clear();
        dense.resize(dimension, 0.0);
        for (index, value) in sparse.iter() {
            if let Some(slot) = usize::try_from(index).ok().and_then(|at| dense.get_mut(at)) {
                *slot = value;
            }
        }
        push(Some(&dense))?;
    }
    Ok(())
}
