//! The Postgres types we speak, and the Arrow type each is kept in.

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Field metadata key under which a column's Postgres type travels, where Arrow's type alone
/// does not say it (`jsonb`, `varchar`, `name`, ...). The value is [`PgType::name`].
pub const PG_TYPE_KEY: &str = "cvx.pg";
/// Field metadata key of the type modifier (decimal text).
pub const PG_TYPMOD_KEY: &str = "cvx.typmod";

/// A Postgres type. Arrays hold their element type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PgType {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Kept as `Decimal128(p, s)`; without a modifier `(38, 10)`, shown without trailing zeros.
    Numeric,
    Text,
    Varchar,
    /// `"char"`, one byte.
    Char,
    Name,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    /// Kept as Postgres' own normal text form, so that equal values are equal text.
    Jsonb,
    Oid,
    Regclass,
    Regtype,
    Regproc,
    Int2Vector,
    OidVector,
    /// `vector(n)`: n float4 in a `FixedSizeList`.
    Vector,
    Void,
    Unknown,
    Array(Box<PgType>),
    // The catalog on disk counts variants: new ones go to the end.
    /// `halfvec(n)`: n float2 in a `FixedSizeList`.
    Halfvec,
    /// `sparsevec(n)`, as [`crate::forms::sparsevec`] lays it out.
    Sparsevec,
    /// `bit(n)`, as [`crate::forms::bit`] lays it out.
    Bit,
    Varbit,
    /// Values side by side, in a `Struct`; results only, no column has this type.
    Record,
}

