//! Whatever bytes come, they are decoded or refused: what real clients said, changed at random.
//!
//! `tests/captures` was recorded by `benches/wire/capture.py` from the clients it names. Each case
//! changes up to eight things of a piece of it: bits, lengths, what is missing, what comes twice.
//! `PROPTEST_CASES=1000000` tries as many; every decoder that meets a client's bytes is here, the
//! startup packet's, the frames', each message's, each type's two forms, COPY's three formats.

use crate::copy::CopyDecoder;
use crate::frame::{Budget, Frame, Frames};
use crate::limits::WireLimits;
use crate::outbox::Outbox;
use crate::request::{Request, sasl_initial};
use crate::startup;
use arrow::datatypes::Schema;
use bytes::BytesMut;
use cvx_session::{CopyFormat, CopyIn};
use cvx_types::pg_type::SCALARS;
use cvx_types::{Column, ColumnBuilder, Encoder, Format, FormatSettings, PgType};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use tokio::io::AsyncReadExt as _;

const CAPTURES: [&[u8]; 8] = [
    include_bytes!("../tests/captures/asyncpg.bin"),
    include_bytes!("../tests/captures/node.bin"),
    include_bytes!("../tests/captures/pgjdbc.bin"),
    include_bytes!("../tests/captures/psql.bin"),
    include_bytes!("../tests/captures/psqlodbc.bin"),
    include_bytes!("../tests/captures/psycopg.bin"),
    include_bytes!("../tests/captures/psycopg2.bin"),
    include_bytes!("../tests/captures/tokio.bin"),
];

/// Messages as they were said.
#[derive(Default)]
struct Seeds {
    startup: Vec<&'static [u8]>,
    frames: Vec<&'static [u8]>,
    /// Parameters of Bind and pieces of COPY, without what is around them.
    values: Vec<Vec<u8>>,
    copied: Vec<&'static [u8]>,
}

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let mut seeds = Seeds::default();
    CAPTURES.into_iter().for_each(|capture| seeds.cut(capture));
    seeds
});

impl Seeds {
    /// Packets of the startup phase begin with a length, which is below 2^24; frames with a letter.
    fn cut(&mut self, mut rest: &'static [u8]) {
        while !rest.is_empty() {
            let head = usize::from(rest[0] != 0);
            let length = u32::from_be_bytes(rest[head..head + 4].try_into().unwrap()) as usize;
            let (message, behind) = rest.split_at(head + length);
            match head {
                0 => self.startup.push(message),
                _ => self.frame(message),
            }
            rest = behind;
        }
    }

    fn frame(&mut self, message: &'static [u8]) {
        self.frames.push(message);
        match Request::decode(&Frame::of(message[0], &message[5..])).unwrap() {
            Request::Bind(bind) => {
                self.values.extend(bind.parameters.iter().flatten().map(|bytes| bytes.to_vec()));
            }
            Request::CopyData(_) => self.copied.push(&message[5..]),
            _ => {}
        }
    }
}

/// One thing that is not as it was said.
#[derive(Clone, Debug)]
enum Change {
    Bit(prop::sample::Index, u8),
    Byte(prop::sample::Index, u8),
    /// Four bytes become a number: of all lies, those about lengths and counts.
    Number(prop::sample::Index, i32),
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Twice(prop::sample::Index, usize),
    Short(prop::sample::Index),
}

fn a_change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let number = prop::sample::select(vec![-1, 0, 1, 4, 0xffff, 1 << 16, i32::MAX, i32::MIN]);
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), number).prop_map(|(at, number)| Change::Number(at, number)),
        (at(), 1_usize..20).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..12))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1_usize..40).prop_map(|(at, length)| Change::Twice(at, length)),
        at().prop_map(Change::Short),
    ]
}

impl Change {
    fn to(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let size = bytes.len();
        let piece = |at: usize, length: usize| at..(at + length).min(size);
        match self {
            Self::Bit(at, bit) => bytes[at.index(size)] ^= 1 << bit,
            Self::Byte(at, byte) => bytes[at.index(size)] = *byte,
            Self::Number(at, number) => {
                let range = piece(at.index(size), 4);
                let number = number.to_be_bytes();
                let width = range.len();
                bytes[range].copy_from_slice(&number[..width]);
            }
            Self::Cut(at, length) => drop(bytes.drain(piece(at.index(size), *length))),
            Self::Insert(at, more) => {
                let at = at.index(size);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Twice(at, length) => {
                let range = piece(at.index(size), *length);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, again);
            }
            Self::Short(at) => bytes.truncate(at.index(size)),
        }
    }
}

/// What was said, or it with a few changes.
fn changed(said: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(a_change(), 0..8).prop_map(move |changes| {
        let mut bytes = said.clone();
        changes.iter().for_each(|change| change.to(&mut bytes));
        bytes
    })
}

fn a_packet() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(SEEDS.startup.clone()).prop_flat_map(|packet| changed(packet.to_vec()))
}

/// A few messages one behind the other.
fn a_stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop::sample::select(SEEDS.frames.clone());
    prop::collection::vec(frame, 1..5).prop_flat_map(|frames| changed(frames.concat()))
}

fn a_value() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(SEEDS.values.clone()).prop_flat_map(changed)
}

fn a_copy() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(SEEDS.copied.clone());
    prop::collection::vec(piece, 1..4).prop_flat_map(|pieces| changed(pieces.concat()))
}

