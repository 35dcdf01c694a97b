//! From Arrow to a client: one encoder a column and batch, either form.
//!
//! An [`Encoder`] looks at the array's type once and then writes rows. Arrays that arrive in
//! another Arrow type than their Postgres type is kept in (a `Utf8View`, an `Int64` where `int4`
//! was announced) are cast when the encoder is made, so a client never sees bytes of a type it
//! was not told.

use crate::dense::Dense;
use crate::error::{Result, SqlError, SqlState};
use crate::forms::{self, array, bit, bytea, datetime, float, interval, json, numeric, simple};
use crate::forms::{record, sparsevec, vector};
use crate::pg_type::PgType;
use crate::settings::{Format, FormatSettings};
use crate::{Column, forms::numeric::Shape};
use arrow::array::types::{
    Date32Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::types::{
    Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    ListArray, PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, FieldRef, TimeUnit};
use bytes::{BufMut, BytesMut};
use half::f16;
use std::fmt::Write;

/// Writes the values of one column of one batch.
#[derive(Debug)]
pub struct Encoder {
    values: Values,
    nulls: Option<NullBuffer>,
    format: Format,
    settings: FormatSettings,
}

#[derive(Debug)]
enum Values {
    /// A column without type and without values.
    Null,
    Void,
    Bool(BooleanArray),
    Int2(PrimitiveArray<Int16Type>),
    Int4(PrimitiveArray<Int32Type>),
    Int8(PrimitiveArray<Int64Type>),
    Oid(PrimitiveArray<Int64Type>),
    Float4(PrimitiveArray<Float32Type>),
    Float8(PrimitiveArray<Float64Type>),
    Numeric(PrimitiveArray<Decimal128Type>, Shape),
    Text(StringArray),
    Jsonb(StringArray),
    /// `int2vector`, `oidvector`: text here, an array on the wire.
    Numbers(StringArray, PgType),
    /// `regclass` and its kin: a name here, an OID on the wire.
    Reg(StringArray, PgType),
    Bytea(BinaryArray),
    Date(PrimitiveArray<Date32Type>),
    Time(PrimitiveArray<Time64MicrosecondType>),
    Timestamp(PrimitiveArray<TimestampMicrosecondType>),
    Timestamptz(PrimitiveArray<TimestampMicrosecondType>),
    Interval(PrimitiveArray<IntervalMonthDayNanoType>),
    Uuid(FixedSizeBinaryArray),
    Vector(Dense<f32>),
    Halfvec(Dense<f16>),
    Sparsevec(LargeBinaryArray),
    Bits(ListArray),
    List {
        list: ListArray,
        element: Box<Encoder>,
        element_oid: u32,
    },
    /// The fields and their types' OIDs.
    Record(Vec<(u32, Encoder)>),
}

impl Encoder {
    /// An encoder for `array`, which holds values of `column`.
    pub fn new(
        column: &Column,
        array: &ArrayRef,
        format: Format,
        settings: &FormatSettings,
    ) -> Result<Self> {
        Self::of(&column.ty, column.typmod, array, format, settings)
    }

    /// The same without a column's name.
    pub fn of(
        ty: &PgType,
        typmod: i32,
        array: &ArrayRef,
        format: Format,
        settings: &FormatSettings,
    ) -> Result<Self> {
        let array = fitted(ty, typmod, array)?;
        let nulls = array.nulls().cloned();
        let values = values_of(ty, typmod, &array, format, settings)?;
        Ok(Self { values, nulls, format, settings: settings.clone() })
    }

    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.as_ref().is_some_and(|n| n.is_null(row))
    }

    /// Appends the value of `row`, without a length; says false, appending nothing, for NULL.
    pub fn encode(&self, row: usize, out: &mut BytesMut) -> Result<bool> {
        if self.is_null(row) {
            return Ok(false);
        }
        match self.format {
            Format::Text => self.write_text(row, out)?,
            Format::Binary => self.write_binary(row, out)?,
        }
        Ok(true)
    }

    /// Appends the value as a field of DataRow and of binary COPY: its length, -1 for NULL, first.
    pub fn encode_field(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        let start = out.len();
        out.put_i32(-1);
        if self.encode(row, out)? {
            let length = i32::try_from(out.len() - start - 4).map_err(|_| too_long())?;
            if let Some(prefix) = out.get_mut(start..start + 4) {
                prefix.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    fn write_text(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        let settings = &self.settings;
        match &self.values {
            Values::Null | Values::Void => {}
            Values::Bool(array) => out.put_u8(if array.value(row) { b't' } else { b'f' }),
            Values::Int2(array) => write_integer(i64::from(array.value(row)), out),
            Values::Int4(array) => write_integer(i64::from(array.value(row)), out),
            Values::Int8(array) | Values::Oid(array) => write_integer(array.value(row), out),
            Values::Float4(array) => float::write_f32(array.value(row), out),
            Values::Float8(array) => float::write_f64(array.value(row), out),
            Values::Numeric(array, shape) => numeric::write(array.value(row), *shape, out),
            Values::Text(array)
            | Values::Jsonb(array)
            | Values::Numbers(array, _)
            | Values::Reg(array, _) => out.put_slice(array.value(row).as_bytes()),
            Values::Bytea(array) => bytea::write(array.value(row), settings.bytea_output, out),
            Values::Date(array) => datetime::write_date(array.value(row), out),
            Values::Time(array) => datetime::write_time(array.value(row), out),
            Values::Timestamp(array) => datetime::write_timestamp(array.value(row), out),
            Values::Timestamptz(array) => {
                datetime::write_timestamptz(array.value(row), settings.timezone, out);
            }
            Values::Interval(array) => {
                interval::write(interval_of(array.value(row)), settings.interval_style, out);
            }
            Values::Uuid(array) => simple::write_uuid(array.value(row), out),
            Values::Vector(vectors) => vector::write(vectors.row(row), out),
            Values::Halfvec(vectors) => vector::write(vectors.row(row), out),
            Values::Sparsevec(array) => sparsevec::write(sparse(array.value(row))?, out),
            Values::Bits(array) => bit::write(bits(array, row)?, out),
            Values::List { list, element, .. } => write_list_text(list, element, row, out)?,
            Values::Record(fields) => write_record_text(fields, row, out)?,
        }
        Ok(())
    }

    fn write_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::Null | Values::Void => {}
            Values::Bool(array) => out.put_u8(u8::from(array.value(row))),
            Values::Int2(array) => out.put_i16(array.value(row)),
            Values::Int4(array) => out.put_i32(array.value(row)),
            Values::Int8(array) => out.put_i64(array.value(row)),
            Values::Oid(array) => out.put_u32(oid_of(array.value(row))?),
            Values::Float4(array) => out.put_f32(array.value(row)),
            Values::Float8(array) => out.put_f64(array.value(row)),
            Values::Numeric(array, shape) => numeric::write_binary(array.value(row), *shape, out),
            Values::Text(array) => out.put_slice(array.value(row).as_bytes()),
            Values::Jsonb(array) => json::write_jsonb_binary(array.value(row), out),
            Values::Numbers(array, ty) => write_numbers_binary(array.value(row), ty, out)?,
            Values::Reg(array, ty) => out.put_u32(reg_oid(array.value(row), ty)?),
            Values::Bytea(array) => out.put_slice(array.value(row)),
            Values::Date(array) => datetime::write_date_binary(array.value(row), out),
            Values::Time(array) => out.put_i64(array.value(row)),
            Values::Timestamp(array) | Values::Timestamptz(array) => {
                datetime::write_timestamp_binary(array.value(row), out);
            }
            Values::Interval(array) => interval::write_binary(interval_of(array.value(row)), out),
            Values::Uuid(array) => out.put_slice(array.value(row)),
            Values::Vector(vectors) => vector::write_binary(vectors.row(row), out)?,
            Values::Halfvec(vectors) => vector::write_binary(vectors.row(row), out)?,
            Values::Sparsevec(array) => sparsevec::write_binary(sparse(array.value(row))?, out),
            Values::Bits(array) => bit::write_binary(bits(array, row)?, out)?,
            Values::List { list, element, element_oid } => {
                write_list_binary(list, element, *element_oid, row, out)?;
            }
            Values::Record(fields) => write_record_binary(fields, row, out)?,
        }
        Ok(())
    }
}

/// The text form of one value, `None` for NULL.
pub fn format_text(
    ty: &PgType,
    typmod: i32,
    array: &ArrayRef,
    row: usize,
    settings: &FormatSettings,
) -> Result<Option<String>> {
    let encoder = Encoder::of(ty, typmod, &array.slice(row, 1), Format::Text, settings)?;
    let mut out = BytesMut::new();
    if !encoder.encode(0, &mut out)? {
        return Ok(None);
    }
    String::from_utf8(out.to_vec()).map(Some).map_err(|_| internal("a text form is not UTF-8"))
}

/// `array` in the Arrow type that [`values_of`] expects for `ty`.
fn fitted(ty: &PgType, typmod: i32, array: &ArrayRef) -> Result<ArrayRef> {
    let found = array.data_type();
    let wanted = ty.arrow_type(typmod);
    let fits = match (&wanted, found) {
        (_, DataType::Null) | (DataType::Decimal128(..), DataType::Decimal128(..)) => true,
        (DataType::Timestamp(..), DataType::Timestamp(TimeUnit::Microsecond, _)) => true,
        (DataType::Struct(_), DataType::Struct(_)) => true,
        // Of lists only the shape matters: elements are fitted on their own.
        (DataType::List(_), DataType::List(_)) => is_dense(ty, found).unwrap_or(true),
        (DataType::FixedSizeList(..) | DataType::List(_), DataType::FixedSizeList(..))
        | (DataType::FixedSizeList(..), DataType::List(_)) => is_dense(ty, found).unwrap_or(false),
        (wanted, found) => wanted == found,
    };
    if fits {
        return Ok(array.clone());
    }
    let wanted = match (ty, found) {
        (PgType::Array(_), DataType::LargeList(item) | DataType::FixedSizeList(item, _)) => {
            DataType::List(item.clone())
        }
        // Keep the scale the value has.
        (PgType::Numeric, DataType::Decimal256(_, scale)) => DataType::Decimal128(38, *scale),
        (PgType::Vector | PgType::Halfvec, _) => ty.arrow_type(-1),
        _ => wanted,
    };
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(array, &wanted, &options).map_err(|error| {
        internal(&format!("a {found} value cannot be shown as {}: {error}", ty.sql_name()))
    })
}

/// Whether an Arrow type holds dense vectors of this type; nothing for other types.
fn is_dense(ty: &PgType, found: &DataType) -> Option<bool> {
    match ty {
        PgType::Vector => Some(Dense::<f32>::fits(found)),
        PgType::Halfvec => Some(Dense::<f16>::fits(found)),
        PgType::Bit | PgType::Varbit => Some(*found == ty.arrow_type(-1)),
        _ => None,
    }
}

fn values_of(
    ty: &PgType,
    typmod: i32,
    array: &ArrayRef,
    format: Format,
    settings: &FormatSettings,
) -> Result<Values> {
    if *ty == PgType::Void {
        return Ok(Values::Void);
    }
    if *array.data_type() == DataType::Null {
        return Ok(Values::Null);
    }
    Ok(match ty {
        PgType::Void => Values::Void,
        PgType::Bool => Values::Bool(array.as_boolean().clone()),
        PgType::Int2 => Values::Int2(primitive(array)),
        PgType::Int4 => Values::Int4(primitive(array)),
        PgType::Int8 => Values::Int8(primitive(array)),
        PgType::Oid => Values::Oid(primitive(array)),
        PgType::Float4 => Values::Float4(primitive(array)),
        PgType::Float8 => Values::Float8(primitive(array)),
        PgType::Numeric => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let (precision, scale) = (decimals.precision(), decimals.scale());
            Values::Numeric(decimals.clone(), Shape { precision, scale, trimmed: typmod < 4 })
        }
        PgType::Text
        | PgType::Varchar
        | PgType::Char
        | PgType::Name
        | PgType::Json
        | PgType::Unknown => Values::Text(array.as_string::<i32>().clone()),
        PgType::Jsonb => Values::Jsonb(array.as_string::<i32>().clone()),
        PgType::Int2Vector | PgType::OidVector => {
            Values::Numbers(array.as_string::<i32>().clone(), ty.clone())
        }
        PgType::Regclass | PgType::Regtype | PgType::Regproc => {
            Values::Reg(array.as_string::<i32>().clone(), ty.clone())
        }
        PgType::Bytea => Values::Bytea(array.as_binary::<i32>().clone()),
        PgType::Date => Values::Date(primitive(array)),
        PgType::Time => Values::Time(primitive(array)),
        PgType::Timestamp => Values::Timestamp(primitive(array)),
        PgType::Timestamptz => Values::Timestamptz(primitive(array)),
        PgType::Interval => Values::Interval(primitive(array)),
        PgType::Uuid => Values::Uuid(array.as_fixed_size_binary().clone()),
        PgType::Vector => Values::Vector(Dense::of(array)?),
        PgType::Halfvec => Values::Halfvec(Dense::of(array)?),
        PgType::Sparsevec => Values::Sparsevec(array.as_binary::<i64>().clone()),
        PgType::Bit | PgType::Varbit => Values::Bits(array.as_list::<i32>().clone()),
        PgType::Record => Values::Record(fields_of(array.as_struct(), format, settings)?),
        PgType::Array(element_type) => {
            let list = array.as_list::<i32>().clone();
            let element = Encoder::of(element_type, -1, list.values(), format, settings)?;
            Values::List { list, element: Box::new(element), element_oid: element_type.oid() }
        }
    })
}

