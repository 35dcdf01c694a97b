//! Type names as the parser hands them over, as Postgres types with their modifiers.

use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType as Ast, ExactNumberInfo, ObjectName, TimezoneInfo,
};

/// The most dimensions `vector(n)` and `halfvec(n)` may have, as in pgvector.
const DIMENSIONS_MAX: i32 = 16_000;
/// The most dimensions `sparsevec(n)` may have, as in pgvector.
const SPARSE_DIMENSIONS_MAX: i32 = cvx_types::forms::sparsevec::DIMENSION_MAX;
/// Digits our numeric can hold.
const NUMERIC_PRECISION_MAX: u64 = 38;
/// The longest `varchar(n)`.
const VARCHAR_MAX: u64 = 10_485_760;

/// The Postgres type and modifier a type name stands for.
///
/// `serial` and its sisters are column definitions, not types: 42704 here, as in a cast.
/// Types we do not have yet are 0A000 by name; unknown ones 42704.
pub fn resolve_type(ast: &Ast) -> Result<(PgType, i32)> {
    let plain = |ty| Ok((ty, -1));
    match ast {
        Ast::Boolean | Ast::Bool => plain(PgType::Bool),
        Ast::SmallInt(_) | Ast::Int2(_) => plain(PgType::Int2),
        Ast::Int(_) | Ast::Integer(_) | Ast::Int4(_) => plain(PgType::Int4),
        Ast::BigInt(_) | Ast::Int8(_) => plain(PgType::Int8),
        Ast::Real | Ast::Float4 => plain(PgType::Float4),
        Ast::Double(_) | Ast::DoublePrecision | Ast::Float8 => plain(PgType::Float8),
        Ast::Float(bits) => float(*bits),
        Ast::Numeric(info) | Ast::Decimal(info) | Ast::Dec(info) => numeric(*info),
        Ast::Text => plain(PgType::Text),
        Ast::Varchar(length) | Ast::CharacterVarying(length) | Ast::CharVarying(length) => {
            Ok((PgType::Varchar, varchar_typmod(length.as_ref(), -1)?))
        }
        Ast::Char(length) | Ast::Character(length) => {
            Ok((PgType::Varchar, varchar_typmod(length.as_ref(), 5)?))
        }
        Ast::Bytea => plain(PgType::Bytea),
        Ast::Date => plain(PgType::Date),
        Ast::Time(precision, zone) if !has_zone(*zone) => seconds(PgType::Time, *precision),
        Ast::Timestamp(precision, zone) if has_zone(*zone) => {
            seconds(PgType::Timestamptz, *precision)
        }
        Ast::Timestamp(precision, _) => seconds(PgType::Timestamp, *precision),
        Ast::Interval { .. } => plain(PgType::Interval),
        Ast::Uuid => plain(PgType::Uuid),
        Ast::JSON => plain(PgType::Json),
        Ast::JSONB => plain(PgType::Jsonb),
        Ast::Regclass => plain(PgType::Regclass),
        Ast::Array(element) => array(element),
        Ast::Custom(name, modifiers) => custom(name, modifiers),
        // Without a length a bit is one bit, as in the standard.
        Ast::Bit(length) => Ok((PgType::Bit, bit_length("bit", length.or(Some(1)))?)),
        Ast::BitVarying(length) | Ast::VarBit(length) => {
            Ok((PgType::Varbit, bit_length("varbit", *length)?))
        }
        Ast::Time(..) => Err(unsupported("time with time zone")),
        Ast::TsVector | Ast::TsQuery | Ast::GeometricType(_) => {
            Err(unsupported(&ast.to_string().to_lowercase()))
        }
        other => Err(undefined(&other.to_string().to_lowercase())),
    }
}

fn unsupported(name: &str) -> SqlError {
    SqlError::unsupported(format!("type {name}"))
}

fn undefined(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

fn has_zone(zone: TimezoneInfo) -> bool {
    matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz)
}

/// `float(n)`: up to 24 bits are a float4, up to 53 a float8.
fn float(info: ExactNumberInfo) -> Result<(PgType, i32)> {
    match info {
        ExactNumberInfo::None => Ok((PgType::Float8, -1)),
        ExactNumberInfo::Precision(1..=24) => Ok((PgType::Float4, -1)),
        ExactNumberInfo::Precision(25..=53) => Ok((PgType::Float8, -1)),
        ExactNumberInfo::Precision(0) => {
            Err(invalid("precision for type float must be at least 1 bit"))
        }
        ExactNumberInfo::Precision(_) | ExactNumberInfo::PrecisionAndScale(..) => {
            Err(invalid("precision for type float must be less than 54 bits"))
        }
    }
}