impl PgType {
    /// The type's OID; pgvector's types have ours, in the range of installed extensions.
    #[must_use]
    pub fn oid(&self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Bytea => 17,
            Self::Char => 18,
            Self::Name => 19,
            Self::Int8 => 20,
            Self::Int2 => 21,
            Self::Int2Vector => 22,
            Self::Int4 => 23,
            Self::Regproc => 24,
            Self::Text => 25,
            Self::Oid => 26,
            Self::OidVector => 30,
            Self::Json => 114,
            Self::Float4 => 700,
            Self::Float8 => 701,
            Self::Unknown => 705,
            Self::Varchar => 1043,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::Timestamptz => 1184,
            Self::Interval => 1186,
            Self::Numeric => 1700,
            Self::Regclass => 2205,
            Self::Regtype => 2206,
            Self::Void => 2278,
            Self::Uuid => 2950,
            Self::Jsonb => 3802,
            Self::Vector => VECTOR_OID,
            Self::Halfvec => HALFVEC_OID,
            Self::Sparsevec => SPARSEVEC_OID,
            Self::Bit => 1560,
            Self::Varbit => 1562,
            Self::Record => 2249,
            Self::Array(element) => element.array_oid(),
        }
    }

    /// The OID of an array of this type; 0 where there is none.
    #[must_use]
    pub fn array_oid(&self) -> u32 {
        match self {
            Self::Bool => 1000,
            Self::Bytea => 1001,
            Self::Char => 1002,
            Self::Name => 1003,
            Self::Int2 => 1005,
            Self::Int2Vector => 1006,
            Self::Int4 => 1007,
            Self::Regproc => 1008,
            Self::Text => 1009,
            Self::OidVector => 1013,
            Self::Varchar => 1015,
            Self::Int8 => 1016,
            Self::Float4 => 1021,
            Self::Float8 => 1022,
            Self::Oid => 1028,
            Self::Timestamp => 1115,
            Self::Date => 1182,
            Self::Time => 1183,
            Self::Timestamptz => 1185,
            Self::Interval => 1187,
            Self::Numeric => 1231,
            Self::Json => 199,
            Self::Regclass => 2210,
            Self::Regtype => 2211,
            Self::Uuid => 2951,
            Self::Jsonb => 3807,
            Self::Vector => VECTOR_ARRAY_OID,
            Self::Halfvec => HALFVEC_ARRAY_OID,
            Self::Sparsevec => SPARSEVEC_ARRAY_OID,
            Self::Bit => 1561,
            Self::Varbit => 1563,
            Self::Record => 2287,
            Self::Void | Self::Unknown | Self::Array(_) => 0,
        }
    }

    /// The type with this OID.
    #[must_use]
    pub fn from_oid(oid: u32) -> Option<Self> {
        SCALARS.iter().find_map(|scalar| {
            if scalar.oid() == oid {
                return Some(scalar.clone());
            }
            let array = scalar.array_oid();
            (array != 0 && array == oid).then(|| Self::Array(Box::new(scalar.clone())))
        })
    }

    /// The name in `pg_type.typname`; arrays carry a leading underscore there.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::Bool => "bool",
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Float4 => "float4",
            Self::Float8 => "float8",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Varchar => "varchar",
            Self::Char => "char",
            Self::Name => "name",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
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
            Self::Varbit => "varbit",
            Self::Record => "record",
            Self::Void => "void",
            Self::Unknown => "unknown",
            Self::Array(element) => return format!("_{}", element.name()),
        };
        name.to_owned()
    }

    /// `pg_type.typlen`: bytes of a value of fixed size, -1 for others, -2 for C strings.
    #[must_use]
    pub fn type_len(&self) -> i16 {
        match self {
            Self::Bool | Self::Char => 1,
            Self::Int2 => 2,
            Self::Int4
            | Self::Float4
            | Self::Oid
            | Self::Date
            | Self::Regclass
            | Self::Regtype
            | Self::Regproc
            | Self::Void => 4,
            Self::Int8 | Self::Float8 | Self::Time | Self::Timestamp | Self::Timestamptz => 8,
            Self::Interval | Self::Uuid => 16,
            Self::Name => 64,
            Self::Unknown => -2,
            Self::Text
            | Self::Varchar
            | Self::Bytea
            | Self::Numeric
            | Self::Json
            | Self::Jsonb
            | Self::Int2Vector
            | Self::OidVector
            | Self::Vector
            | Self::Halfvec
            | Self::Sparsevec
            | Self::Bit
            | Self::Varbit
            | Self::Record
            | Self::Array(_) => -1,
        }
    }

    /// Whether it is one of pgvector's three types of vectors.
    #[must_use]
    pub fn is_vector(&self) -> bool {
        matches!(self, Self::Vector | Self::Halfvec | Self::Sparsevec)
    }

    /// Whether it is a bit string, of fixed length or not.
    #[must_use]
    pub fn is_bits(&self) -> bool {
        matches!(self, Self::Bit | Self::Varbit)
    }

    /// The type whose `pg_type.typname` this is.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let (array, base) = name.strip_prefix('_').map_or((false, name), |base| (true, base));
        let scalar = SCALARS.iter().find(|scalar| scalar.name() == base)?.clone();
        Some(if array { Self::Array(Box::new(scalar)) } else { scalar })
    }

    /// The Arrow type values are kept in. `typmod` as in `pg_attribute.atttypmod`: a vector's
    /// dimension, a bit string's length, `((p << 16) | s) + 4` for numeric, length + 4 for
    /// varchar, -1 for none. Every type of vectors and bits has an Arrow type of its own.
    /// A vector of unknown dimension is a `List`.
    #[must_use]
    pub fn arrow_type(&self, typmod: i32) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric => {
                let (precision, scale) = numeric_precision_scale(typmod);
                DataType::Decimal128(precision, scale)
            }
            Self::Text
            | Self::Varchar
            | Self::Char
            | Self::Name
            | Self::Json
            | Self::Jsonb
            | Self::Unknown
            | Self::Regclass
            | Self::Regtype
            | Self::Regproc
            | Self::Int2Vector
            | Self::OidVector => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Oid => DataType::Int64,
            Self::Vector if typmod > 0 => vector_type(typmod),
            Self::Vector => DataType::List(Arc::new(vector_item())),
            Self::Halfvec if typmod > 0 => halfvec_type(typmod),
            Self::Halfvec => DataType::List(Arc::new(half_item())),
            Self::Sparsevec => DataType::LargeBinary,
            Self::Bit | Self::Varbit => DataType::List(Arc::new(bits_item())),
            Self::Record => DataType::Struct(Fields::empty()),
            Self::Void => DataType::Null,
            Self::Array(element) => {
                DataType::List(Arc::new(Field::new("item", element.arrow_type(-1), true)))
            }
        }
    }

    /// An Arrow field of this type, its metadata saying the Postgres type.
    #[must_use]
    pub fn field(&self, name: &str, typmod: i32, nullable: bool) -> Field {
        let metadata =
            [(PG_TYPE_KEY.to_owned(), self.name()), (PG_TYPMOD_KEY.to_owned(), typmod.to_string())];
        Field::new(name, self.arrow_type(typmod), nullable).with_metadata(metadata.into())
    }

    /// The Postgres type and modifier of an Arrow field: its metadata where that still fits the
    /// Arrow type, else what the Arrow type suggests.
    #[must_use]
    pub fn of_field(field: &Field) -> (Self, i32) {
        let (plain, typmod) = Self::of_arrow(field.data_type());
        let Some(said) = field.metadata().get(PG_TYPE_KEY).and_then(|name| Self::from_name(name))
        else {
            return (plain, typmod);
        };
        let said_typmod =
            field.metadata().get(PG_TYPMOD_KEY).and_then(|text| text.parse().ok()).unwrap_or(-1);
        if said.arrow_type(said_typmod) == *field.data_type() {
            (said, said_typmod)
        } else {
            (plain, typmod)
        }
    }

    /// What an Arrow type suggests where no metadata says more.
    #[must_use]
    pub fn of_arrow(data_type: &DataType) -> (Self, i32) {
        let plain = match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::Int2,
            DataType::Int32 | DataType::UInt16 => Self::Int4,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Int8,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::LargeBinary => Self::Sparsevec,
            DataType::Float64 => Self::Float8,
            DataType::Decimal128(p, s) => {
                let unconstrained = (*p, *s) == numeric_precision_scale(-1);
                let typmod = ((i32::from(*p) << 16) | i32::from(*s)) + 4;
                return (Self::Numeric, if unconstrained { -1 } else { typmod });
            }
            DataType::Decimal256(_, _) => Self::Numeric,
            DataType::Binary | DataType::BinaryView => Self::Bytea,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Struct(_) => Self::Record,
            DataType::FixedSizeList(item, n) if item.data_type() == &DataType::Float32 => {
                return (Self::Vector, *n);
            }
            DataType::FixedSizeList(item, n) if item.data_type() == &DataType::Float16 => {
                return (Self::Halfvec, *n);
            }
            // Vectors hold no NULLs, arrays may: that tells a `vector` from a `real[]`.
            DataType::List(item) if **item == vector_item() => Self::Vector,
            DataType::List(item) if **item == half_item() => Self::Halfvec,
            DataType::List(item) if **item == bits_item() => Self::Bit,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                Self::Array(Box::new(Self::of_arrow(item.data_type()).0))
            }
            _ => Self::Text,
        };
        (plain, -1)
    }
}

