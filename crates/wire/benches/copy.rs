//! How long a row takes on its way in and out: COPY of an id and a vector(768).
//!
//! `cargo bench -p cvx-wire --bench copy`

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cvx_session::{CopyFormat, CopyIn};
use cvx_types::{Column, ColumnBuilder, Encoder, FormatSettings, PgType};
use cvx_wire::copy::{CopyDecoder, CopyEncoder};
use std::hint::black_box;
use std::sync::Arc;

const ROWS: u32 = 1000;
const DIMENSION: i32 = 768;

fn column(name: &str, ty: PgType, typmod: i32) -> Column {
    Column { name: name.into(), ty, typmod, table_oid: 0, attnum: 0 }
}

fn copy(format: CopyFormat) -> CopyIn {
    let columns = vec![column("id", PgType::Int8, -1), column("v", PgType::Vector, DIMENSION)];
    let field = |c: &Column| c.ty.field(&c.name, c.typmod, true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    CopyIn { table: "docs".into(), columns, schema, format }
}

/// Vectors as embeddings are: eight digits after the point.
fn rows(copy: &CopyIn) -> RecordBatch {
    let mut builders: Vec<ColumnBuilder> =
        copy.columns.iter().map(|c| ColumnBuilder::new(&c.ty, c.typmod)).collect();
    let mut state = 1u32;
    for row in 0..ROWS {
        builders[0].push_text(&row.to_string()).unwrap();
        let element = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{}", f64::from(state) / f64::from(u32::MAX) * 0.1 - 0.05)
        };
        let elements: Vec<String> = (0..DIMENSION).map(element).collect();
        builders[1].push_text(&format!("[{}]", elements.join(","))).unwrap();
    }
    let arrays = builders.iter_mut().map(ColumnBuilder::finish).collect();
    RecordBatch::try_new(copy.schema.clone(), arrays).unwrap()
}

fn encode(copy: &CopyIn, rows: &RecordBatch, out: &mut BytesMut) {
    let mut encoder = CopyEncoder::new(copy.format.clone(), &copy.columns);
    let settings = FormatSettings::default();
    let fields: Vec<Encoder> = copy
        .columns
        .iter()
        .zip(rows.columns())
        .map(|(c, array)| Encoder::new(c, array, encoder.field_format(), &settings).unwrap())
        .collect();
    (0..rows.num_rows()).for_each(|row| encoder.row(&fields, row, out).unwrap());
    if encoder.has_trailer() {
        encoder.trailer(out).unwrap();
    }
}

fn decode(copy: &CopyIn, input: &[u8]) -> usize {
    let mut decoder = CopyDecoder::new(copy, &Arc::new(FormatSettings::default()), 64 << 20);
    let mut rows = 0;
    // Pieces as a socket gives them.
    for mut piece in input.chunks(64 << 10) {
        while let Some(batch) = decoder.decode(&mut piece).unwrap() {
            rows += batch.num_rows();
        }
    }
    rows + decoder.finish().unwrap().map_or(0, |batch| batch.num_rows())
}

fn benches(c: &mut Criterion) {
    let text = CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false };
    for (name, format) in [("binary", CopyFormat::Binary), ("text", text)] {
        let copy = copy(format);
        let batch = rows(&copy);
        let mut input = BytesMut::new();
        encode(&copy, &batch, &mut input);
        let mut group = c.benchmark_group(format!("copy vector(768) {name}"));
        group.throughput(Throughput::Elements(u64::from(ROWS)));
        group.bench_function("decode", |b| b.iter(|| decode(&copy, black_box(&input))));
        group.bench_function("encode", |b| {
            let mut out = BytesMut::with_capacity(input.len());
            b.iter(|| {
                out.clear();
                encode(&copy, black_box(&batch), &mut out);
            });
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
