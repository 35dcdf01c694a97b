//! COPY against itself (what is encoded is decoded, however it is cut) and against Postgres' rules.

use super::{CopyDecoder, CopyEncoder};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use bytes::BytesMut;
use cvx_session::{CopyFormat, CopyIn};
use cvx_types::{
    Column, ColumnBuilder, Encoder, FormatSettings, PgType, Result, SqlError, SqlState,
};
use proptest::prelude::*;
use std::sync::Arc;

fn text() -> CopyFormat {
    CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false }
}

fn csv() -> CopyFormat {
    CopyFormat::Csv {
        delimiter: b',',
        null: String::new(),
        header: false,
        quote: b'"',
        escape: b'"',
    }
}

fn column(name: &str, ty: PgType, typmod: i32) -> Column {
    Column { name: name.into(), ty, typmod, table_oid: 0, attnum: 0 }
}

fn docs(format: CopyFormat) -> CopyIn {
    let columns = vec![
        column("id", PgType::Int8, -1),
        column("title", PgType::Text, -1),
        column("embedding", PgType::Vector, 3),
        column("tags", PgType::Array(Box::new(PgType::Text)), -1),
    ];
    let field = |c: &Column| c.ty.field(&c.name, c.typmod, c.name != "id");
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    CopyIn { table: "docs".into(), columns, schema, format }
}

fn decoder(copy: &CopyIn) -> CopyDecoder {
    CopyDecoder::new(copy, &Arc::new(FormatSettings::default()), 1 << 20)
}

/// All batches of an input given in pieces.
fn decoded<'a>(copy: &CopyIn, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
    let mut decoder = decoder(copy);
    let mut batches = Vec::new();
    for mut piece in pieces {
        while let Some(batch) = decoder.decode(&mut piece)? {
            batches.push(batch);
        }
        assert!(piece.is_empty());
    }
    batches.extend(decoder.finish()?);
    Ok(concat_batches(&copy.schema, &batches).unwrap())
}

/// What a client learns of an error.
fn said(error: SqlError) -> (SqlState, String, Option<String>) {
    (error.state, error.message, error.context)
}

fn refused(copy: &CopyIn, input: &[u8]) -> SqlError {
    decoded(copy, [input]).unwrap_err()
}

/// The messages of a COPY TO of these rows.
fn encoded(copy: &CopyIn, rows: &RecordBatch) -> Vec<BytesMut> {
    let mut encoder = CopyEncoder::new(copy.format.clone(), &copy.columns);
    let settings = FormatSettings::default();
    let fields: Vec<Encoder> = copy
        .columns
        .iter()
        .zip(rows.columns())
        .map(|(c, array)| Encoder::new(c, array, encoder.field_format(), &settings).unwrap())
        .collect();
    let mut messages = Vec::new();
    if encoder.has_header() {
        let mut message = BytesMut::new();
        encoder.header(&copy.columns, &mut message).unwrap();
        messages.push(message);
    }
    for row in 0..rows.num_rows() {
        let mut message = BytesMut::new();
        encoder.row(&fields, row, &mut message).unwrap();
        messages.push(message);
    }
    if encoder.has_trailer() {
        let mut message = BytesMut::new();
        encoder.trailer(&mut message).unwrap();
        messages.push(message);
    }
    messages
}

type Row = (i64, Option<String>, Option<[f32; 3]>, Option<Vec<Option<String>>>);

fn batch_of(schema: &SchemaRef, columns: &[Column], rows: &[Row]) -> RecordBatch {
    let mut builders: Vec<ColumnBuilder> =
        columns.iter().map(|c| ColumnBuilder::new(&c.ty, c.typmod)).collect();
    for (id, title, embedding, tags) in rows {
        let embedding = embedding.map(|v| format!("{v:?}"));
        let tags = tags.as_ref().map(|tags| {
            let quoted = tags.iter().map(|tag| match tag {
                Some(t) => format!("\"{}\"", t.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".into(),
            });
            format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
        });
        let texts = [Some(id.to_string()), title.clone(), embedding, tags];
        for (builder, text) in builders.iter_mut().zip(texts) {
            match text {
                Some(text) => builder.push_text(&text).unwrap(),
                None => builder.push_null(),
            }
        }
    }
    let arrays = builders.iter_mut().map(ColumnBuilder::finish).collect();
    RecordBatch::try_new(schema.clone(), arrays).unwrap()
}

fn nasty_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "", "a", "\\", "\\N", "\\.", "\n", "\r", "\r\n", "\t", ",", "\"", "\"\"", "'", "NULL", "|",
        "é", "😀", "\u{b}", "\u{8}", " ", "{", "}", "~",
    ]);
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

fn a_row() -> impl Strategy<Value = Row> {
    let embedding = prop::array::uniform3(-1e6f32..1e6);
    let tags = prop::collection::vec(prop::option::of(nasty_text()), 0..4);
    (
        any::<i64>(),
        prop::option::weighted(0.8, nasty_text()),
        prop::option::weighted(0.8, embedding),
        prop::option::weighted(0.8, tags),
    )
}

