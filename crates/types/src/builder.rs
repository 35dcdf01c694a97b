//! From a client to Arrow: literals, parameters and COPY fields, in either form, into a column.
//!
//! What a [`ColumnBuilder`] finishes has exactly the type of [`PgType::arrow_type`]. A value that
//! is refused leaves the builder as it was.

use crate::dense::{DenseBuilder, end_of};
use crate::error::{Result, SqlError, SqlState};
use crate::forms::{self, array, bit, bytea, datetime, datetime_input, float, integer};
use crate::forms::{interval_input, json, numeric, numeric::Shape, simple, sparsevec};
use crate::pg_type::PgType;
use crate::settings::FormatSettings;
use arrow::array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, LargeBinaryBuilder, ListBuilder,
    NullBufferBuilder, PrimitiveBuilder, StringBuilder, UInt8Builder,
};
use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{Array, ArrayRef, ListArray, NullArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, IntervalMonthDayNano};
use half::f16;
use std::sync::Arc;

/// Collects one column's values.
#[derive(Debug)]
pub struct ColumnBuilder {
    ty: PgType,
    typmod: i32,
    settings: Arc<FormatSettings>,
    values: Values,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Values {
    Void,
    Bool(BooleanBuilder),
    Int2(PrimitiveBuilder<Int16Type>),
    Int4(PrimitiveBuilder<Int32Type>),
    Int8(PrimitiveBuilder<Int64Type>),
    Float4(PrimitiveBuilder<Float32Type>),
    Float8(PrimitiveBuilder<Float64Type>),
    Numeric(PrimitiveBuilder<Decimal128Type>, Shape),
    /// Every type kept as text.
    Text(StringBuilder),
    Bytea(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    /// With or without time zone.
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    Interval(PrimitiveBuilder<IntervalMonthDayNanoType>),
    Uuid(FixedSizeBinaryBuilder),
    Vector(DenseBuilder<f32>),
    Halfvec(DenseBuilder<f16>),
    Sparsevec(LargeBinaryBuilder),
    /// `bit` and `varbit`.
    Bits(ListBuilder<UInt8Builder>),
    List {
        element: Box<ColumnBuilder>,
        ends: Vec<i32>,
        valid: NullBufferBuilder,
    },
}

impl ColumnBuilder {
    /// A builder with UTC and ISO; see [`ColumnBuilder::with_settings`].
    #[must_use]
    pub fn new(ty: &PgType, typmod: i32) -> Self {
        Self::with_settings(ty, typmod, &Arc::new(FormatSettings::default()))
    }

    /// A builder that reads times and dates as a session does.
    #[must_use]
    pub fn with_settings(ty: &PgType, typmod: i32, settings: &Arc<FormatSettings>) -> Self {
        let settings = settings.clone();
        let values = Values::of(ty, typmod, &settings);
        Self { ty: ty.clone(), typmod, settings, values, rows: 0, bytes: 0 }
    }

    /// Values so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes the values so far take, about.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes
    }

    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Void => {}
            Values::Bool(builder) => builder.append_null(),
            Values::Int2(builder) => builder.append_null(),
            Values::Int4(builder) => builder.append_null(),
            Values::Int8(builder) => builder.append_null(),
            Values::Float4(builder) => builder.append_null(),
            Values::Float8(builder) => builder.append_null(),
            Values::Numeric(builder, _) => builder.append_null(),
            Values::Text(builder) => builder.append_null(),
            Values::Bytea(builder) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
            Values::Time(builder) => builder.append_null(),
            Values::Timestamp(builder) => builder.append_null(),
            Values::Interval(builder) => builder.append_null(),
            Values::Uuid(builder) => builder.append_null(),
            Values::Vector(builder) => self.bytes += builder.push_null(),
            Values::Halfvec(builder) => self.bytes += builder.push_null(),
            Values::Sparsevec(builder) => builder.append_null(),
            Values::Bits(builder) => builder.append_null(),
            Values::List { ends, valid, .. } => {
                ends.push(ends.last().copied().unwrap_or_default());
                valid.append_null();
            }
        }
        self.rows += 1;
        self.bytes += 8;
    }

    /// Adds the value of a text form.
    pub fn push_text(&mut self, text: &str) -> Result<()> {
        let settings = &self.settings;
        let mut size = 8;
        match &mut self.values {
            Values::Void if self.ty == PgType::Record => return Err(record_input()),
            Values::Void => {}
            Values::Bool(builder) => builder.append_value(simple::parse_bool(text)?),
            Values::Int2(builder) => push_integer(builder, "smallint", text)?,
            Values::Int4(builder) => push_integer(builder, "integer", text)?,
            Values::Int8(builder) if self.ty == PgType::Oid => {
                let oid = integer::parse("oid", text, i64::from(i32::MIN), i64::from(u32::MAX))?;
                // As in Postgres, a negative one means its bits.
                builder.append_value(if oid < 0 { oid + (1 << 32) } else { oid });
            }
            Values::Int8(builder) => push_integer(builder, "bigint", text)?,
            Values::Float4(builder) => builder.append_value(float::parse_f32(text)?),
            Values::Float8(builder) => builder.append_value(float::parse_f64(text)?),
            Values::Numeric(builder, shape) => {
                builder.append_value(numeric::parse(text, *shape)?);
                size = 16;
            }
            Values::Text(builder) => {
                size += push_string(builder, &self.ty, self.typmod, text)?;
            }
            Values::Bytea(builder) => {
                let bytes = bytea::parse(text)?;
                size += bytes.len();
                builder.append_value(bytes);
            }
            Values::Date(builder) => {
                builder.append_value(datetime_input::parse_date(text, settings)?);
            }
            Values::Time(builder) => {
                let us = datetime_input::parse_time(text, settings)?;
                builder.append_value(datetime::rounded(us, self.typmod));
            }
            Values::Timestamp(builder) => {
                let us = if self.ty == PgType::Timestamptz {
                    datetime_input::parse_timestamptz(text, settings)?
                } else {
                    datetime_input::parse_timestamp(text, settings)?
                };
                builder.append_value(datetime::rounded(us, self.typmod));
            }
            Values::Interval(builder) => {
                let read = interval_input::parse(text)?;
                builder.append_value(interval_value(read.us, read.days, read.months)?);
                size = 16;
            }
            Values::Uuid(builder) => push_uuid(builder, &simple::parse_uuid(text)?)?,
            Values::Vector(builder) => size += builder.push_text(text)?,
            Values::Halfvec(builder) => size += builder.push_text(text)?,
            Values::Sparsevec(builder) => {
                let value = sparsevec::parse(text, self.typmod)?;
                size += value.len();
                builder.append_value(value);
            }
            Values::Bits(builder) => {
                size += push_bits(builder, &self.ty, self.typmod, &bit::parse(text)?)?;
            }
            Values::List { element, ends, valid } => {
                let before = element.bytes;
                push_elements(element, &array::elements(text)?)?;
                ends.push(end_of(element.len())?);
                valid.append_non_null();
                size += element.bytes - before;
            }
        }
        self.rows += 1;
        self.bytes += size;
        Ok(())
    }

    /// Adds the value of a binary form.
    pub fn push_binary(&mut self, bytes: &[u8]) -> Result<()> {
        let name = self.ty.sql_name();
        let mut size = 8;
        macro_rules! big_endian {
            ($builder:ident, $number:ty) => {
                $builder.append_value(<$number>::from_be_bytes(forms::exactly(name, bytes)?))
            };
        }
        match &mut self.values {
            Values::Void if self.ty == PgType::Record => return Err(record_input()),
            Values::Void => {}
            Values::Bool(builder) => {
                builder.append_value(forms::exactly::<1>(name, bytes)? != [0]);
            }
            Values::Int2(builder) => big_endian!(builder, i16),
            Values::Int4(builder) => big_endian!(builder, i32),
            Values::Int8(builder) if self.ty == PgType::Oid => {
                let oid = u32::from_be_bytes(forms::exactly(name, bytes)?);
                builder.append_value(i64::from(oid));
            }
            Values::Int8(builder) => big_endian!(builder, i64),
            Values::Float4(builder) => big_endian!(builder, f32),
            Values::Float8(builder) => big_endian!(builder, f64),
            Values::Numeric(builder, shape) => {
                builder.append_value(numeric::parse_binary(bytes, *shape)?);
                size = 16;
            }
            Values::Text(builder) => {
                let text = text_of_binary(&self.ty, bytes)?;
                size += push_string(builder, &self.ty, self.typmod, &text)?;
            }
            Values::Bytea(builder) => {
                builder.append_value(bytes);
                size += bytes.len();
            }
            Values::Date(builder) => builder.append_value(datetime::parse_date_binary(bytes)?),
            Values::Time(builder) => builder.append_value(datetime::parse_time_binary(bytes)?),
            Values::Timestamp(builder) => {
                let us = datetime::parse_timestamp_binary(name, bytes)?;
                builder.append_value(datetime::rounded(us, self.typmod));
            }
            Values::Interval(builder) => {
                let (us, days, months) = datetime::parse_interval_binary(bytes)?;
                builder.append_value(interval_value(us, days, months)?);
                size = 16;
            }
            Values::Uuid(builder) => push_uuid(builder, &forms::exactly(name, bytes)?)?,
            Values::Vector(builder) => size += builder.push_binary(bytes)?,
            Values::Halfvec(builder) => size += builder.push_binary(bytes)?,
            Values::Sparsevec(builder) => {
                let value = sparsevec::parse_binary(bytes, self.typmod)?;
                size += value.len();
                builder.append_value(value);
            }
            Values::Bits(builder) => {
                size += push_bits(builder, &self.ty, self.typmod, &bit::parse_binary(bytes)?)?;
            }
            Values::List { element, ends, valid } => {
                let before = element.bytes;
                let fields = array_fields(bytes, &element.ty)?;
                push_fields(element, &fields)?;
                ends.push(end_of(element.len())?);
                valid.append_non_null();
                size += element.bytes - before;
            }
        }
        self.rows += 1;
        self.bytes += size;
        Ok(())
    }

    /// The column so far; the builder starts again.
    pub fn finish(&mut self) -> ArrayRef {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        match &mut self.values {
            Values::Void => Arc::new(NullArray::new(rows)),
            Values::Bool(builder) => Arc::new(builder.finish()),
            Values::Int2(builder) => Arc::new(builder.finish()),
            Values::Int4(builder) => Arc::new(builder.finish()),
            Values::Int8(builder) => Arc::new(builder.finish()),
            Values::Float4(builder) => Arc::new(builder.finish()),
            Values::Float8(builder) => Arc::new(builder.finish()),
            Values::Numeric(builder, _) => Arc::new(builder.finish()),
            Values::Text(builder) => Arc::new(builder.finish()),
            Values::Bytea(builder) => Arc::new(builder.finish()),
            Values::Date(builder) => Arc::new(builder.finish()),
            Values::Time(builder) => Arc::new(builder.finish()),
            Values::Timestamp(builder) => Arc::new(builder.finish()),
            Values::Interval(builder) => Arc::new(builder.finish()),
            Values::Uuid(builder) => Arc::new(builder.finish()),
            Values::Vector(builder) => builder.finish(),
            Values::Halfvec(builder) => builder.finish(),
            Values::Sparsevec(builder) => Arc::new(builder.finish()),
            Values::Bits(builder) => Arc::new(builder.finish()),
            Values::List { element, ends, valid } => {
                let values = element.finish();
                list_array(&self.ty, values, ends, valid)
            }
        }
    }
}