fn numeric(info: ExactNumberInfo) -> Result<(PgType, i32)> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok((PgType::Numeric, -1)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if !(1..=1000).contains(&precision) {
        return Err(invalid(format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    if precision > NUMERIC_PRECISION_MAX {
        let what = format!("numeric of more than {NUMERIC_PRECISION_MAX} digits");
        return Err(SqlError::unsupported(what));
    }
    if !u64::try_from(scale).is_ok_and(|scale| scale <= precision) {
        let what = format!("numeric scale {scale} outside 0 to the precision {precision}");
        return Err(SqlError::unsupported(what));
    }
    let packed = (precision << 16) | scale.unsigned_abs();
    Ok((PgType::Numeric, i32::try_from(packed + 4).unwrap_or(-1)))
}

/// Length + 4. `char(n)` is read as `varchar(n)`: it is never padded.
fn varchar_typmod(length: Option<&CharacterLength>, missing: i32) -> Result<i32> {
    match length {
        None => Ok(missing),
        Some(CharacterLength::Max) => Err(SqlError::unsupported("varchar(max)")),
        Some(CharacterLength::IntegerLength { length: 0, .. }) => {
            Err(invalid("length for type varchar must be at least 1"))
        }
        Some(CharacterLength::IntegerLength { length, .. }) if *length > VARCHAR_MAX => {
            Err(invalid(format!("length for type varchar cannot exceed {VARCHAR_MAX}")))
        }
        Some(CharacterLength::IntegerLength { length, .. }) => {
            Ok(i32::try_from(length + 4).unwrap_or(-1))
        }
    }
}

/// Fractional digits of a time; more than six are six, as in Postgres.
fn seconds(ty: PgType, precision: Option<u64>) -> Result<(PgType, i32)> {
    let typmod = precision.map_or(-1, |digits| i32::try_from(digits.min(6)).unwrap_or(6));
    Ok((ty, typmod))
}

fn array(element: &ArrayElemTypeDef) -> Result<(PgType, i32)> {
    let inner = match element {
        ArrayElemTypeDef::SquareBracket(inner, _)
        | ArrayElemTypeDef::AngleBracket(inner)
        | ArrayElemTypeDef::Parenthesis(inner) => inner,
        ArrayElemTypeDef::None => return Err(undefined("array")),
    };
    match resolve_type(inner)? {
        (PgType::Array(_), _) => Err(SqlError::unsupported("an array of more than one dimension")),
        (element, _) => Ok((PgType::Array(Box::new(element)), -1)),
    }
}

/// A name the parser has no keyword for: pgvector's, the catalog's, or none at all.
fn custom(name: &ObjectName, modifiers: &[String]) -> Result<(PgType, i32)> {
    let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    let (schema, last) = match parts.as_slice() {
        [last] => (None, last),
        [schema, last] => (Some(schema.value.to_lowercase()), last),
        _ => return Err(undefined(&name.to_string())),
    };
    let quoted = last.quote_style.is_some();
    let word = if quoted { last.value.clone() } else { last.value.to_lowercase() };
    match schema.as_deref() {
        None | Some("pg_catalog" | "public") => by_word(&word, quoted, modifiers),
        Some(_) => Err(undefined(&name.to_string())),
    }
}

fn by_word(word: &str, quoted: bool, modifiers: &[String]) -> Result<(PgType, i32)> {
    match word {
        "vector" => Ok((PgType::Vector, dimensions(word, modifiers, DIMENSIONS_MAX)?)),
        "halfvec" => Ok((PgType::Halfvec, dimensions(word, modifiers, DIMENSIONS_MAX)?)),
        "sparsevec" => Ok((PgType::Sparsevec, dimensions(word, modifiers, SPARSE_DIMENSIONS_MAX)?)),
        // In quotes it is the type without a length, which the standard's name cannot say.
        "bit" => Ok((PgType::Bit, bit_modifier(word, modifiers)?)),
        "varbit" => Ok((PgType::Varbit, bit_modifier(word, modifiers)?)),
        "char" if quoted => Ok((PgType::Char, -1)),
        "bpchar" => Ok((PgType::Varchar, -1)),
        "varchar" => Ok((PgType::Varchar, length_modifier(modifiers)?)),
        "timetz" | "money" | "xml" | "inet" | "cidr" | "macaddr" | "tsvector" | "tsquery"
        | "box" | "point" | "line" | "path" | "polygon" | "circle" | "lseg" | "hstore"
        | "citext" => Err(unsupported(word)),
        "decimal" => Ok((PgType::Numeric, -1)),
        _ => match PgType::from_name(word) {
            Some(ty) if modifiers.is_empty() => Ok((ty, -1)),
            Some(_) => {
                let message = format!("type modifier is not allowed for type \"{word}\"");
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
            }
            None => Err(undefined(word)),
        },
    }
}

fn length_modifier(modifiers: &[String]) -> Result<i32> {
    let length = match modifiers {
        [] => None,
        [text] => {
            let length = text.parse().map_err(|_| invalid("invalid type modifier"))?;
            Some(CharacterLength::IntegerLength { length, unit: None })
        }
        _ => return Err(invalid("invalid type modifier")),
    };
    varchar_typmod(length.as_ref(), -1)
}

/// The length of `bit(n)`; -1 where none is said.
fn bit_length(name: &str, length: Option<u64>) -> Result<i32> {
    let Some(length) = length else { return Ok(-1) };
    let max = cvx_types::forms::bit::LENGTH_MAX;
    match i32::try_from(length) {
        Ok(0) => Err(invalid(format!("length for type {name} must be at least 1"))),
        Ok(length) if length <= max => Ok(length),
        _ => Err(invalid(format!("length for type {name} cannot exceed {max}"))),
    }
}

fn bit_modifier(name: &str, modifiers: &[String]) -> Result<i32> {
    match modifiers {
        [] => Ok(-1),
        [text] => {
            bit_length(name, Some(text.parse().map_err(|_| invalid("invalid type modifier"))?))
        }
        _ => Err(invalid("invalid type modifier")),
    }
}

fn dimensions(name: &str, modifiers: &[String], max: i32) -> Result<i32> {
    let text = match modifiers {
        [] => return Ok(-1),
        [text] => text,
        _ => return Err(invalid("invalid type modifier")),
    };
    match text.parse::<i64>() {
        Ok(..=0) => Err(invalid(format!("dimensions for type {name} must be at least 1"))),
        Ok(dim) if dim > i64::from(max) => {
            Err(invalid(format!("dimensions for type {name} cannot exceed {max}")))
        }
        Ok(dim) => Ok(i32::try_from(dim).unwrap_or(-1)),
        Err(_) => Err(invalid(format!("invalid input syntax for type integer: \"{text}\""))),
    }
}
