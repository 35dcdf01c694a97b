//! `cvx_cast(value, type, typmod)`: every cast in which something is read, written, rounded or
//! checked.
//!
//! ```text
//!            text --parse--> any type --print--> text        (cvx-types' text forms)
//!         numbers <-round, check-> numbers                   number.rs
//!   moments, dates <-session's zone-> moments, dates         moment.rs
//!           array --each element--> array, vector            this file
//!   vector, halfvec, sparsevec <--> each other              this file
//! ```
//!
//! The target is constant, so that the result's field (with its Postgres type) is known when the
//! statement is planned. What the session says of text forms is in [`super::formats`].

mod moment;
mod number;

pub(crate) use moment::{micros, world};

#[cfg(test)]
mod tests;

use super::codec;
use super::failure::{fail, long_name};
use super::formats::formats_of;
use super::function::{Function, field_of_type, is_text};
use super::vector::{
    Vectors, VectorsBuilder, check_vector, checked_sparse, fitted_bits, of_dense_column, to_dense,
};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{FormatSettings, PgType, SqlState};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility,
};
use std::sync::{Arc, LazyLock};

static CAST: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Function::with_field("cvx_cast", typing, target_field, cast_rows)
        .volatility(Volatility::Stable)
        .strict()
        .udf()
});

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::clone(&CAST)]
}

/// The expression cast to this type by `cvx_cast`.
pub fn cast_call(expr: Expr, ty: &PgType, typmod: i32) -> Expr {
    let name = Expr::Literal(ScalarValue::Utf8(Some(ty.name())), None);
    let typmod = Expr::Literal(ScalarValue::Int32(Some(typmod)), None);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&CAST), vec![expr, name, typmod]))
}

fn typing(types: &[DataType]) -> Option<Vec<DataType>> {
    let [value, name, typmod] = types else { return None };
    let named = is_text(name) && typmod.is_integer();
    named.then(|| vec![value.clone(), DataType::Utf8, DataType::Int32])
}

fn target_field(args: &ReturnFieldArgs) -> Result<FieldRef> {
    let constant = |at: usize| args.scalar_arguments.get(at).copied().flatten();
    let name = match constant(1) {
        Some(ScalarValue::Utf8(Some(name))) => PgType::from_name(name),
        _ => None,
    };
    let typmod = match constant(2) {
        Some(ScalarValue::Int32(typmod)) => *typmod,
        Some(ScalarValue::Int64(typmod)) => typmod.and_then(|typmod| i32::try_from(typmod).ok()),
        _ => None,
    };
    let (Some(ty), Some(typmod)) = (name, typmod) else {
        let message = "cvx_cast takes a value, the name of a type and a type modifier";
        return Err(fail(SqlState::INVALID_PARAMETER, message));
    };
    let nullable = args.arg_fields.first().is_none_or(|field| field.is_nullable());
    Ok(Arc::new(field_of_type("", &ty, typmod, nullable)))
}

fn cast_rows(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (Some(value), Some(source)) = (args.args.first(), args.arg_fields.first()) else {
        return Err(fail(SqlState::INTERNAL_ERROR, "cvx_cast without a value"));
    };
    let settings = formats_of(args)?;
    let target = Target::of(&args.return_field, &settings);
    let (from, _) = PgType::of_field(source);
    match value {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(target.cast(array, &from)?)),
        ColumnarValue::Scalar(scalar) => {
            let column = target.cast(&scalar.to_array_of_size(1)?, &from)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?))
        }
    }
}

/// What to cast to, and what the session says about it.
struct Target<'a> {
    ty: PgType,
    typmod: i32,
    data_type: DataType,
    settings: &'a FormatSettings,
}

impl<'a> Target<'a> {
    fn of(field: &Field, settings: &'a FormatSettings) -> Self {
        let (ty, typmod) = PgType::of_field(field);
        Self { ty, typmod, data_type: field.data_type().clone(), settings }
    }