impl Values {
    fn of(ty: &PgType, typmod: i32, settings: &Arc<FormatSettings>) -> Self {
        let list = |element: &PgType| Self::List {
            element: Box::new(ColumnBuilder::with_settings(element, -1, settings)),
            ends: vec![0],
            valid: NullBufferBuilder::new(0),
        };
        match ty {
            PgType::Void | PgType::Record => Self::Void,
            PgType::Bool => Self::Bool(BooleanBuilder::new()),
            PgType::Int2 => Self::Int2(PrimitiveBuilder::new()),
            PgType::Int4 => Self::Int4(PrimitiveBuilder::new()),
            PgType::Int8 | PgType::Oid => Self::Int8(PrimitiveBuilder::new()),
            PgType::Float4 => Self::Float4(PrimitiveBuilder::new()),
            PgType::Float8 => Self::Float8(PrimitiveBuilder::new()),
            PgType::Numeric => {
                let data_type = ty.arrow_type(typmod);
                let builder = PrimitiveBuilder::new().with_data_type(data_type);
                Self::Numeric(builder, Shape::of_typmod(typmod))
            }
            PgType::Text
            | PgType::Varchar
            | PgType::Char
            | PgType::Name
            | PgType::Json
            | PgType::Jsonb
            | PgType::Unknown
            | PgType::Regclass
            | PgType::Regtype
            | PgType::Regproc
            | PgType::Int2Vector
            | PgType::OidVector => Self::Text(StringBuilder::new()),
            PgType::Bytea => Self::Bytea(BinaryBuilder::new()),
            PgType::Date => Self::Date(PrimitiveBuilder::new()),
            PgType::Time => Self::Time(PrimitiveBuilder::new()),
            PgType::Timestamp | PgType::Timestamptz => {
                let data_type = ty.arrow_type(typmod);
                Self::Timestamp(PrimitiveBuilder::new().with_data_type(data_type))
            }
            PgType::Interval => Self::Interval(PrimitiveBuilder::new()),
            PgType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
            PgType::Vector => Self::Vector(DenseBuilder::new(typmod)),
            PgType::Halfvec => Self::Halfvec(DenseBuilder::new(typmod)),
            PgType::Sparsevec => Self::Sparsevec(LargeBinaryBuilder::new()),
            PgType::Bit | PgType::Varbit => {
                let bytes = ListBuilder::new(UInt8Builder::new());
                Self::Bits(bytes.with_field(item_of(&ty.arrow_type(-1))))
            }
            PgType::Array(element) => list(element),
        }
    }
}

