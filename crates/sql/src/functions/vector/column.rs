//! Vector columns as slices: reading them from every form an argument takes, and building them.

use crate::functions::failure::{fail, long_name, raise};
use crate::functions::function::{field_of_type, is_text};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float16Array, Float32Array, ListArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type};
use cvx_types::forms::element::Element;
use cvx_types::{FormatSettings, PgType, SqlError, SqlState};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use half::f16;
use std::sync::Arc;

/// pgvector's limit on dimensions.
pub(crate) const DIMENSIONS_MAX: usize = 16_000;

/// What an argument that should be a vector is cast to: vectors and text as they are, other
/// numbers in a list as `real[]`. `None` for what is no dense vector.
pub(crate) fn vector_argument(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::FixedSizeList(item, _) | DataType::List(item)
            if matches!(item.data_type(), DataType::Float32 | DataType::Float16) =>
        {
            Some(ty.clone())
        }
        bits if super::bits::is_bits(bits) => None,
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item)
            if item.data_type().is_numeric() || item.data_type().is_null() =>
        {
            Some(PgType::Array(Box::new(PgType::Float4)).arrow_type(-1))
        }
        ty if is_text(ty) => Some(DataType::Utf8),
        DataType::Null => Some(DataType::Null),
        _ => None,
    }
}

/// Whether vectors of this Arrow type are made of half floats.
pub(crate) fn is_half(ty: &DataType) -> bool {
    match ty {
        DataType::FixedSizeList(item, _) | DataType::List(item) => {
            item.data_type() == &DataType::Float16
        }
        _ => false,
    }
}

/// A number as vectors of this type hold it, infinite where it is beyond the greatest.
pub(crate) fn rounding(ty: &DataType) -> fn(f32) -> f32 {
    if is_half(ty) { |x| f16::nearest(x).to_f32() } else { |x| x }
}

/// Every argument a dense vector.
pub(crate) fn vector_typing<const N: usize>(types: &[DataType]) -> Option<Vec<DataType>> {
    // A text beside halves is read as halves, for they are rounded.
    let halves = types.iter().any(is_half);
    let argument = |ty: &DataType| match vector_argument(ty) {
        Some(DataType::Utf8) if halves => Some(PgType::Halfvec.arrow_type(-1)),
        other => other,
    };
    (types.len() == N).then(|| types.iter().map(argument).collect()).flatten()
}

/// Every argument a vector, sparse if one is.
pub(crate) fn any_vector_typing<const N: usize>(types: &[DataType]) -> Option<Vec<DataType>> {
    let sparse = super::sparse::is_sparse;
    if types.len() != N || !types.iter().any(sparse) {
        return vector_typing::<N>(types);
    }
    let argument = |ty: &DataType| if sparse(ty) { Some(ty.clone()) } else { vector_argument(ty) };
    types.iter().map(argument).collect()
}

/// The field of a vector computed from these: as wide as the first that says so.
pub(crate) fn vector_field(types: &[&DataType]) -> FieldRef {
    let dim = types.iter().find_map(|ty| match ty {
        DataType::FixedSizeList(_, dim) => Some(*dim),
        _ => None,
    });
    field_of_dimension(types, dim.unwrap_or(-1))
}

/// The field of a vector computed from these: halves if one of them is made of halves.
pub(crate) fn field_of_dimension(types: &[&DataType], dim: i32) -> FieldRef {
    let half = types.iter().any(|ty| is_half(ty));
    let ty = if half { PgType::Halfvec } else { PgType::Vector };
    Arc::new(field_of_type("", &ty, dim, true))
}

/// A column of vectors, or one vector that stands for every row.
#[derive(Debug)]
pub(crate) struct Vectors {
    values: ScalarBuffer<f32>,
    shape: Shape,
    nulls: Option<NullBuffer>,
    rows: usize,
    constant: bool,
    half: bool,
}

#[derive(Debug)]
enum Shape {
    Fixed(usize),
    Ragged(OffsetBuffer<i32>),
}