fn fields_of(
    record: &StructArray,
    format: Format,
    settings: &FormatSettings,
) -> Result<Vec<(u32, Encoder)>> {
    let encoder = |(field, values): (&FieldRef, &ArrayRef)| {
        let (ty, typmod) = PgType::of_field(field);
        Ok((ty.oid(), Encoder::of(&ty, typmod, values, format, settings)?))
    };
    record.fields().iter().zip(record.columns()).map(encoder).collect()
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> PrimitiveArray<T> {
    array.as_primitive::<T>().clone()
}

fn sparse(bytes: &[u8]) -> Result<sparsevec::Sparse<'_>> {
    sparsevec::Sparse::of(bytes).ok_or_else(|| internal("bytes that are no sparsevec"))
}

fn bits(list: &ListArray, row: usize) -> Result<bit::Bits<'_>> {
    let bytes = list.values().as_primitive_opt::<UInt8Type>().map(|bytes| bytes.values());
    let bytes = bytes.and_then(|bytes| bytes.get(rows_of(list, row)));
    let bits = bytes.and_then(bit::Bits::of);
    bits.ok_or_else(|| internal("bytes that are no bit string"))
}

fn interval_of(value: arrow::datatypes::IntervalMonthDayNano) -> interval::Interval {
    interval::Interval { months: value.months, days: value.days, us: value.nanoseconds / 1000 }
}