fn a_format() -> impl Strategy<Value = CopyFormat> {
    let csv_with = |delimiter, quote, escape, null: &str| CopyFormat::Csv {
        delimiter,
        null: null.into(),
        header: false,
        quote,
        escape,
    };
    prop::sample::select(vec![
        text(),
        CopyFormat::Text { delimiter: b'|', null: "~nil".into(), header: true },
        csv(),
        csv_with(b';', b'\'', b'\\', "NULL"),
        csv_with(b'\t', b'"', b'\\', "\\N"),
        csv_with(b'|', b'~', b'~', "null"),
        CopyFormat::Csv {
            delimiter: b',',
            null: String::new(),
            header: true,
            quote: b'"',
            escape: b'"',
        },
        CopyFormat::Binary,
    ])
}

fn pieces<'a>(input: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn what_goes_out_comes_in_however_it_is_cut(
        rows in prop::collection::vec(a_row(), 0..12),
        format in a_format(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let copy = docs(format);
        let batch = batch_of(&copy.schema, &copy.columns, &rows);
        let input = encoded(&copy, &batch).concat();
        let back = decoded(&copy, pieces(&input, &cuts)).unwrap();
        prop_assert_eq!(&back, &batch);
        let one_by_one = decoded(&copy, input.chunks(1)).unwrap();
        prop_assert_eq!(&one_by_one, &batch);
    }

    #[test]
    fn garbage_is_refused_the_same_however_it_is_cut(
        input in prop::collection::vec(
            prop::sample::select(b"\\N.,\"'\n\r\t1a{}[]\xff\0".to_vec()), 0..60),
        format in a_format(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let copy = docs(format);
        let whole = decoded(&copy, [input.as_slice()]).map_err(said);
        let cut = decoded(&copy, pieces(&input, &cuts)).map_err(said);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn bad_binary_is_refused_the_same_however_it_is_cut(
        rows in prop::collection::vec(a_row(), 1..4),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let copy = docs(CopyFormat::Binary);
        let batch = batch_of(&copy.schema, &copy.columns, &rows);
        let mut input = encoded(&copy, &batch).concat();
        for (at, byte) in flips {
            let at = at.index(input.len());
            input[at] = byte;
        }
        let whole = decoded(&copy, [input.as_slice()]).map_err(said);
        let cut = decoded(&copy, pieces(&input, &cuts)).map_err(said);
        prop_assert_eq!(whole, cut);
    }
}

fn titles(batch: &RecordBatch) -> Vec<Option<String>> {
    batch.column(1).as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
}

#[test]
fn text_as_postgres_reads_it() {
    let input = b"1\ta\\tb\\\\c\\x41\\101\\q\t[1,2,3]\t{x}\n\
        2\t\\N\t\\N\t\\N\n\
        3\tline\\\nbreak\t[0,0,1]\t{}\n\
        \\.\n\
        this is not read";
    let batch = decoded(&docs(text()), [&input[..]]).unwrap();
    let expected = [Some("a\tb\\cAAq".into()), None, Some("line\nbreak".into())];
    assert_eq!(titles(&batch), expected);
    assert!(batch.column(2).is_null(1));
}

#[test]
fn windows_line_ends() {
    let rows = b"1\ta\t\\N\t\\N\r\n2\tb\t\\N\t\\N\r\n";
    assert_eq!(titles(&decoded(&docs(text()), [&rows[..]]).unwrap()).len(), 2);
    let rows = b"1,a,,\r\n2,\"b\r\nc\",,\r\n3,d,,";
    let batch = decoded(&docs(csv()), [&rows[..]]).unwrap();
    assert_eq!(titles(&batch), [Some("a".into()), Some("b\r\nc".into()), Some("d".into())]);
}

#[test]
fn csv_tells_null_from_empty() {
    let rows =
        b"1,,,\n2,\"\",,\n3, x ,,\n4,\"a \"\"b\"\" c\",\"[1,2,3]\",\"{1,2}\"\n5,un\"quo\"ted,,\n";
    let batch = decoded(&docs(csv()), [&rows[..]]).unwrap();
    let expected = [
        None,
        Some("".into()),
        Some(" x ".into()),
        Some("a \"b\" c".into()),
        Some("unquoted".into()),
    ];
    assert_eq!(titles(&batch), expected);
}

#[test]
fn refusals_name_the_line() {
    let copy = docs(text());
    for (input, state, message, context) in [
        (
            "1\ta\t[1,2,3]\t{}\n2\tb\t[1,2]\t{}\n",
            SqlState::DATA_EXCEPTION,
            "expected 3 dimensions, not 2",
            "COPY docs, line 2, column embedding: \"[1,2]\"",
        ),
        (
            "x\ta\t\\N\t\\N\n",
            SqlState::INVALID_TEXT,
            "invalid input syntax for type bigint: \"x\"",
            "COPY docs, line 1, column id: \"x\"",
        ),
        (
            "1\ta\t\\N\n",
            SqlState::BAD_COPY,
            "missing data for column \"tags\"",
            "COPY docs, line 1: \"1\ta\t\\N\"",
        ),
        (
            "1\ta\t\\N\t\\N\textra\n",
            SqlState::BAD_COPY,
            "extra data after last expected column",
            "COPY docs, line 1: \"1\ta\t\\N\t\\N\textra\"",
        ),
        (
            "\\N\ta\t\\N\t\\N\n",
            SqlState::NOT_NULL_VIOLATION,
            "null value in column \"id\" of relation \"docs\" violates not-null constraint",
            "COPY docs, line 1, column id: null input",
        ),
        (
            "1\ta\rb\t\\N\t\\N\n",
            SqlState::BAD_COPY,
            "literal carriage return found in data",
            "COPY docs, line 1: \"1\ta\rb\t\\N\t\\N\"",
        ),
    ] {
        let error = refused(&copy, input.as_bytes());
        assert_eq!((error.state, error.message.as_str()), (state, message));
        assert_eq!(error.context.as_deref(), Some(context));
    }
    let error = refused(&copy, b"1\t\xff\t\\N\t\\N\n");
    assert_eq!(error.state, SqlState::CHARACTER_NOT_IN_REPERTOIRE);
    let error = refused(&docs(csv()), b"1,a,,\n2,\"open,,\n");
    assert_eq!(error.message, "unterminated CSV quoted field");
    // Lines within quotes count.
    let error = refused(&docs(csv()), b"1,\"a\nb\",,\nx,,,\n");
    assert_eq!(error.context.as_deref(), Some("COPY docs, line 3, column id: \"x\""));
}

#[test]
fn binary_structure_is_checked() {
    let copy = docs(CopyFormat::Binary);
    let batch = batch_of(&copy.schema, &copy.columns, &[(1, Some("a".into()), None, None)]);
    let good = encoded(&copy, &batch).concat();
    for (input, message) in [
        (&b""[..], "COPY file signature not recognized"),
        (b"1\ta\t\\N\n and then some", "COPY file signature not recognized"),
        (&good[..good.len() - 4], "unexpected EOF in COPY data"),
        (&[&good[..], b"more"].concat(), "received copy data after EOF marker"),
        (&[&good[..19], b"\0\x01\0\0\0\0"].concat(), "row field count is 1, expected 4"),
        (&[&good[..19], b"\0\x04\xff\xff\xff\xfe"].concat(), "invalid field size"),
    ] {
        let error = refused(&copy, input);
        assert_eq!((error.state, error.message.as_str()), (SqlState::BAD_COPY, message));
    }
    // Without its trailer a file is still whole, as for Postgres.
    assert_eq!(decoded(&copy, [&good[..good.len() - 2]]).unwrap(), batch);
    let large = [&good[..19], b"\0\x04\0\0\0\x08\0\0\0\0\0\0\0\x01\x7f\xff\xff\xff"].concat();
    assert_eq!(refused(&copy, &large).state, SqlState::PROGRAM_LIMIT_EXCEEDED);
}

#[test]
fn batches_are_bounded() {
    let copy = docs(text());
    let line = format!("1\t{}\t[1,2,3]\t{{}}\n", "x".repeat(1000));
    let input = line.repeat(5000);
    let mut decoder = decoder(&copy);
    let (mut piece, mut rows, mut batches) = (input.as_bytes(), 0, 0);
    while let Some(batch) = decoder.decode(&mut piece).unwrap() {
        assert!(batch.get_array_memory_size() < 4 << 20);
        rows += batch.num_rows();
        batches += 1;
    }
    rows += decoder.finish().unwrap().map_or(0, |batch| batch.num_rows());
    assert_eq!(rows, 5000);
    assert!(batches >= 4, "{batches} batches");
    let short = "1\ta\t\\N\t\\N\n".repeat(9000);
    let first = self::decoder(&copy).decode(&mut short.as_bytes()).unwrap().unwrap();
    assert_eq!(first.num_rows(), 8192);
}

#[test]
fn one_message_a_row_and_the_header_with_the_first() {
    let copy = docs(CopyFormat::Binary);
    let row = (1, None, None, None);
    let batch = batch_of(&copy.schema, &copy.columns, &[row.clone(), row]);
    let messages = encoded(&copy, &batch);
    assert_eq!(messages.len(), 3);
    assert!(messages[0].starts_with(super::SIGNATURE));
    assert_eq!(&messages[2][..], b"\xff\xff");
    let copy = docs(CopyFormat::Csv {
        delimiter: b',',
        null: String::new(),
        header: true,
        quote: b'"',
        escape: b'"',
    });
    assert_eq!(&encoded(&copy, &batch)[0][..], b"id,title,embedding,tags\n");
}