impl Vectors {
    pub(crate) fn read(value: &ColumnarValue) -> Result<Self> {
        match value {
            ColumnarValue::Array(array) => Self::from_array(array),
            ColumnarValue::Scalar(scalar) => {
                let one = Self::from_array(&scalar.to_array_of_size(1)?)?;
                Ok(Self { constant: true, ..one })
            }
        }
    }

    pub(crate) fn from_array(array: &ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::FixedSizeList(_, dim) => {
                let list = array.as_fixed_size_list();
                let dim = usize::try_from(*dim).unwrap_or(0);
                Self::new(list.values(), Shape::Fixed(dim), list.nulls(), list.len())
            }
            DataType::List(_) => {
                let list: &ListArray = array.as_list();
                let shape = Shape::Ragged(list.offsets().clone());
                Self::new(list.values(), shape, list.nulls(), list.len())
            }
            DataType::LargeList(_) => {
                Self::from_array(&cast(array, &PgType::Vector.arrow_type(-1))?)
            }
            DataType::Null => Self::from_array(&Self::all_null(array.len())),
            ty if is_text(ty) => Self::from_array(&crate::functions::codec::parse_column(
                array,
                &PgType::Vector,
                -1,
                &FormatSettings::default(),
            )?),
            other => {
                let name = long_name(&PgType::of_arrow(other).0);
                Err(fail(SqlState::DATATYPE_MISMATCH, format!("{name} is not a vector")))
            }
        }
    }

    fn all_null(rows: usize) -> ArrayRef {
        arrow::array::new_null_array(&PgType::Vector.arrow_type(-1), rows)
    }

    fn new(
        values: &ArrayRef,
        shape: Shape,
        nulls: Option<&NullBuffer>,
        rows: usize,
    ) -> Result<Self> {
        let half = values.data_type() == &DataType::Float16;
        let values = cast(values, &DataType::Float32)?;
        let values = values.as_primitive::<Float32Type>();
        let vectors = Self {
            values: values.values().clone(),
            shape,
            nulls: nulls.cloned(),
            rows,
            constant: false,
            half,
        };
        vectors.check_elements(values)?;
        Ok(vectors)
    }

    /// A null element inside a vector that is not NULL itself is refused.
    fn check_elements(&self, values: &Float32Array) -> Result<()> {
        if values.null_count() == 0 {
            return Ok(());
        }
        for row in (0..self.rows).filter(|&row| self.is_valid(row)) {
            let (start, end) = self.bounds(row);
            if (start..end).any(|at| values.is_null(at)) {
                return Err(fail(SqlState("22004"), "array must not contain nulls"));
            }
        }
        Ok(())
    }

    /// The vectors' type, as messages name it.
    pub(crate) fn name(&self) -> &'static str {
        if self.half { f16::NAME } else { f32::NAME }
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    fn is_valid(&self, row: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    fn bounds(&self, row: usize) -> (usize, usize) {
        match &self.shape {
            Shape::Fixed(dim) => (row * dim, (row + 1) * dim),
            Shape::Ragged(offsets) => {
                let at = |i: usize| usize::try_from(offsets[i]).unwrap_or(0);
                (at(row), at(row + 1))
            }
        }
    }

    /// The whole column as one slice: of this dimension, not constant and without NULLs.
    pub(crate) fn flat(&self, dim: usize) -> Option<&[f32]> {
        let fixed = matches!(self.shape, Shape::Fixed(own) if own == dim);
        let dense = self.nulls.as_ref().is_none_or(|nulls| nulls.null_count() == 0);
        (fixed && dense && !self.constant).then_some(&self.values[..])
    }

    /// The vector of a row; a constant answers for every row.
    pub(crate) fn get(&self, row: usize) -> Option<&[f32]> {
        let row = if self.constant { 0 } else { row };
        let (start, end) = self.bounds(row);
        self.is_valid(row).then(|| &self.values[start..end])
    }
}

/// Builds a vector column row by row; every row of a `vector(n)` has n elements.
pub(crate) struct VectorsBuilder {
    values: Vec<f32>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    dim: Option<usize>,
    half: bool,
}