fn record_input() -> SqlError {
    SqlError::unsupported("input of anonymous composite types")
}

/// One value from its text form, as an array of one row.
pub fn parse_text(
    ty: &PgType,
    typmod: i32,
    text: &str,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::with_settings(ty, typmod, &Arc::new(settings.clone()));
    builder.push_text(text)?;
    Ok(builder.finish())
}

/// One value from its binary form, as an array of one row.
pub fn parse_binary(ty: &PgType, typmod: i32, bytes: &[u8]) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::new(ty, typmod);
    builder.push_binary(bytes)?;
    Ok(builder.finish())
}

fn push_integer<T>(builder: &mut PrimitiveBuilder<T>, name: &str, text: &str) -> Result<()>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    let bits = size_of::<T::Native>() * 8;
    let (low, high) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    let value = integer::parse(name, text, low, high)?;
    let value = T::Native::try_from(value).map_err(|_| forms::out_of_range(name, text))?;
    builder.append_value(value);
    Ok(())
}

/// Adds text under the rule of its type; says how many bytes it takes.
fn push_string(builder: &mut StringBuilder, ty: &PgType, typmod: i32, text: &str) -> Result<usize> {
    let text = simple::without_nul(text)?;
    let normal;
    let kept = match ty {
        PgType::Varchar => simple::varchar_of(text, typmod)?,
        PgType::Name => simple::name_of(text),
        PgType::Char => simple::char_of(text),
        PgType::Json => {
            json::check(text)?;
            text
        }
        PgType::Jsonb => {
            normal = json::normalize(text)?;
            &normal
        }
        _ => text,
    };
    builder.append_value(kept);
    Ok(kept.len())
}

