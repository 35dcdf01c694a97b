//! Every type, through both forms and back; the binary forms against `postgres-types`.

use crate::{ColumnBuilder, Encoder, Format, FormatSettings, PgType, SqlState, TimeZone};
use crate::{format_text, parse_text};
use arrow::array::{Array, ArrayRef};
use bytes::BytesMut;
use postgres_types::{ToSql, Type};
use proptest::prelude::*;
use std::sync::Arc;

/// Texts that a type accepts.
fn texts_of(ty: &PgType) -> BoxedStrategy<String> {
    let instants = || -200_000_000_000_000_000i64..9_000_000_000_000_000_000;
    let shown = |ty: PgType| {
        move |us: i64| {
            let mut out = BytesMut::new();
            match ty {
                PgType::Timestamp => crate::forms::datetime::write_timestamp(us, &mut out),
                _ => crate::forms::datetime::write_timestamptz(us, TimeZone::UTC, &mut out),
            }
            String::from_utf8(out.to_vec()).unwrap()
        }
    };
    match ty {
        PgType::Bool => any::<bool>().prop_map(|b| b.to_string()).boxed(),
        PgType::Int2 => any::<i16>().prop_map(|n| n.to_string()).boxed(),
        PgType::Int4 => any::<i32>().prop_map(|n| n.to_string()).boxed(),
        PgType::Int8 => any::<i64>().prop_map(|n| n.to_string()).boxed(),
        PgType::Oid => any::<u32>().prop_map(|n| n.to_string()).boxed(),
        PgType::Float4 => any::<f32>().prop_map(|f| f.to_string()).boxed(),
        PgType::Float8 => any::<f64>().prop_map(|f| f.to_string()).boxed(),
        PgType::Numeric => {
            (any::<i64>(), 0u32..10).prop_map(|(n, scale)| format!("{n}e-{scale}")).boxed()
        }
        PgType::Bytea => prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| {
                let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                format!("\\x{digits}")
            })
            .boxed(),
        PgType::Date => (1i32..9999, 1u32..=12, 1u32..=28)
            .prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"))
            .boxed(),
        PgType::Time => (0u32..24, 0u32..60, 0u32..60, 0u32..1_000_000)
            .prop_map(|(h, m, s, us)| format!("{h}:{m}:{s}.{us:06}"))
            .boxed(),
        PgType::Timestamp | PgType::Timestamptz => instants().prop_map(shown(ty.clone())).boxed(),
        PgType::Interval => (-999i32..999, -999i32..999, any::<i32>())
            .prop_map(|(months, days, ms)| format!("{months} mons {days} days {ms} ms"))
            .boxed(),
        PgType::Uuid => any::<[u8; 16]>()
            .prop_map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect())
            .boxed(),
        PgType::Json | PgType::Jsonb => any::<(Option<i64>, bool)>()
            .prop_map(|(n, b)| format!("{{\"long\": {b}, \"n\": {}}}", n.unwrap_or(0)))
            .boxed(),
        vector if vector.is_vector() || vector.is_bits() => vectors_of(vector),
        PgType::Char => "[ -~]".boxed(),
        PgType::Name => "\\PC{0,15}".boxed(),
        PgType::Int2Vector | PgType::OidVector => prop::collection::vec(0u16..30_000, 0..5)
            .prop_map(|v| v.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .boxed(),
        PgType::Regtype => Just("integer".to_owned()).boxed(),
        PgType::Regclass | PgType::Regproc => any::<u32>().prop_map(|n| n.to_string()).boxed(),
        PgType::Array(element) => prop::collection::vec(prop::option::of(texts_of(element)), 0..5)
            .prop_map(|elements| {
                let quoted = |text: &String| {
                    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
                };
                let texts: Vec<String> =
                    elements.iter().map(|e| e.as_ref().map_or("NULL".into(), quoted)).collect();
                format!("{{{}}}", texts.join(","))
            })
            .boxed(),
        _ => "\\PC{0,20}".boxed(),
    }
}