fn write_integer(value: i64, out: &mut BytesMut) {
    // BytesMut grows; writing to it cannot fail.
    let _ = write!(out, "{value}");
}

fn oid_of(value: i64) -> Result<u32> {
    u32::try_from(value).map_err(|_| forms::out_of_range("oid", &value.to_string()))
}

/// The OID behind a name, where it can be known without a catalog.
fn reg_oid(name: &str, ty: &PgType) -> Result<u32> {
    if name == "-" {
        return Ok(0);
    }
    let by_name = || {
        let known = PgType::from_sql_name(name).filter(|_| *ty == PgType::Regtype);
        known.map(|ty| ty.oid())
    };
    name.parse().ok().or_else(by_name).ok_or_else(|| {
        SqlError::unsupported(format!("the binary form of {} \"{name}\"", ty.sql_name()))
    })
}

fn write_list_text(
    list: &ListArray,
    element: &Encoder,
    row: usize,
    out: &mut BytesMut,
) -> Result<()> {
    let mut text = BytesMut::new();
    out.put_u8(b'{');
    for (at, inner) in rows_of(list, row).enumerate() {
        out.put_slice(if at > 0 { b"," } else { b"" });
        text.clear();
        if element.encode(inner, &mut text)? {
            array::write_element(&text, out);
        } else {
            out.put_slice(b"NULL");
        }
    }
    out.put_u8(b'}');
    Ok(())
}

