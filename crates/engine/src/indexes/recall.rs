//! How much of the exact answer an index finds, measured on the rows there are.

use crate::engine::Engine;
use crate::read::TableRead;
use crate::{
    Error, IndexDef, KnnRequest, Result, RowAddr, SearchMode, SystemSlice, Table, TimeSlice,
    ValidSlice,
};
use cvx_core::CancelToken;
use cvx_index::Room;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows whose neighbours are looked for, and how many.
const SAMPLES: usize = 50;
const K: usize = 10;

impl Engine {
    /// Recall@10 of a column's index at an effort: of the ten rows nearest to some fifty rows of
    /// the table, themselves left out, the share that the index finds. 1 where there is no row.
    pub fn measure_recall(
        self: &Arc<Self>,
        table: &Arc<Table>,
        column: u16,
        ef: usize,
        cancel: &CancelToken,
    ) -> Result<f64> {
        let index =
            table.indexes.iter().find(|index| index.column == column && index.answers().is_some());
        let index = index.ok_or_else(|| Error::Invalid("the column has no index".to_owned()))?;
        let read = self.begin().read(table)?;
        let (mut found, mut wanted) = (0, 0);
        let dim = table.column_by_id(column).and_then(crate::ColumnDef::dimension).unwrap_or(0);
        for (addr, query) in samples(&read, column, dim) {
            let ask = |search| nearest(&read, index, (&addr, &query), search, cancel);
            let exact = ask(SearchMode::Exact)?;
            wanted += exact.len();
            found += ask(SearchMode::Index { ef })?.intersection(&exact).count();
        }
        let recall = if wanted == 0 { 1.0 } else { f64::from(found as u32) / wanted as f64 };
        self.core().indexes.recall.lock().insert(index.oid, recall);
        Ok(recall)
    }
}

/// Rows with vectors, evenly spread over the segments.
fn samples(read: &TableRead, column: u16, dim: usize) -> Vec<(RowAddr, Vec<f32>)> {
    let segments: Vec<_> = read.0.segments().collect();
    let rows: usize = segments.iter().map(|segment| segment.rows()).sum();
    let step = rows.div_ceil(SAMPLES).max(1);
    let (mut samples, mut next, mut passed, mut room) = (Vec::new(), 0, 0, Room::default());
    for segment in segments {
        let block = segment.block(column, dim);
        while next < passed + segment.rows() {
            let row = next - passed;
            if let Some(vector) = block.as_ref().and_then(|block| block.vector(row, &mut room)) {
                samples.push((segment.addr(row), vector.to_vec()));
            }
            next += step;
        }
        passed += segment.rows();
    }
    samples
}

fn nearest(
    read: &TableRead,
    index: &IndexDef,
    (addr, query): (&RowAddr, &[f32]),
    search: SearchMode,
    cancel: &CancelToken,
) -> Result<HashSet<RowAddr>> {
    let Some(metric) = index.answers() else { return Ok(HashSet::new()) };
    let request = KnnRequest {
        column: index.column,
        query,
        metric,
        k: K + 1,
        composite: None,
        slice: TimeSlice { valid: ValidSlice::All, system: SystemSlice::Current },
        entities: None,
        ts_from: None,
        ts_to: None,
        filter: None,
        search,
        cancel,
    };
    let answer = read.knn(&request)?;
    let others = answer.rows.into_iter().map(|(_, found)| found).filter(|found| found != addr);
    Ok(others.take(K).collect())
}