fn vectors_of(ty: &PgType) -> BoxedStrategy<String> {
    match ty {
        PgType::Vector => {
            prop::collection::vec(-1e9f32..1e9, 3).prop_map(|v| format!("{v:?}")).boxed()
        }
        PgType::Halfvec => {
            prop::collection::vec(-65e3f32..65e3, 3).prop_map(|v| format!("{v:?}")).boxed()
        }
        PgType::Sparsevec => prop::collection::btree_map(1u32..9, -1e9f32..1e9, 0..5)
            .prop_map(|elements| {
                let shown = elements.iter().map(|(index, value)| format!("{index}:{value}"));
                format!("{{{}}}/9", shown.collect::<Vec<_>>().join(","))
            })
            .boxed(),
        PgType::Bit => "[01]{9}".boxed(),
        _ => "[01]{0,20}".boxed(),
    }
}

fn typmods(ty: &PgType) -> Vec<i32> {
    match ty {
        PgType::Vector | PgType::Halfvec => vec![3, -1],
        PgType::Sparsevec | PgType::Bit => vec![9, -1],
        PgType::Varbit => vec![20, -1],
        PgType::Numeric => vec![-1, ((30 << 16) | 10) + 4],
        _ => vec![-1],
    }
}

fn every_type() -> impl Strategy<Value = (PgType, i32)> {
    let scalars = crate::pg_type::SCALARS.iter().filter(|ty| **ty != PgType::Void).cloned();
    let arrays = crate::pg_type::SCALARS
        .iter()
        .filter(|ty| ty.array_oid() != 0 && !matches!(ty, PgType::Int2Vector | PgType::OidVector))
        .map(|ty| PgType::Array(Box::new(ty.clone())));
    let all: Vec<(PgType, i32)> = scalars
        .chain(arrays)
        .flat_map(|ty| typmods(&ty).into_iter().map(move |typmod| (ty.clone(), typmod)))
        .collect();
    prop::sample::select(all)
}

fn a_column() -> impl Strategy<Value = (PgType, i32, Vec<Option<String>>)> {
    every_type().prop_flat_map(|(ty, typmod)| {
        let rows = prop::collection::vec(prop::option::weighted(0.8, texts_of(&ty)), 0..6);
        (Just(ty), Just(typmod), rows)
    })
}

fn settings() -> Arc<FormatSettings> {
    let timezone = TimeZone::parse("America/St_Johns").unwrap();
    Arc::new(FormatSettings { timezone, ..FormatSettings::default() })
}

fn built(ty: &PgType, typmod: i32, rows: &[Option<String>]) -> ArrayRef {
    let mut builder = ColumnBuilder::with_settings(ty, typmod, &settings());
    for row in rows {
        match row {
            Some(text) => {
                builder.push_text(text).unwrap_or_else(|e| panic!("{ty:?} {text:?}: {e}"))
            }
            None => builder.push_null(),
        }
    }
    assert_eq!(builder.len(), rows.len());
    builder.finish()
}