/// The text of a binary form of a type that is kept as text.
fn text_of_binary<'a>(ty: &PgType, bytes: &'a [u8]) -> Result<std::borrow::Cow<'a, str>> {
    match ty {
        PgType::Jsonb => json::jsonb_text(bytes).map(Into::into),
        PgType::Regclass | PgType::Regtype | PgType::Regproc => {
            let oid = u32::from_be_bytes(forms::exactly(ty.sql_name(), bytes)?);
            let known = PgType::from_oid(oid).filter(|_| *ty == PgType::Regtype);
            Ok(known.map_or_else(|| oid.to_string(), |ty| ty.display_name(-1)).into())
        }
        PgType::Int2Vector | PgType::OidVector => numbers_of(ty, bytes).map(Into::into),
        _ => simple::utf8(bytes).map(Into::into),
    }
}

fn numbers_of(ty: &PgType, bytes: &[u8]) -> Result<String> {
    let element = if *ty == PgType::Int2Vector { PgType::Int2 } else { PgType::Oid };
    let mut numbers = Vec::new();
    for field in array_fields(bytes, &element)? {
        let field = field.ok_or_else(|| forms::invalid_binary(ty.sql_name()))?;
        numbers.push(if element == PgType::Int2 {
            i16::from_be_bytes(forms::exactly("smallint", field)?).to_string()
        } else {
            u32::from_be_bytes(forms::exactly("oid", field)?).to_string()
        });
    }
    Ok(numbers.join(" "))
}

fn push_uuid(builder: &mut FixedSizeBinaryBuilder, uuid: &[u8; 16]) -> Result<()> {
    builder.append_value(uuid).map_err(|_| forms::invalid_binary("uuid"))
}

fn interval_value(us: i64, days: i32, months: i32) -> Result<IntervalMonthDayNano> {
    let nanoseconds = us.checked_mul(1000).ok_or_else(interval_input::out_of_range)?;
    Ok(IntervalMonthDayNano { months, days, nanoseconds })
}

