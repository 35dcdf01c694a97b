//! Codes of rows that have no index yet: of runs in memory, and of files until theirs is built.
//!
//! Whoever brings rows makes them, on its own thread and before they are seen, so a search that
//! sees the rows sifts their codes. Where runs become one, or a file, codes are copied. What came
//! without (small runs, rows found at start, rows older than the index) the indexer's thread makes.
//!
//! **Invariant.** A sketch is of the segment's rows in their order, whatever is known of their
//! ends. It lives as long as the rows' payload or until the index proper takes its place.

use crate::segment::Segment;
use crate::tail::SegmentList;
use crate::{ColumnDef, IndexDef, Table};
use arc_swap::ArcSwap;
use cvx_core::Metric;
use cvx_index::{SegmentIndex, gather_sketch, sketch_block};
use std::sync::Arc;

/// Rows below which comparing all takes about as long.
const ROWS: usize = 256;
/// Dimensions below which a row is hardly longer than its code.
const DIM: usize = 64;

/// The sketches of one segment, by index.
#[derive(Debug, Default)]
pub(crate) struct Sketches(ArcSwap<Vec<(u32, SegmentIndex)>>);

impl Sketches {
    pub(crate) fn get(&self, index: u32) -> Option<SegmentIndex> {
        let all = self.0.load();
        all.iter().find(|(of, _)| *of == index).map(|(_, sketch)| sketch.clone())
    }

    fn insert(&self, index: u32, sketch: &SegmentIndex) {
        self.0.rcu(|all| {
            let others = all.iter().filter(|(of, _)| *of != index).cloned();
            others.chain([(index, sketch.clone())]).collect::<Vec<_>>()
        });
    }

    /// Lets go of those that are not wanted.
    pub(super) fn retain(&self, wanted: impl Fn(u32) -> bool) {
        if self.0.load().iter().any(|(of, _)| !wanted(*of)) {
            self.0.rcu(|all| all.iter().filter(|(of, _)| wanted(*of)).cloned().collect::<Vec<_>>());
        }
    }

    pub(super) fn bytes_of(&self, index: u32) -> usize {
        self.get(index).map_or(0, |sketch| sketch.bytes())
    }
}

/// The indexes of a table that search by codes.
fn coded(table: &Table) -> impl Iterator<Item = (&IndexDef, Metric, usize)> {
    table.indexes.iter().filter_map(|def| {
        let dim = table.column_by_id(def.column).and_then(ColumnDef::dimension)?;
        Some((def, def.answers()?, dim)).filter(|_| dim >= DIM)
    })
}

/// Makes the sketches of new segments, around the centre of those that the table has.
pub(crate) fn sketch_new(table: &Table, new: &[&Segment], list: &SegmentList) {
    for (def, metric, dim) in coded(table) {
        // Small commits are many, and need not look through the table's segments for a centre.
        if !new.iter().any(|segment| segment.is_sketchy(def.oid)) {
            continue;
        }
        let of_list = list.iter().rev().map(|segment| &**segment);
        let mut like = of_list.chain(new.iter().copied()).find_map(|s| s.sketches.get(def.oid));
        for segment in new.iter().filter(|segment| segment.is_sketchy(def.oid)) {
            let made = segment.make_sketch(def, metric, dim, like.as_ref());
            like = like.or(made);
        }
    }
}

impl Segment {
    /// Whether an index could have a sketch of it, and has none.
    fn is_sketchy(&self, index: u32) -> bool {
        self.rows() >= ROWS && self.sketches.get(index).is_none()
    }

    fn make_sketch(
        &self,
        def: &IndexDef,
        metric: Metric,
        dim: usize,
        like: Option<&SegmentIndex>,
    ) -> Option<SegmentIndex> {
        let block = self.block(def.column, dim)?;
        match sketch_block(&block, metric, like) {
            Ok(sketch) => {
                self.sketches.insert(def.oid, &sketch);
                Some(sketch)
            }
            Err(error) => {
                tracing::warn!(%error, index = def.name, "rows that cannot be sketched");
                None
            }
        }
    }

    /// Copies the sketches of the segments that its rows come from, in the order given as
    /// (segment, row), if all have one and they go together.
    pub(crate) fn take_sketches(&self, from: &[Arc<Segment>], order: &[(usize, usize)]) {
        let Some(first) = from.first() else { return };
        for (index, _) in first.sketches.0.load().iter() {
            let all: Option<Vec<_>> = from.iter().map(|s| s.sketches.get(*index)).collect();
            if let Some(sketch) = all.and_then(|all| gather_sketch(&all, order)) {
                self.sketches.insert(*index, &sketch);
            }
        }
    }

    /// The sketches that an index proper does not make needless: made, or let go.
    pub(super) fn keep_sketches(
        &self,
        table: &Table,
        list: &SegmentList,
        has: impl Fn(u32) -> bool,
    ) {
        self.sketches.retain(|index| coded(table).any(|(def, ..)| def.oid == index) && !has(index));
        if coded(table).any(|(def, ..)| !has(def.oid) && self.is_sketchy(def.oid)) {
            sketch_new(table, &[self], list);
        }
    }
}
