//! The segments of a table, and how runs in memory are kept few.
//!
//! Each commit adds a run. Eight runs of one size class become one run of the next, up to
//! [`RUNS`], so there are O(log n) small runs and a row is copied O(log n) times before it is
//! sealed. Runs given to the sealer are frozen: they are neither merged nor changed in place
//! until their row file stands for them.

use crate::closure::Closures;
use crate::layout::Layout;
use crate::segment::Segment;
use crate::{Result, RowAddr};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use cvx_publish::copy_closures;
use cvx_storage::{ENTITY_COLUMN, SEQ_COLUMN, TS_COLUMN};
use std::sync::Arc;

/// Runs of one size class that become one.
const FAN_IN: usize = 8;

/// Runs that are left as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    rows: usize,
    bytes: usize,
}

/// Of a table.
const RUNS: Large = Large { rows: 8192, bytes: usize::MAX };
/// Of a transaction's own, which are merged once more when they leave it: a batch of a COPY is one.
pub(crate) const OWN_RUNS: Large = Large { rows: 512, bytes: 512 << 10 };

pub(crate) type SegmentList = cvx_publish::SegmentList<Segment>;

/// Merges runs while some size class has too many. `closures` says whether they have any.
pub(crate) fn tidy(runs: &mut Vec<Arc<Segment>>, layout: &Layout, closures: bool) -> Result<()> {
    tidy_below(RUNS, runs, layout, closures)
}

/// The same of runs that are less than large.
pub(crate) fn tidy_below(
    large: Large,
    runs: &mut Vec<Arc<Segment>>,
    layout: &Layout,
    closures: bool,
) -> Result<()> {
    while let Some(class) = crowded(runs, large) {
        let of_class = |run: &Arc<Segment>| size_class(run, large) == Some(class);
        let (merging, rest): (Vec<_>, Vec<_>) = runs.drain(..).partition(of_class);
        *runs = rest;
        runs.push(Arc::new(merge(&merging, layout, closures)?));
    }
    Ok(())
}

fn size_class(run: &Segment, large: Large) -> Option<u32> {
    let small = run.rows() < large.rows && run.bytes() < large.bytes;
    small.then(|| run.rows().max(1).ilog2() / 3)
}

fn crowded(runs: &[Arc<Segment>], large: Large) -> Option<u32> {
    let of_class = |run: &Arc<Segment>, class| size_class(run, large) == Some(class);
    let count = |class| runs.iter().filter(|run| of_class(run, class)).count();
    (0..=4).find(|class| count(*class) >= FAN_IN)
}

fn merge(runs: &[Arc<Segment>], layout: &Layout, closures: bool) -> Result<Segment> {
    let order = merged_order(runs);
    let batch = gather(runs, &order, layout)?;
    let closures = if closures { copy_closures(runs, &order) } else { Closures::open(0) };
    let merged = Segment::new(&batch, None, closures)?;
    merged.take_sketches(runs, &order);
    Ok(merged)
}

/// The rows of some runs in order of (ts, entity, seq), each as (run, row).
pub(crate) fn merged_order(runs: &[Arc<Segment>]) -> Vec<(usize, usize)> {
    let mut rows: Vec<_> = runs
        .iter()
        .enumerate()
        .flat_map(|(place, run)| {
            (0..run.rows())
                .map(move |row| ((run.ts[row], run.entities[row], run.seqs.get(row)), (place, row)))
        })
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, place)| place).collect()
}

/// Rows of several segments as one batch with key columns, in the order given.
pub(crate) fn gather(
    runs: &[Arc<Segment>],
    order: &[(usize, usize)],
    layout: &Layout,
) -> Result<RecordBatch> {
    let known = |id: u16| runs.iter().any(|run| run.column(id).is_some());
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (place, column) in layout.columns().iter().enumerate() {
        if known(column.id) {
            fields.push(Field::new(cvx_storage::column_name(column.id), column.ty.clone(), true));
            arrays.push(layout.interleave(place, runs, order)?);
        }
    }
    let keys = order.iter().map(|(run, row)| runs[*run].addr(*row));
    let keys: Vec<RowAddr> = keys.collect();
    push_keys(&keys, &mut fields, &mut arrays);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// Appends the key columns of rows with these addresses.
pub(crate) fn push_keys(keys: &[RowAddr], fields: &mut Vec<Field>, arrays: &mut Vec<ArrayRef>) {
    fields.push(Field::new(ENTITY_COLUMN, DataType::UInt64, false));
    arrays.push(Arc::new(keys.iter().map(|key| key.entity.0).collect::<UInt64Array>()));
    fields.push(Field::new(TS_COLUMN, DataType::Int64, false));
    arrays.push(Arc::new(keys.iter().map(|key| key.ts.0).collect::<Int64Array>()));
    fields.push(Field::new(SEQ_COLUMN, DataType::UInt64, false));
    arrays.push(Arc::new(keys.iter().map(|key| key.seq.0).collect::<UInt64Array>()));
}
