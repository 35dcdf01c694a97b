//! What an analysis takes: its parameters, and the values of one call.

use crate::functions::interval_us;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Float64Type, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use cvx_types::{Result, SqlError, SqlState};
use std::str::FromStr;

/// A function's name and parameters, those that may be given by position first.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// How many of the first must be given.
    pub(crate) required: usize,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a parameter is cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The type of the table's entity column.
    Entity,
    /// The type of its valid time.
    Time,
    Interval,
    /// A condition in quotes that the binder puts into the statement; the call gets NULL.
    Predicate,
    Text,
    Integer,
    Float,
    /// An array of vectors.
    Vectors,
    /// An array of texts.
    Texts,
}

pub(crate) const fn parameter(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind }
}

/// The arguments of one row's call, by parameter name.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    signature: &'static Signature,
    columns: &'a [ArrayRef],
    row: usize,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(signature: &'static Signature, columns: &'a [ArrayRef], row: usize) -> Self {
        Self { signature, columns, row }
    }

    /// The value's column, unless the value is NULL or was not given.
    fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        let at = self.signature.parameters.iter().position(|known| known.name == name)?;
        self.columns.get(at).filter(|column| column.is_valid(self.row))
    }

    /// The value as a column of one row.
    pub(crate) fn single(&self, name: &str) -> Option<ArrayRef> {
        Some(self.column(name)?.slice(self.row, 1))
    }

    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    /// A moment, microseconds.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        let column = self.column(name)?;
        let timestamp = column.as_primitive_opt::<TimestampMicrosecondType>();
        let micros = timestamp.map(|column| column.value(self.row));
        micros.or_else(|| Some(column.as_primitive_opt::<Int64Type>()?.value(self.row)))
    }

    /// An interval in microseconds; a month counts 30 days.
    pub(crate) fn interval_us(&self, name: &str) -> Result<Option<i64>> {
        let Some(column) = self.column(name) else { return Ok(None) };
        let Some(column) = column.as_primitive_opt::<IntervalMonthDayNanoType>() else {
            return Ok(None);
        };
        let us = interval_us(column.value(self.row));
        if !(0.0..9e18).contains(&us) {
            return Err(invalid(format!("{name} must not be negative")));
        }
        Ok(Some(us as i64))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        Some(self.column(name)?.as_string_opt::<i32>()?.value(self.row))
    }

    /// An array of texts.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<Option<String>>> {
        let list = self.column(name)?.as_list_opt::<i32>()?.value(self.row);
        let texts = list.as_string_opt::<i32>()?.iter();
        Some(texts.map(|text| text.map(str::to_owned)).collect())
    }

    /// A text that names one of a few things.
    pub(crate) fn parsed<T>(&self, name: &str) -> Result<T>
    where
        T: FromStr<Err = cvx_analytics::Error> + Default,
    {
        match self.text(name) {
            Some(text) => text.parse().map_err(crate::error::from_analytics),
            None => Ok(T::default()),
        }
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&self, name: &str, least: usize, otherwise: usize) -> Result<usize> {
        let Some(column) = self.column(name) else { return Ok(otherwise) };
        let value = column.as_primitive_opt::<Int64Type>().map(|column| column.value(self.row));
        let count = value.and_then(|value| usize::try_from(value).ok());
        count
            .filter(|count| *count >= least)
            .ok_or_else(|| invalid(format!("{name} must be at least {least}")))
    }

    pub(crate) fn float(&self, name: &str) -> Option<f64> {
        Some(self.column(name)?.as_primitive_opt::<Float64Type>()?.value(self.row))
    }
}

/// 22023
pub(crate) fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}
