//! Types as SQL spells them: `timestamp with time zone`, `numeric(10,2)`, `vector(3)[]`.

use crate::PgType;
use crate::pg_type::numeric_precision_scale;

impl PgType {
    /// The type as `format_type(oid, typmod)` shows it.
    #[must_use]
    pub fn display_name(&self, typmod: i32) -> String {
        let precision = |name: &str, rest: &str| {
            if (0..=6).contains(&typmod) {
                format!("{name}({typmod}){rest}")
            } else {
                format!("{name}{rest}")
            }
        };
        match self {
            Self::Varchar if typmod >= 4 => format!("character varying({})", typmod - 4),
            Self::Numeric if typmod >= 4 => {
                let (precision, scale) = numeric_precision_scale(typmod);
                format!("numeric({precision},{scale})")
            }
            Self::Vector | Self::Halfvec | Self::Sparsevec | Self::Bit | Self::Varbit
                if typmod > 0 =>
            {
                format!("{}({typmod})", self.sql_name())
            }
            Self::Time => precision("time", " without time zone"),
            Self::Timestamp => precision("timestamp", " without time zone"),
            Self::Timestamptz => precision("timestamp", " with time zone"),
            Self::Array(element) => format!("{}[]", element.display_name(typmod)),
            _ => self.sql_name().to_owned(),
        }
    }

    /// The type as error messages call it, without its modifier; an array by its element.
    #[must_use]
    pub fn sql_name(&self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Varchar => "character varying",
            Self::Char => "\"char\"",
            Self::Name => "name",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Timestamptz => "timestamp with time zone",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Oid => "oid",
            Self::Regclass => "regclass",
            Self::Regtype => "regtype",
            Self::Regproc => "regproc",
            Self::Int2Vector => "int2vector",
            Self::OidVector => "oidvector",
            Self::Vector => "vector",
            Self::Halfvec => "halfvec",
            Self::Sparsevec => "sparsevec",
            Self::Bit => "bit",
            Self::Varbit => "bit varying",
            Self::Record => "record",
            Self::Void => "void",
            Self::Unknown => "unknown",
            Self::Array(element) => element.sql_name(),
        }
    }

    /// The type a user may write: `int`, `timestamptz`, `double precision`, `vector`, `text[]`.
    /// Modifiers are not read here.
    #[must_use]
    pub fn from_sql_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        if let Some(element) = name.strip_suffix("[]") {
            return Self::from_sql_name(element).map(|element| Self::Array(Box::new(element)));
        }
        let found = match name.as_str() {
            "int" => Some(Self::Int4),
            "float" => Some(Self::Float8),
            "decimal" => Some(Self::Numeric),
            "time" => Some(Self::Time),
            "timestamp" => Some(Self::Timestamp),
            _ => None,
        };
        let by_name = || Self::from_name(&name);
        let by_sql_name =
            || crate::pg_type::SCALARS.iter().find(|scalar| scalar.sql_name() == name).cloned();
        found.or_else(by_name).or_else(by_sql_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg_type::SCALARS;

    #[test]
    fn names_are_read_back() {
        for scalar in SCALARS {
            assert_eq!(PgType::from_sql_name(&scalar.display_name(-1)).as_ref(), Some(scalar));
            assert_eq!(PgType::from_sql_name(&scalar.name()).as_ref(), Some(scalar));
        }
        let numbers = PgType::Array(Box::new(PgType::Int4));
        assert_eq!(numbers.display_name(-1), "integer[]");
        assert_eq!(PgType::from_sql_name("integer[]"), Some(numbers));
        assert_eq!(PgType::Numeric.display_name(((10 << 16) | 2) + 4), "numeric(10,2)");
        assert_eq!(PgType::Vector.display_name(384), "vector(384)");
        assert_eq!(PgType::Varbit.display_name(8), "bit varying(8)");
        assert_eq!(PgType::Timestamptz.display_name(3), "timestamp(3) with time zone");
    }
}