/// Adds bits of a length the type allows; says how many bytes they take.
fn push_bits(
    builder: &mut ListBuilder<UInt8Builder>,
    ty: &PgType,
    typmod: i32,
    bits: &[u8],
) -> Result<usize> {
    bit::check_length(bits, *ty == PgType::Varbit, typmod)?;
    builder.values().append_slice(bits);
    builder.append(true);
    Ok(bits.len())
}

fn push_elements(builder: &mut ColumnBuilder, elements: &[array::Element]) -> Result<()> {
    // Read into a builder of their own, so that a bad element leaves nothing behind.
    let mut trial = ColumnBuilder::with_settings(&builder.ty, builder.typmod, &builder.settings);
    for text in elements.iter().flatten() {
        trial.push_text(text)?;
    }
    for element in elements {
        match element {
            Some(text) => builder.push_text(text)?,
            None => builder.push_null(),
        }
    }
    Ok(())
}

fn push_fields(builder: &mut ColumnBuilder, fields: &[Option<&[u8]>]) -> Result<()> {
    let mut trial = ColumnBuilder::with_settings(&builder.ty, builder.typmod, &builder.settings);
    for bytes in fields.iter().flatten() {
        trial.push_binary(bytes)?;
    }
    for field in fields {
        match field {
            Some(bytes) => builder.push_binary(bytes)?,
            None => builder.push_null(),
        }
    }
    Ok(())
}

/// Cuts the binary form of a one-dimensional array into its elements.
fn array_fields<'a>(bytes: &'a [u8], element: &PgType) -> Result<Vec<Option<&'a [u8]>>> {
    let invalid = || forms::invalid_binary("array");
    let mut rest = Bytes(bytes);
    let (dimensions, flags) = (rest.int().ok_or_else(invalid)?, rest.int().ok_or_else(invalid)?);
    let oid = rest.int().ok_or_else(invalid)?.cast_unsigned();
    check_element_oid(oid, element)?;
    if !matches!(flags, 0 | 1) {
        return Err(SqlError::new(SqlState::INVALID_BINARY, "invalid array flags"));
    }
    match dimensions {
        0 => return if rest.0.is_empty() { Ok(Vec::new()) } else { Err(invalid()) },
        1 => {}
        _ => return Err(SqlError::unsupported("an array of more than one dimension")),
    }
    let (length, _lower) = (rest.int().ok_or_else(invalid)?, rest.int().ok_or_else(invalid)?);
    // Each element takes at least its length's four bytes: a lying count ends here.
    let length = usize::try_from(length).ok().filter(|n| *n <= rest.0.len() / 4);
    let mut fields = Vec::new();
    for _ in 0..length.ok_or_else(invalid)? {
        fields.push(match rest.int().ok_or_else(invalid)? {
            -1 => None,
            size => {
                Some(usize::try_from(size).ok().and_then(|n| rest.take(n)).ok_or_else(invalid)?)
            }
        });
    }
    if rest.0.is_empty() { Ok(fields) } else { Err(invalid()) }
}

fn check_element_oid(oid: u32, element: &PgType) -> Result<()> {
    let text_like =
        |ty: &PgType| matches!(ty, PgType::Text | PgType::Varchar | PgType::Name | PgType::Unknown);
    let both_text = PgType::from_oid(oid).is_some_and(|ty| text_like(&ty)) && text_like(element);
    if oid == element.oid() || both_text {
        return Ok(());
    }
    let (wanted, name) = (element.oid(), element.sql_name());
    let message =
        format!("binary data has array element type {oid} instead of expected {wanted} ({name})");
    Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message))
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn int(&mut self) -> Option<i32> {
        let (int, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*int))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

fn item_of(list: &DataType) -> arrow::datatypes::FieldRef {
    match list {
        DataType::List(item) | DataType::FixedSizeList(item, _) => item.clone(),
        other => Arc::new(arrow::datatypes::Field::new("item", other.clone(), true)),
    }
}

/// The list over `values` whose rows end at `ends` (which begins with 0, and does so again).
fn list_array(
    ty: &PgType,
    values: ArrayRef,
    ends: &mut Vec<i32>,
    valid: &mut NullBufferBuilder,
) -> ArrayRef {
    let item = item_of(&ty.arrow_type(-1));
    let ends = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(ends, vec![0])));
    let nulls = valid.finish();
    debug_assert_eq!(&values.data_type(), &item.data_type(), "elements are of the list's type");
    Arc::new(ListArray::new(item, ends, values, nulls))
}
