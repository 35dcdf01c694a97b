//! Rows that lie together, ordered by (ts, entity, seq): a run in memory or a mapped row file.
//!
//! The payload never changes. A stretch of time is a stretch of rows, found by binary search, and
//! so is an address. User columns are named `c<column id>` in storage and found by that id here; a
//! column that the segment does not have was added later and holds what ADD COLUMN said.

use crate::closure::Closures;
use crate::indexes::Sketches;
use crate::living::Living;
use crate::{Error, Result, RowAddr};
use arc_swap::ArcSwapOption;
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Float16Type, Float32Type, Int64Type, UInt64Type};
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_publish::Run;
use cvx_storage::{ENTITY_COLUMN, RowFileMeta, SEQ_COLUMN, TS_COLUMN, column_id};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The commits of a segment's rows.
#[derive(Clone, Debug)]
pub(crate) enum Seqs {
    One(u64),
    Each(ScalarBuffer<u64>),
}

impl Seqs {
    pub(crate) fn get(&self, row: usize) -> u64 {
        match self {
            Self::One(seq) => *seq,
            Self::Each(seqs) => seqs[row],
        }
    }

    fn bounds(&self) -> (u64, u64) {
        match self {
            Self::One(seq) => (*seq, *seq),
            Self::Each(seqs) => (
                seqs.iter().copied().min().unwrap_or(u64::MAX),
                seqs.iter().copied().max().unwrap_or(0),
            ),
        }
    }
}

/// The bits of a column's vectors that are not NULL; `None` if all are there.
type Present = Option<Vec<u64>>;

/// Rows in order of (ts, entity, seq).
#[derive(Debug)]
pub(crate) struct Segment {
    /// Names the segment in this process.
    pub(crate) number: u64,
    columns: Vec<(u16, ArrayRef, OnceLock<Present>)>,
    pub(crate) entities: ScalarBuffer<u64>,
    pub(crate) ts: ScalarBuffer<i64>,
    pub(crate) seqs: Seqs,
    pub(crate) seq_min: u64,
    pub(crate) seq_max: u64,
    /// Empty in segments of a transaction's own rows.
    pub(crate) closures: Closures,
    /// Which rows live when, of sealed segments; the indexer's thread keeps it.
    pub(crate) living: ArcSwapOption<Living>,
    /// Changes of the closures when that was last looked at.
    noticed: AtomicUsize,
    /// Codes of the rows, until an index has them; of all segments with this payload.
    pub(crate) sketches: Arc<Sketches>,
    /// The row file, of sealed segments.
    pub(crate) file: Option<RowFileMeta>,
    bytes: usize,
}

impl Run for Segment {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_sealed(&self) -> bool {
        self.file.is_some()
    }

    fn find(&self, addr: &RowAddr) -> Option<usize> {
        self.find(addr)
    }

    fn closures(&self) -> &Closures {
        &self.closures
    }
}

/// The vectors of one column of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) present: Option<&'a [u64]>,
}

