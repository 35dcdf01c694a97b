//! How the catalog tells of the analyses: what they take and give, by name and type, which is what
//! `\\df` and tools show. The table comes first and has no name; an entity is of any type.

use super::Analysis;
use super::arguments::Kind;
use super::record::Holds;

/// A parameter or a column of the answer: its name, and that of its type in `pg_type`.
pub(crate) type Told = (&'static str, &'static str);

impl Analysis {
    /// What follows the table.
    pub(crate) fn takes(self) -> impl Iterator<Item = Told> {
        let parameters = self.signature().parameters.iter();
        parameters.map(|parameter| (parameter.name, parameter.kind.told()))
    }

    /// How many of these may be left out.
    pub(crate) fn optional(self) -> usize {
        self.signature().parameters.len() - self.signature().required
    }

    /// The columns of the answer.
    pub(crate) fn gives(self) -> impl Iterator<Item = Told> {
        self.columns().iter().map(|column| (column.name, column.holds.told()))
    }
}

impl Kind {
    fn told(self) -> &'static str {
        match self {
            Self::Entity => "anyelement",
            Self::Time => "timestamptz",
            Self::Interval => "interval",
            Self::Predicate | Self::Text => "text",
            Self::Integer => "int8",
            Self::Float => "float8",
            Self::Vectors => "_vector",
            Self::Texts => "_text",
        }
    }
}

impl Holds {
    fn told(self) -> &'static str {
        match self {
            Self::Time => "timestamptz",
            Self::Entity => "anyelement",
            Self::Number => "float8",
            Self::Integer => "int8",
            Self::Truth => "bool",
            Self::Vector => "vector",
            Self::Text => "text",
            Self::Integers => "_int4",
            Self::Numbers => "_float8",
            Self::Entities => "anyarray",
        }
    }
}