fn write_record_text(fields: &[(u32, Encoder)], row: usize, out: &mut BytesMut) -> Result<()> {
    let mut text = BytesMut::new();
    out.put_u8(b'(');
    for (at, (_, field)) in fields.iter().enumerate() {
        out.put_slice(if at > 0 { b"," } else { b"" });
        text.clear();
        if field.encode(row, &mut text)? {
            record::write_field(&text, out);
        }
    }
    out.put_u8(b')');
    Ok(())
}

/// How many fields, then each with its type's OID.
fn write_record_binary(fields: &[(u32, Encoder)], row: usize, out: &mut BytesMut) -> Result<()> {
    out.put_i32(i32::try_from(fields.len()).map_err(|_| too_long())?);
    for (oid, field) in fields {
        out.put_u32(*oid);
        field.encode_field(row, out)?;
    }
    Ok(())
}

fn write_list_binary(
    list: &ListArray,
    element: &Encoder,
    element_oid: u32,
    row: usize,
    out: &mut BytesMut,
) -> Result<()> {
    let rows = rows_of(list, row);
    let has_null = rows.clone().any(|inner| element.is_null(inner));
    write_array_header(rows.len(), has_null, element_oid, 1, out)?;
    for inner in rows {
        element.encode_field(inner, out)?;
    }
    Ok(())
}