impl Vectors<'_> {
    /// Whether a row's vector is not NULL.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.present.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1)
    }
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Segment {
    /// A segment of a batch that has the key columns. `seq` is the commit of all rows, where the
    /// batch's own column does not say it.
    pub(crate) fn new(batch: &RecordBatch, seq: Option<u64>, closures: Closures) -> Result<Self> {
        let (entities, ts) = (key::<UInt64Type>(batch, ENTITY_COLUMN)?, key_ts(batch)?);
        let seqs = match seq {
            Some(seq) => Seqs::One(seq),
            None => Seqs::Each(key::<UInt64Type>(batch, SEQ_COLUMN)?),
        };
        let (seq_min, seq_max) = seqs.bounds();
        let fields = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = fields.filter_map(|(field, array)| {
            Some((column_id(field.name())?, array.clone(), OnceLock::new()))
        });
        let mut columns: Vec<_> = columns.collect();
        columns.sort_unstable_by_key(|(id, _, _)| *id);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bytes = batch.get_array_memory_size();
        Ok(Self {
            number,
            columns,
            entities,
            ts,
            seqs,
            seq_min,
            seq_max,
            closures,
            living: ArcSwapOption::empty(),
            noticed: AtomicUsize::new(0),
            sketches: Arc::default(),
            file: None,
            bytes,
        })
    }

    /// A sealed segment: a row file's batch and its place in the manifest.
    pub(crate) fn sealed(
        batch: &RecordBatch,
        meta: RowFileMeta,
        closures: Closures,
    ) -> Result<Self> {
        let seq = meta.seq.map(|seq| seq.0);
        Ok(Self { file: Some(meta), ..Self::new(batch, seq, closures)? })
    }

    /// The same rows under one commit's sequence, nothing closed.
    pub(crate) fn committed(&self, seq: u64) -> Self {
        self.with(Some(seq), Closures::open(self.rows()))
    }

    /// The same rows with other closures, and under one commit where that is given.
    pub(crate) fn with(&self, seq: Option<u64>, closures: Closures) -> Self {
        let columns = self.columns.iter().map(|(id, a, _)| (*id, a.clone(), OnceLock::new()));
        let seqs = seq.map_or_else(|| self.seqs.clone(), Seqs::One);
        let (seq_min, seq_max) = seq.map_or((self.seq_min, self.seq_max), |seq| (seq, seq));
        let file = self
            .file
            .clone()
            .map(|meta| RowFileMeta { seq: seq.map(CommitSeq).or(meta.seq), ..meta });
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            columns: columns.collect(),
            entities: self.entities.clone(),
            ts: self.ts.clone(),
            seqs,
            seq_min,
            seq_max,
            closures,
            living: ArcSwapOption::empty(),
            noticed: AtomicUsize::new(0),
            sketches: Arc::clone(&self.sketches),
            file,
            bytes: self.bytes,
        }
    }

    /// Brings up to date which rows live when, with the closings up to a published commit: if much
    /// has happened since, or something has and nothing more lately.
    pub(crate) fn keep_living(&self, known: u64, temporal: bool) {
        let changes = self.closures.changes();
        let quiet = self.noticed.swap(changes, Ordering::Relaxed) == changes;
        let made = self.living.load().as_ref().map_or(0, |living| living.changes());
        let new = changes.saturating_sub(made);
        let due = new * 16 >= self.rows() || (quiet && new * 256 >= self.rows());
        if new > 0 && due && self.seq_max <= known {
            self.living.store(Some(Arc::new(Living::of(self, known, temporal))));
        }
    }

    /// Bytes of what is known about the ends of rows.
    pub(crate) fn closing_bytes(&self) -> usize {
        self.closures.bytes() + self.living.load().as_ref().map_or(0, |living| living.bytes())
    }

    pub(crate) fn rows(&self) -> usize {
        self.ts.len()
    }

    /// Bytes of the payload: in memory for runs, mapped for row files.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn ts_min(&self) -> i64 {
        self.ts.first().copied().unwrap_or(i64::MAX)
    }

    pub(crate) fn ts_max(&self) -> i64 {
        self.ts.last().copied().unwrap_or(i64::MIN)
    }

    pub(crate) fn column(&self, id: u16) -> Option<&ArrayRef> {
        let place = self.columns.binary_search_by_key(&id, |(id, _, _)| *id).ok()?;
        self.columns.get(place).map(|(_, array, _)| array)
    }

    /// The vectors of a column, if the segment has it and it holds vectors.
    pub(crate) fn vectors(&self, id: u16) -> Option<Vectors<'_>> {
        let (list, present) = self.list(id)?;
        let values = list.values().as_primitive_opt::<Float32Type>()?.values();
        Some(Vectors { values, present })
    }

    /// The vector in a row, if the segment has the column and it is not NULL there.
    pub(crate) fn vector(&self, id: u16, row: usize) -> Option<&[f32]> {
        let vectors = self.vectors(id).filter(|vectors| vectors.has(row))?;
        let dim = vectors.values.len() / self.rows();
        vectors.values.get(row * dim..(row + 1) * dim)
    }

    /// A column of lists of one length, and which rows of it are not NULL.
    fn list(&self, id: u16) -> Option<(&FixedSizeListArray, Option<&[u64]>)> {
        let place = self.columns.binary_search_by_key(&id, |(id, _, _)| *id).ok()?;
        let (_, array, present) = self.columns.get(place)?;
        let list = array.as_fixed_size_list_opt()?;
        Some((list, present.get_or_init(|| present_bits(list)).as_deref()))
    }

    /// The rows with the vectors or half vectors of a column, as searches see them.
    pub(crate) fn block(&self, id: u16, dim: usize) -> Option<cvx_index::Block<'_>> {
        let (list, present) = self.list(id)?;
        let seqs = match &self.seqs {
            Seqs::One(seq) => cvx_index::Seqs::One(*seq),
            Seqs::Each(seqs) => cvx_index::Seqs::Each(seqs),
        };
        let (entities, ts) = (&self.entities[..], &self.ts[..]);
        Some(cvx_index::Block {
            dim,
            vectors: numbers(list)?,
            present,
            entities,
            ts,
            seqs,
            time_ordered: true,
        })
    }

    pub(crate) fn addr(&self, row: usize) -> RowAddr {
        RowAddr {
            entity: EntityId(self.entities[row]),
            ts: ValidTime(self.ts[row]),
            seq: CommitSeq(self.seqs.get(row)),
        }
    }

    /// The row with this address.
    pub(crate) fn find(&self, addr: &RowAddr) -> Option<usize> {
        self.find_in(addr, 0..self.rows())
    }

    /// As [`Self::find`], where the row is likely to lie not far behind another.
    pub(crate) fn find_near(&self, addr: &RowAddr, row: usize) -> Option<usize> {
        let wanted = key_of(addr);
        if row >= self.rows() || self.key(row) >= wanted {
            return self.find(addr);
        }
        let (mut low, mut step) = (row + 1, 1);
        while low + step <= self.rows() && self.key(low + step - 1) < wanted {
            low += step;
            step *= 2;
        }
        self.find_in(addr, low..(low + step).min(self.rows()))
    }

    fn find_in(&self, addr: &RowAddr, rows: Range<usize>) -> Option<usize> {
        if addr.ts.0 < self.ts_min() || addr.ts.0 > self.ts_max() {
            return None;
        }
        if addr.seq.0 < self.seq_min || addr.seq.0 > self.seq_max {
            return None;
        }
        let wanted = key_of(addr);
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.key(middle).cmp(&wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// What rows are ordered by.
    fn key(&self, row: usize) -> (i64, u64, u64) {
        (self.ts[row], self.entities[row], self.seqs.get(row))
    }

    /// The rows whose ts lies in a closed range.
    pub(crate) fn within(&self, first: i64, last: i64) -> Range<usize> {
        if first > last {
            return 0..0;
        }
        // Of most searches no bound, and no search for it.
        if self.ts.first() >= Some(&first) && self.ts.last() <= Some(&last) {
            return 0..self.ts.len();
        }
        let start = self.ts.partition_point(|ts| *ts < first);
        let end = self.ts.partition_point(|ts| *ts <= last);
        start..end.max(start)
    }

    /// Whether rows are in their order, each address once. Checked where bytes come from disk.
    pub(crate) fn is_ordered(&self) -> bool {
        (1..self.rows()).all(|row| self.key(row - 1) < self.key(row))
    }
}

fn key_of(addr: &RowAddr) -> (i64, u64, u64) {
    (addr.ts.0, addr.entity.0, addr.seq.0)
}

fn key<T: arrow::datatypes::ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
) -> Result<ScalarBuffer<T::Native>> {
    let column = batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<T>());
    let column = column.filter(|array| array.null_count() == 0);
    let lost = || Error::Corrupt(format!("a batch of rows without its key column {name}"));
    Ok(column.ok_or_else(lost)?.values().clone())
}

fn key_ts(batch: &RecordBatch) -> Result<ScalarBuffer<i64>> {
    key::<Int64Type>(batch, TS_COLUMN)
}

/// The numbers of vectors or half vectors.
pub(crate) fn numbers(list: &FixedSizeListArray) -> Option<cvx_index::Vectors<'_>> {
    let values = list.values();
    if let Some(floats) = values.as_primitive_opt::<Float32Type>() {
        return Some(cvx_index::Vectors::Floats(floats.values()));
    }
    let halves = values.as_primitive_opt::<Float16Type>()?;
    Some(cvx_index::Vectors::Halves(halves.values().inner().typed_data::<u16>()))
}

fn present_bits(array: &dyn Array) -> Present {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0)?;
    let mut words = vec![0u64; nulls.len().div_ceil(64)];
    for row in nulls.valid_indices() {
        words[row / 64] |= 1 << (row % 64);
    }
    Some(words)
}