/// Every type but the arrays.
pub const SCALARS: &[PgType] = &[
    PgType::Bool,
    PgType::Int2,
    PgType::Int4,
    PgType::Int8,
    PgType::Float4,
    PgType::Float8,
    PgType::Numeric,
    PgType::Text,
    PgType::Varchar,
    PgType::Char,
    PgType::Name,
    PgType::Bytea,
    PgType::Date,
    PgType::Time,
    PgType::Timestamp,
    PgType::Timestamptz,
    PgType::Interval,
    PgType::Uuid,
    PgType::Json,
    PgType::Jsonb,
    PgType::Oid,
    PgType::Regclass,
    PgType::Regtype,
    PgType::Regproc,
    PgType::Int2Vector,
    PgType::OidVector,
    PgType::Vector,
    PgType::Halfvec,
    PgType::Sparsevec,
    PgType::Bit,
    PgType::Varbit,
    PgType::Void,
    PgType::Unknown,
];

/// Ours: stable, and away from the first OID that real clusters hand out.
pub const VECTOR_OID: u32 = 16_401;
pub const VECTOR_ARRAY_OID: u32 = 16_402;
pub const HALFVEC_OID: u32 = 16_403;
pub const HALFVEC_ARRAY_OID: u32 = 16_404;
pub const SPARSEVEC_OID: u32 = 16_405;
pub const SPARSEVEC_ARRAY_OID: u32 = 16_406;

/// The Arrow type of `vector(n)`.
#[must_use]
pub fn vector_type(dim: i32) -> DataType {
    DataType::FixedSizeList(Arc::new(vector_item()), dim)
}

/// The Arrow type of `halfvec(n)`.
#[must_use]
pub fn halfvec_type(dim: i32) -> DataType {
    DataType::FixedSizeList(Arc::new(half_item()), dim)
}

fn vector_item() -> Field {
    Field::new("item", DataType::Float32, false)
}

/// Binary views would be written to disk with all that their buffers hold.
fn bits_item() -> Field {
    Field::new("item", DataType::UInt8, false)
}

fn half_item() -> Field {
    Field::new("item", DataType::Float16, false)
}

/// Precision and scale of a numeric with this modifier.
#[must_use]
pub fn numeric_precision_scale(typmod: i32) -> (u8, i8) {
    if typmod < 4 {
        return (38, 10);
    }
    let packed = typmod - 4;
    let precision = u8::try_from((packed >> 16) & 0xff).unwrap_or(38).min(38);
    let scale = i8::try_from(packed & 0x7f).unwrap_or(0);
    (precision, scale)
}