impl VectorsBuilder {
    /// For a result of this type: `FixedSizeList` or `List`.
    pub(crate) fn new(ty: &DataType, rows: usize) -> Self {
        let dim = match ty {
            DataType::FixedSizeList(_, dim) => usize::try_from(*dim).ok(),
            _ => None,
        };
        let values = Vec::with_capacity(rows * dim.unwrap_or(0));
        let (lengths, valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        Self { values, lengths, valid, dim, half: is_half(ty) }
    }

    pub(crate) fn null(&mut self) {
        let width = self.dim.unwrap_or(0);
        self.values.resize(self.values.len() + width, 0.0);
        self.lengths.push(width);
        self.valid.push(false);
    }

    /// Appends a vector; a column of fixed dimension refuses another one.
    pub(crate) fn push(&mut self, vector: impl IntoIterator<Item = f32>) -> Result<()> {
        let start = self.values.len();
        self.values.extend(vector);
        for value in self.values.iter_mut().skip(start).filter(|_| self.half) {
            *value = f16::narrowed(*value).map_err(raise)?.to_f32();
        }
        let length = self.values.len() - start;
        if let Some(dim) = self.dim.filter(|&dim| dim != length) {
            return Err(wrong_dimension(dim, length));
        }
        self.lengths.push(length);
        self.valid.push(true);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ArrayRef> {
        let nulls = self.valid.contains(&false).then(|| NullBuffer::from(self.valid.clone()));
        let values: ArrayRef = match self.half {
            true => Arc::new(self.values.into_iter().map(f16::nearest).collect::<Float16Array>()),
            false => Arc::new(Float32Array::from(self.values)),
        };
        let item = Arc::new(Field::new("item", values.data_type().clone(), false));
        let Some(dim) = self.dim else {
            let offsets = OffsetBuffer::from_lengths(self.lengths);
            return Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?));
        };
        let size = i32::try_from(dim).map_err(|_| too_many_dimensions(f32::NAME))?;
        let rows = self.valid.len();
        Ok(Arc::new(FixedSizeListArray::try_new_with_length(item, size, values, nulls, rows)?))
    }
}

/// "expected 3 dimensions, not 2", as pgvector says it.
pub(crate) fn wrong_dimension(
    expected: usize,
    found: usize,
) -> datafusion::common::DataFusionError {
    let message = format!("expected {expected} dimensions, not {found}");
    fail(SqlState::DATA_EXCEPTION, message)
}

/// "different vector dimensions 3 and 2", as pgvector says it.
pub(crate) fn check_same_dimension(a: &[f32], b: &[f32], name: &str) -> Result<()> {
    if a.len() == b.len() {
        return Ok(());
    }
    let message = format!("different {name} dimensions {} and {}", a.len(), b.len());
    Err(fail(SqlState::DATA_EXCEPTION, message))
}

pub(super) fn too_many_dimensions(name: &str) -> datafusion::common::DataFusionError {
    let message = format!("{name} cannot have more than {DIMENSIONS_MAX} dimensions");
    raise(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
}

/// What pgvector asks of every vector made from something else.
pub(crate) fn check_vector(vector: &[f32], name: &str) -> Result<()> {
    let bad = |message: String| Err(fail(SqlState::DATA_EXCEPTION, message));
    if vector.is_empty() {
        return bad(format!("{name} must have at least 1 dimension"));
    }
    if vector.len() > DIMENSIONS_MAX {
        return Err(too_many_dimensions(name));
    }
    if vector.iter().any(|x| x.is_nan()) {
        return bad(format!("NaN not allowed in {name}"));
    }
    if vector.iter().any(|x| x.is_infinite()) {
        return bad(format!("infinite value not allowed in {name}"));
    }
    Ok(())
}

/// Rows of a batch, or one where every argument is constant.
pub(crate) fn rows_of(args: &[&Vectors], batch_rows: usize) -> usize {
    if args.iter().all(|vectors| vectors.is_constant()) { 1 } else { batch_rows }
}

/// Hands back a column, or its only row where the arguments were constant.
pub(crate) fn finish_rows(constant: bool, column: ArrayRef) -> Result<ColumnarValue> {
    if constant {
        let value = datafusion::common::ScalarValue::try_from_array(&column, 0)?;
        return Ok(ColumnarValue::Scalar(value));
    }
    Ok(ColumnarValue::Array(column))
}
