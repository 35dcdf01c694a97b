//! What several tests share.

use crate::encode::{ENTITY_COLUMN, SEQ_COLUMN, TS_COLUMN};
use crate::options::StoreOptions;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type, IntervalMonthDayNano};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};
use tempfile::TempDir;

/// Small enough that a test reaches every bound.
pub(crate) fn small_options() -> StoreOptions {
    StoreOptions {
        write_buffer_bytes: 1 << 20,
        block_cache_bytes: 1 << 20,
        wal_bytes_max: 4 << 20,
        ..StoreOptions::default()
    }
}

/// The directory of an open store as a kill at this moment leaves it: copied again until nothing
/// in it changed during the copy.
pub(crate) fn crash_image(dir: &Path) -> TempDir {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let image = tempfile::tempdir().unwrap();
        let before = listing(dir);
        let copied = try_copy(dir, image.path());
        if copied.is_ok() && before.is_ok_and(|before| listing(dir).is_ok_and(|now| now == before))
        {
            return image;
        }
        assert!(Instant::now() < until, "the directory does not come to rest: {copied:?}");
    }
}

/// Copies a directory in which nothing changes.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    try_copy(from, to).unwrap();
}

fn try_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            try_copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Every path below, with length and time of change.
fn listing(dir: &Path) -> io::Result<Vec<(PathBuf, u64, SystemTime)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let about = entry.metadata()?;
        found.push((entry.path(), about.len(), about.modified()?));
        if about.is_dir() {
            found.extend(listing(&entry.path())?);
        }
    }
    found.sort();
    Ok(found)
}

/// SplitMix64: numbers for batches, repeatable from the seed that a failing property prints.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn float(&mut self) -> f32 {
        (self.below(2_000_001) as f32 - 1e6) / 1e6
    }

    /// NULL one time in four.
    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.below(4) == 0 { None } else { Some(make(self)) }
    }

    fn column<T>(&mut self, rows: usize, make: impl Fn(&mut Self) -> T) -> Vec<Option<T>> {
        (0..rows).map(|_| self.maybe(&make)).collect()
    }

    fn text(&mut self) -> String {
        let words = ["", "a", "Grüße", "向量", "\u{0}", "drift and break", "🦀"];
        words[self.below(words.len() as u64) as usize].to_owned()
    }
}

/// Rows of every type a table may have, NULLs among them, under random keys.
pub(crate) fn random_batch(seed: u64, rows: usize) -> RecordBatch {
    let mut random = Random(seed);
    let mut columns = scalar_columns(&mut random, rows);
    columns.extend(nested_columns(&mut random, rows));
    let named = columns.into_iter().enumerate();
    let mut columns: Vec<(String, ArrayRef, bool)> =
        named.map(|(id, array)| (format!("c{}", 3 * id + 1), array, true)).collect();
    let entities = (0..rows).map(|_| random.below(5)).collect::<Vec<u64>>();
    let ts = (0..rows).map(|_| random.next().cast_signed()).collect::<Vec<i64>>();
    let seqs = (0..rows).map(|_| random.below(1000)).collect::<Vec<u64>>();
    columns.push((ENTITY_COLUMN.to_owned(), Arc::new(UInt64Array::from(entities)), false));
    columns.push((TS_COLUMN.to_owned(), Arc::new(Int64Array::from(ts)), false));
    columns.push((SEQ_COLUMN.to_owned(), Arc::new(UInt64Array::from(seqs)), false));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn scalar_columns(r: &mut Random, rows: usize) -> Vec<ArrayRef> {
    let signed = |r: &mut Random| r.next().cast_signed();
    let timestamps = r.column(rows, signed);
    vec![
        Arc::new(BooleanArray::from(r.column(rows, |r| r.below(2) == 0))),
        Arc::new(Int16Array::from(r.column(rows, |r| signed(r) as i16))),
        Arc::new(Int32Array::from(r.column(rows, |r| signed(r) as i32))),
        Arc::new(Int64Array::from(r.column(rows, signed))),
        Arc::new(Float32Array::from(r.column(rows, Random::float))),
        Arc::new(Float64Array::from(r.column(rows, |r| f64::from(r.float())))),
        Arc::new(
            Decimal128Array::from(r.column(rows, |r| i128::from(signed(r)) << 20))
                .with_data_type(DataType::Decimal128(38, 10)),
        ),
        Arc::new(StringArray::from(r.column(rows, Random::text))),
        Arc::new(BinaryArray::from_iter(r.column(rows, |r| r.next().to_le_bytes()))),
        Arc::new(Date32Array::from(r.column(rows, |r| signed(r) as i32))),
        Arc::new(Time64MicrosecondArray::from(r.column(rows, |r| r.below(1 << 36) as i64))),
        Arc::new(TimestampMicrosecondArray::from(timestamps.clone())),
        Arc::new(TimestampMicrosecondArray::from(timestamps).with_timezone("UTC")),
        Arc::new(IntervalMonthDayNanoArray::from(r.column(rows, |r| {
            IntervalMonthDayNano::new(signed(r) as i32, signed(r) as i32, signed(r))
        }))),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                r.column(rows, |r| [r.next().to_le_bytes(), r.next().to_le_bytes()].concat())
                    .into_iter(),
                16,
            )
            .unwrap(),
        ),
    ]
}

fn nested_columns(r: &mut Random, rows: usize) -> Vec<ArrayRef> {
    let element = Arc::new(Field::new("item", DataType::Float32, false));
    let floats: Vec<f32> = (0..rows * 5).map(|_| r.float()).collect();
    let valid: Vec<bool> = (0..rows).map(|_| r.below(4) != 0).collect();
    let vectors = FixedSizeListArray::new(
        element,
        5,
        Arc::new(Float32Array::from(floats)),
        Some(NullBuffer::from(valid)),
    );
    let ints = r.column(rows, |r| {
        let length = r.below(4) as usize;
        r.column(length, |r| r.next() as i32)
    });
    let floats = r.column(rows, |r| {
        let length = r.below(4) as usize;
        r.column(length, Random::float)
    });
    vec![
        Arc::new(vectors),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(ints)),
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(floats)),
    ]
}