    fn cast(&self, column: &ArrayRef, from: &PgType) -> Result<ArrayRef> {
        if column.null_count() == column.len() {
            return Ok(arrow::array::new_null_array(&self.data_type, column.len()));
        }
        match (from, &self.ty) {
            (_, PgType::Text | PgType::Varchar | PgType::Name | PgType::Char) => {
                self.print(column, from)
            }
            (PgType::Jsonb, PgType::Json) => self.arrow(column),
            (from, _) if is_text(column.data_type()) && !matches!(from, PgType::Jsonb) => {
                codec::parse_column(column, &self.ty, self.typmod, self.settings)
            }
            (PgType::Jsonb, to) if is_number(to) || to == &PgType::Bool => {
                let plain = super::json::scalar_texts(column, &long_name(to))?;
                codec::parse_column(&plain, &self.ty, self.typmod, self.settings)
            }
            (PgType::Sparsevec, PgType::Vector | PgType::Halfvec) => self.dense(column),
            (PgType::Sparsevec, PgType::Sparsevec) => checked_sparse(column, self.typmod),
            (
                PgType::Vector | PgType::Halfvec | PgType::Array(_),
                PgType::Vector | PgType::Halfvec,
            ) => self.vector(column),
            (PgType::Vector | PgType::Halfvec | PgType::Array(_), PgType::Sparsevec) => {
                of_dense_column(column, self.typmod)
            }
            (PgType::Vector | PgType::Halfvec, PgType::Array(_)) => {
                self.array(&vector_as_list(column)?, from)
            }
            (from, to) if from.is_bits() && to.is_bits() => {
                fitted_bits(column, to == &PgType::Varbit, self.typmod)
            }
            (PgType::Array(_), PgType::Array(_)) => self.array(column, from),
            (from, to) if moment::is_moment(from) && moment::is_moment(to) => {
                moment::cast(column, from, to, self.typmod, self.settings.timezone)
            }
            (from, to) if is_number(from) && is_number(to) => {
                number::cast(column, to, &self.data_type)
            }
            (PgType::Bool, PgType::Int4) => self.arrow(column),
            (PgType::Int4 | PgType::Int8 | PgType::Int2, PgType::Bool) => self.arrow(column),
            (from, to) if from == to => self.arrow(column),
            (from, to) => Err(cannot_cast(from, to)),
        }
    }

    fn arrow(&self, column: &ArrayRef) -> Result<ArrayRef> {
        Ok(arrow_cast(column, &self.data_type)?)
    }

    /// The text form, cut to `varchar(n)`: an explicit cast cuts silently.
    fn print(&self, column: &ArrayRef, from: &PgType) -> Result<ArrayRef> {
        let texts = if is_text(column.data_type()) {
            arrow_cast(column, &DataType::Utf8)?
        } else if from == &PgType::Bool {
            let words = column.as_boolean().iter();
            let words = words.map(|b| b.map(|b| if b { "true" } else { "false" }));
            Arc::new(words.collect::<StringArray>()) as ArrayRef
        } else {
            codec::print_column(column, from, self.settings)?
        };
        match self.length_max() {
            None => Ok(texts),
            Some(length) => {
                let texts: &StringArray = texts.as_string();
                let cut = texts.iter().map(|text| text.map(|text| prefix(text, length)));
                Ok(Arc::new(cut.collect::<StringArray>()))
            }
        }
    }

    fn length_max(&self) -> Option<usize> {
        match self.ty {
            PgType::Varchar if self.typmod >= 4 => usize::try_from(self.typmod - 4).ok(),
            PgType::Name => Some(63),
            PgType::Char => Some(1),
            _ => None,
        }
    }

    fn vector(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let vectors = Vectors::from_array(column)?;
        let mut builder = VectorsBuilder::new(&self.data_type, column.len());
        for row in 0..column.len() {
            match vectors.get(row) {
                Some(vector) => {
                    check_vector(vector, self.ty.sql_name())?;
                    builder.push(vector.iter().copied())?;
                }
                None => builder.null(),
            }
        }
        builder.finish()
    }

    fn dense(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let mut builder = VectorsBuilder::new(&self.data_type, column.len());
        to_dense(column, self.ty.sql_name(), |vector| match vector {
            Some(vector) => builder.push(vector.iter().copied()),
            None => {
                builder.null();
                Ok(())
            }
        })?;
        builder.finish()
    }

    /// Casts the elements and keeps the lists.
    fn array(&self, column: &ArrayRef, from: &PgType) -> Result<ArrayRef> {
        let (PgType::Array(to), DataType::List(item)) = (&self.ty, &self.data_type) else {
            return Err(cannot_cast(from, &self.ty));
        };
        let from = match from {
            PgType::Array(element) => element.as_ref(),
            _ => &PgType::Float4,
        };
        let list: &ListArray = column.as_list();
        let (ty, data_type) = (to.as_ref().clone(), item.data_type().clone());
        let element = Target { ty, typmod: -1, data_type, settings: self.settings };
        let values = element.cast(list.values(), from)?;
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?))
    }
}

fn vector_as_list(column: &ArrayRef) -> Result<ArrayRef> {
    let list = PgType::Array(Box::new(PgType::Float4)).arrow_type(-1);
    Ok(arrow_cast(column, &list)?)
}

/// A column as another type, as an explicit cast makes it.
pub(crate) fn cast_column(
    column: &ArrayRef,
    from: &PgType,
    (ty, typmod): (&PgType, i32),
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let data_type = ty.arrow_type(typmod);
    Target { ty: ty.clone(), typmod, data_type, settings }.cast(column, from)
}

/// The first characters of a text, at most this many.
fn prefix(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}

fn is_number(ty: &PgType) -> bool {
    matches!(
        ty,
        PgType::Int2
            | PgType::Int4
            | PgType::Int8
            | PgType::Float4
            | PgType::Float8
            | PgType::Numeric
            | PgType::Oid
    )
}

fn cannot_cast(from: &PgType, to: &PgType) -> datafusion::common::DataFusionError {
    let message = format!("cannot cast type {} to {}", long_name(from), long_name(to));
    fail(SqlState("42846"), message)
}