fn write_array_header(
    length: usize,
    has_null: bool,
    element_oid: u32,
    lower_bound: i32,
    out: &mut BytesMut,
) -> Result<()> {
    out.put_i32(i32::from(length > 0));
    out.put_i32(i32::from(has_null));
    out.put_u32(element_oid);
    if length > 0 {
        out.put_i32(i32::try_from(length).map_err(|_| too_long())?);
        out.put_i32(lower_bound);
    }
    Ok(())
}

/// `1 2 3` as an array of int2 or oid, which counts from 0 as Postgres' does.
fn write_numbers_binary(text: &str, ty: &PgType, out: &mut BytesMut) -> Result<()> {
    let numbers: Vec<&str> = text.split_ascii_whitespace().collect();
    let short = *ty == PgType::Int2Vector;
    let element = if short { PgType::Int2 } else { PgType::Oid };
    write_array_header(numbers.len(), false, element.oid(), 0, out)?;
    for number in numbers {
        let invalid = |_| forms::invalid_text(ty.sql_name(), text);
        if short {
            out.put_i32(2);
            out.put_i16(number.parse().map_err(invalid)?);
        } else {
            out.put_i32(4);
            out.put_u32(number.parse().map_err(invalid)?);
        }
    }
    Ok(())
}

/// The rows of a list's child that belong to `row`.
fn rows_of(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offset = |at: usize| list.value_offsets().get(at).copied().unwrap_or_default();
    let bound = |at: usize| usize::try_from(offset(at)).unwrap_or_default();
    bound(row)..bound(row + 1)
}

fn too_long() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a value is longer than 2 GiB")
}

fn internal(message: &str) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, message)
}
