//! A function of the catalog as data, and one call of it.

use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::Relation;
use crate::pg_catalog::spec::field;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};

/// A function.
pub struct Spec {
    pub name: &'static str,
    /// What it takes; the last repeats where `variadic`.
    pub arguments: &'static [Arg],
    /// How many of them must be there.
    pub required: usize,
    pub variadic: bool,
    /// NULL in, NULL out.
    pub strict: bool,
    pub returns: Returns,
    pub body: fn(&Call<'_>) -> Result<ScalarValue>,
}

/// The field of a result, from the arguments'.
pub type Returns = fn(&[FieldRef]) -> Result<Field>;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// An OID: a number, or a text with a number.
    Oid,
    /// A relation: its OID, or its name.
    Relation,
    Int,
    Text,
    Bool,
    /// A list.
    List,
    Any,
}

impl Arg {
    /// The type to cast a given type to; `None` where it does not fit.
    pub fn coerce(self, given: &DataType) -> Option<DataType> {
        let text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let list = matches!(given, DataType::List(_));
        match self {
            Self::Any => Some(given.clone()),
            Self::Oid | Self::Relation if text => Some(DataType::Utf8),
            Self::Oid | Self::Relation | Self::Int => {
                let fits = given.is_integer() || given.is_null() || text;
                fits.then_some(DataType::Int64)
            }
            Self::Text => (!given.is_nested()).then_some(DataType::Utf8),
            Self::Bool => {
                let fits = text || given.is_null() || *given == DataType::Boolean;
                fits.then_some(DataType::Boolean)
            }
            Self::List => (list || given.is_null()).then(|| given.clone()),
        }
    }

    /// The type of a parameter of which nothing is said.
    pub fn unsaid(self) -> PgType {
        match self {
            Self::Oid => PgType::Oid,
            Self::Relation => PgType::Regclass,
            Self::Int => PgType::Int4,
            Self::Bool => PgType::Bool,
            Self::Text | Self::List | Self::Any => PgType::Text,
        }
    }
}

impl Spec {
    /// A strict function that takes exactly these.
    pub const fn new(
        name: &'static str,
        arguments: &'static [Arg],
        returns: Returns,
        body: fn(&Call<'_>) -> Result<ScalarValue>,
    ) -> Self {
        let required = arguments.len();
        Self { name, arguments, required, variadic: false, strict: true, returns, body }
    }

    /// Only the first `required` arguments must be there.
    pub const fn optional(mut self, required: usize) -> Self {
        self.required = required;
        self
    }

    /// It decides itself what NULL means.
    pub const fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    /// The last argument may come any number of times.
    pub const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// What the argument at this place may be.
    pub fn argument(&self, at: usize) -> Arg {
        self.arguments.get(at).or(self.arguments.last()).copied().unwrap_or(Arg::Any)
    }

    pub fn check_count(&self, given: usize) -> Result<()> {
        let most = if self.variadic { usize::MAX } else { self.arguments.len() };
        if given < self.required || given > most {
            return plan_err!("function {} does not take {given} arguments", self.name);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One call: a row's arguments.
pub struct Call<'a> {
    pub model: &'a SystemCatalog,
    pub values: Vec<ScalarValue>,
    pub fields: &'a [FieldRef],
    /// NULL of the result's type.
    pub null: ScalarValue,
}

impl Call<'_> {
    /// An integer argument, if it was given and is not NULL.
    pub fn int(&self, at: usize) -> Option<i64> {
        match self.values.get(at)? {
            ScalarValue::Int64(value) => *value,
            _ => None,
        }
    }

    pub fn bool(&self, at: usize) -> Option<bool> {
        match self.values.get(at)? {
            ScalarValue::Boolean(value) => *value,
            _ => None,
        }
    }

    pub fn text(&self, at: usize) -> Option<&str> {
        match self.values.get(at)? {
            ScalarValue::Utf8(value) => value.as_deref(),
            _ => None,
        }
    }

    /// A list argument's items.
    pub fn list(&self, at: usize) -> Option<ArrayRef> {
        match self.values.get(at)? {
            ScalarValue::List(list) => list.iter().next().flatten(),
            _ => None,
        }
    }

    /// An OID argument; a text that is no number is 22P02.
    pub fn oid(&self, at: usize) -> Result<u32> {
        let number = match self.text(at) {
            Some(text) => text.trim().parse::<i64>().map_err(|_| {
                let message = format!("invalid input syntax for type oid: \"{text}\"");
                error(SqlState::INVALID_TEXT, message)
            })?,
            None => self.int(at).unwrap_or(0),
        };
        let range = |_| error(SqlState::NUMERIC_OUT_OF_RANGE, "OID out of range".to_owned());
        // A negative number wraps, as Postgres' oidin lets it.
        u32::try_from(number)
            .or_else(|_| i32::try_from(number).map(i32::cast_unsigned))
            .map_err(range)
    }

    /// A relation argument: by OID `None` where there is no such relation, by name 42P01.
    pub fn relation(&self, at: usize) -> Result<Option<&Relation>> {
        match self.text(at) {
            Some(name) if name.trim().parse::<i64>().is_err() => {
                let found = self.model.relation_named(name);
                found.map(Some).ok_or_else(|| undefined_table(name))
            }
            _ => Ok(self.model.relation(self.oid(at)?)),
        }
    }

    /// A text result, or NULL.
    pub fn text_or_null(&self, text: Option<impl Into<String>>) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(text.map(Into::into)))
    }
}

/// 42P01.
pub fn undefined_table(name: &str) -> DataFusionError {
    error(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}

/// An error that keeps its SQLSTATE on the way through DataFusion.
pub fn error(state: SqlState, message: String) -> DataFusionError {
    DataFusionError::External(Box::new(SqlError::new(state, message)))
}

pub fn text(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

pub fn oid(value: u32) -> ScalarValue {
    ScalarValue::Int64(Some(value.into()))
}

pub fn bool(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

macro_rules! returns {
    ($($name:ident = $ty:expr),* $(,)?) => {
        $(pub const $name: Returns = |_| Ok(field("", &$ty));)*
    };
}

returns! {
    TEXT = PgType::Text,
    NAME = PgType::Name,
    NAMES = PgType::Array(Box::new(PgType::Name)),
    TEXTS = PgType::Array(Box::new(PgType::Text)),
    BOOLS = PgType::Array(Box::new(PgType::Bool)),
    OID = PgType::Oid,
    BOOL = PgType::Bool,
    INT = PgType::Int4,
    BIGINT = PgType::Int8,
    TIMESTAMPTZ = PgType::Timestamptz,
    JSON = PgType::Json,
    VOID = PgType::Void,
}