/// Scalars, and arrays of them.
fn a_type() -> impl Strategy<Value = PgType> {
    (prop::sample::select(SCALARS.to_vec()), any::<bool>()).prop_map(|(scalar, array)| {
        if array && scalar.array_oid() != 0 { PgType::Array(Box::new(scalar)) } else { scalar }
    })
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

/// All frames of a stream that arrives in two pieces, decoded or refused.
async fn read_all(stream: &[u8], at: usize) -> usize {
    let (first, second) = stream.split_at(at);
    let limits = WireLimits { message_bytes_max: 1 << 16, ..WireLimits::STANDARD };
    let budget = Arc::new(Budget::new(&limits));
    let mut frames = Frames::new(first.chain(second), &limits, budget);
    frames.admit(limits.message_bytes_max);
    let mut read = 0;
    while let Ok(Some(frame)) = frames.next().await {
        read += 5 + frame.body.len();
        let _ = sasl_initial(&frame);
        if let Err(error) = Request::decode(&frame) {
            assert!(["08P01", "22021"].contains(&error.state.0), "{error:?}");
        }
    }
    read
}

/// Reads one value; what was taken is written and read to the same again, in either form.
fn value_holds(ty: &PgType, bytes: &[u8], binary: bool) -> bool {
    let settings = Arc::new(FormatSettings::default());
    let mut builder = ColumnBuilder::with_settings(ty, -1, &settings);
    let pushed = match (binary, std::str::from_utf8(bytes)) {
        (true, _) => builder.push_binary(bytes),
        (false, Ok(text)) => builder.push_text(text),
        (false, Err(_)) => return false,
    };
    if pushed.is_err() {
        return false;
    }
    let array = builder.finish();
    for format in [Format::Text, Format::Binary] {
        let encoder = Encoder::of(ty, -1, &array, format, &settings).unwrap();
        let mut written = BytesMut::new();
        // An OID's name needs a catalog.
        if encoder.encode(0, &mut written).is_err() {
            continue;
        }
        let mut again = ColumnBuilder::with_settings(ty, -1, &settings);
        match format {
            Format::Text => again.push_text(std::str::from_utf8(&written).unwrap()).unwrap(),
            Format::Binary => again.push_binary(&written).unwrap(),
        }
        let again = Encoder::of(ty, -1, &again.finish(), format, &settings).unwrap();
        let mut rewritten = BytesMut::new();
        assert!(again.encode(0, &mut rewritten).unwrap());
        assert_eq!(written, rewritten, "{ty:?} {format:?}");
    }
    true
}

fn formats() -> [CopyFormat; 3] {
    let csv = CopyFormat::Csv {
        delimiter: b',',
        null: "".into(),
        header: false,
        quote: b'"',
        escape: b'"',
    };
    [
        CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false },
        csv,
        CopyFormat::Binary,
    ]
}

/// COPY into a table as most of the captured clients copied into.
fn copy_all(format: CopyFormat, bytes: &[u8]) -> usize {
    let column = |name: &str, ty: PgType, typmod| Column {
        name: name.into(),
        ty,
        typmod,
        table_oid: 0,
        attnum: 0,
    };
    let columns = vec![
        column("doc_id", PgType::Int8, -1),
        column("ts", PgType::Timestamptz, -1),
        column("title", PgType::Text, -1),
        column("embedding", PgType::Vector, 3),
    ];
    let field = |c: &Column| c.ty.field(&c.name, c.typmod, true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let copy = CopyIn { table: "docs".into(), columns, schema, format };
    let mut decoder = CopyDecoder::new(&copy, &Arc::new(FormatSettings::default()), 1 << 16);
    let (mut rest, mut rows) = (bytes, 0);
    while let Ok(Some(batch)) = decoder.decode(&mut rest) {
        rows += batch.num_rows();
    }
    rows + decoder.finish().ok().flatten().map_or(0, |batch| batch.num_rows())
}

/// The seeds are worth changing: as they are, they are understood.
#[test]
fn what_clients_say_is_understood() {
    let seeds = &*SEEDS;
    assert!(seeds.startup.len() >= 8 && seeds.frames.len() >= 100 && seeds.values.len() >= 50);
    for frame in &seeds.frames {
        assert_eq!(wait(read_all(frame, 3)), frame.len());
    }
    let understood = |value: &Vec<u8>| {
        SCALARS.iter().any(|ty| value_holds(ty, value, true) || value_holds(ty, value, false))
    };
    assert!(seeds.values.iter().filter(|value| understood(value)).count() >= 50);
    let rows = seeds.copied.iter().map(|piece| {
        formats().into_iter().map(|format| copy_all(format, piece)).max().unwrap_or(0)
    });
    assert!(rows.sum::<usize>() > 0);
}

proptest! {
    #[test]
    fn any_startup_packet(packet in a_packet()) {
        let limits = WireLimits::STANDARD;
        let mut frames = Frames::new(&packet[..], &limits, Arc::new(Budget::new(&limits)));
        let mut outbox = Outbox::new(tokio::io::sink(), 1 << 10);
        let _ = wait(startup::greet(&mut frames, &mut outbox));
    }

    #[test]
    fn any_messages(stream in a_stream(), at in any::<prop::sample::Index>()) {
        let at = at.index(stream.len() + 1);
        prop_assert!(wait(read_all(&stream, at)) <= stream.len());
    }

    #[test]
    fn any_value(ty in a_type(), bytes in a_value(), binary in any::<bool>()) {
        value_holds(&ty, &bytes, binary);
    }

    #[test]
    fn any_copy(which in 0_usize..3, bytes in a_copy()) {
        copy_all(formats()[which].clone(), &bytes);
    }
}