fn sent_back(ty: &PgType, typmod: i32, array: &ArrayRef, format: Format) -> ArrayRef {
    let encoder = Encoder::of(ty, typmod, array, format, &settings()).unwrap();
    let mut builder = ColumnBuilder::with_settings(ty, typmod, &settings());
    let mut out = BytesMut::new();
    for row in 0..array.len() {
        out.clear();
        if !encoder.encode(row, &mut out).unwrap() {
            builder.push_null();
            continue;
        }
        match format {
            Format::Text => builder.push_text(std::str::from_utf8(&out).unwrap()).unwrap(),
            Format::Binary => builder.push_binary(&out).unwrap(),
        }
    }
    builder.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_type_reads_back_in_both_forms((ty, typmod, rows) in a_column()) {
        let array = built(&ty, typmod, &rows);
        prop_assert_eq!(array.data_type(), &ty.arrow_type(typmod));
        for format in [Format::Text, Format::Binary] {
            let back = sent_back(&ty, typmod, &array, format);
            prop_assert_eq!(&back, &array, "{:?} {:?}", ty, format);
        }
    }

    #[test]
    fn no_bytes_panic(
        (ty, typmod) in every_type(),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut builder = ColumnBuilder::new(&ty, typmod);
        let mut good = 0;
        good += usize::from(builder.push_binary(&bytes).is_ok());
        good += usize::from(builder.push_text(&String::from_utf8_lossy(&bytes)).is_ok());
        builder.push_null();
        let array = builder.finish();
        prop_assert_eq!(array.len(), good + 1);
    }

    #[test]
    fn arrays_agree_with_postgres_types(list in prop::collection::vec(any::<Option<i32>>(), 0..9)) {
        let mut theirs = BytesMut::new();
        let _ = list.to_sql(&Type::INT4_ARRAY, &mut theirs).unwrap();
        let ty = PgType::Array(Box::new(PgType::Int4));
        let mut builder = ColumnBuilder::new(&ty, -1);
        builder.push_binary(&theirs).unwrap();
        let array = builder.finish();
        let mut ours = BytesMut::new();
        let encoder =
            Encoder::of(&ty, -1, &array, Format::Binary, &FormatSettings::default()).unwrap();
        encoder.encode(0, &mut ours).unwrap();
        // postgres-types writes an empty array with one dimension of length 0; Postgres, with none.
        if !list.is_empty() {
            prop_assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn scalars_agree_with_postgres_types() {
    let cases: Vec<(PgType, &str, Box<dyn ToSql>, Type)> = vec![
        (PgType::Bool, "t", Box::new(true), Type::BOOL),
        (PgType::Int2, "-7", Box::new(-7i16), Type::INT2),
        (PgType::Int4, "70000", Box::new(70_000i32), Type::INT4),
        (PgType::Int8, "-5000000000", Box::new(-5_000_000_000i64), Type::INT8),
        (PgType::Oid, "4000000000", Box::new(4_000_000_000u32), Type::OID),
        (PgType::Float4, "1.5", Box::new(1.5f32), Type::FLOAT4),
        (PgType::Float8, "-0.1", Box::new(-0.1f64), Type::FLOAT8),
        (PgType::Text, "héllo", Box::new("héllo"), Type::TEXT),
        (PgType::Char, "r", Box::new(b'r' as i8), Type::CHAR),
        (PgType::Bytea, "\\x00ff", Box::new(vec![0u8, 255]), Type::BYTEA),
        (
            PgType::Timestamptz,
            "2024-01-02 03:04:05.6+00",
            Box::new(
                std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_704_164_645_600_000),
            ),
            Type::TIMESTAMPTZ,
        ),
    ];
    for (ty, text, theirs, their_type) in cases {
        let array = parse_text(&ty, -1, text, &FormatSettings::default()).unwrap();
        let encoder =
            Encoder::of(&ty, -1, &array, Format::Binary, &FormatSettings::default()).unwrap();
        let (mut ours, mut expected) = (BytesMut::new(), BytesMut::new());
        encoder.encode(0, &mut ours).unwrap();
        let _ = theirs.to_sql_checked(&their_type, &mut expected).unwrap();
        assert_eq!(ours, expected, "{ty:?}");
    }
}

#[test]
fn refusals_keep_their_sqlstate() {
    let array_of_int = PgType::Array(Box::new(PgType::Int4));
    for (ty, typmod, text, state) in [
        (PgType::Int2, -1, "40000", SqlState::NUMERIC_OUT_OF_RANGE),
        (PgType::Varchar, 7, "toolong", SqlState::STRING_TOO_LONG),
        (PgType::Vector, 3, "[1,2]", SqlState::DATA_EXCEPTION),
        (PgType::Halfvec, 3, "[1,2]", SqlState::DATA_EXCEPTION),
        (PgType::Halfvec, -1, "[70000]", SqlState::NUMERIC_OUT_OF_RANGE),
        (PgType::Sparsevec, 3, "{}/2", SqlState::DATA_EXCEPTION),
        (PgType::Varbit, 2, "101", SqlState::STRING_TOO_LONG),
        (PgType::Text, -1, "a\0b", SqlState::CHARACTER_NOT_IN_REPERTOIRE),
        (PgType::Timestamptz, -1, "nonsense", SqlState::INVALID_DATETIME),
        (array_of_int.clone(), -1, "{1,x}", SqlState::INVALID_TEXT),
    ] {
        let error = parse_text(&ty, typmod, text, &FormatSettings::default()).unwrap_err();
        assert_eq!(error.state, state, "{ty:?} {text}");
    }
    let mut builder = ColumnBuilder::new(&array_of_int, -1);
    assert!(builder.push_text("{1,2,x}").is_err());
    builder.push_text("{3}").unwrap();
    let shown = format_text(&array_of_int, -1, &builder.finish(), 0, &FormatSettings::default());
    assert_eq!(shown.unwrap().unwrap(), "{3}");
    let error = ColumnBuilder::new(&PgType::Int4, -1).push_binary(&[0, 1]).unwrap_err();
    assert_eq!(error.state, SqlState::INVALID_BINARY);
}

/// Arrow types a planner may hand over in place of the one a column is kept in.
#[test]
fn foreign_arrow_types_are_fitted() {
    use arrow::array::{Int64Array, LargeStringArray, NullArray, StringViewArray};
    let settings = FormatSettings::default();
    let show = |ty: PgType, array: ArrayRef| format_text(&ty, -1, &array, 0, &settings);
    let view: ArrayRef = Arc::new(StringViewArray::from(vec!["a view"]));
    assert_eq!(show(PgType::Text, view).unwrap().unwrap(), "a view");
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["large"]));
    assert_eq!(show(PgType::Text, large).unwrap().unwrap(), "large");
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    assert_eq!(show(PgType::Int4, wide).unwrap().unwrap(), "7");
    let huge: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
    assert!(show(PgType::Int4, huge).is_err());
    assert_eq!(show(PgType::Text, Arc::new(NullArray::new(1))).unwrap(), None);
}

#[test]
fn vectors_in_lists_of_vectors() {
    for (element, text) in [
        (PgType::Vector, "{\"[1,2]\",NULL,\"[3,4,5]\"}"),
        (PgType::Halfvec, "{\"[1,2]\",NULL,\"[3,4,5]\"}"),
        (PgType::Sparsevec, "{\"{1:1,3:2}/4\",NULL}"),
        (PgType::Bit, "{101,NULL,0}"),
    ] {
        let ty = PgType::Array(Box::new(element));
        let array = parse_text(&ty, -1, text, &FormatSettings::default()).unwrap();
        let shown = format_text(&ty, -1, &array, 0, &FormatSettings::default());
        assert_eq!(shown.unwrap().unwrap(), text);
    }
}

#[test]
fn records_are_written_and_not_read() {
    use arrow::array::{Int64Array, StringArray, StructArray};
    let fields = vec![
        Arc::new(PgType::Int8.field("c0", -1, true)),
        Arc::new(PgType::Text.field("c1", -1, true)),
    ];
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a b"), Some("")]));
    let array = StructArray::new(fields.into(), vec![numbers, texts], None);
    let (ty, _) = PgType::of_arrow(array.data_type());
    assert_eq!((ty.oid(), ty.array_oid()), (2249, 2287));
    let array: ArrayRef = Arc::new(array);
    let settings = FormatSettings::default();
    let shown = |row| format_text(&ty, -1, &array, row, &settings).unwrap().unwrap();
    assert_eq!((shown(0), shown(1)), ("(7,\"a b\")".to_owned(), "(,\"\")".to_owned()));
    let encoder = Encoder::of(&ty, -1, &array, Format::Binary, &settings).unwrap();
    let mut out = bytes::BytesMut::new();
    assert!(encoder.encode(1, &mut out).unwrap());
    // Two fields: an int8 that is NULL, a text of no bytes.
    let expected = [2, 20, u32::MAX, 25, 0].map(u32::to_be_bytes).concat();
    assert_eq!(out.to_vec(), expected);
    let refused = parse_text(&ty, -1, "(1,x)", &settings).unwrap_err();
    assert_eq!(refused.state, SqlState::FEATURE_NOT_SUPPORTED);
}
