//! A data set of `benches/index/datasets.py`: rows in the order of time, cut as a table's segments
//! are, questions, and what is right.

use crate::npy::Array;
use anyhow::Result;
use cvx_index::{Block, Seqs, Vectors};
use std::ops::Range;
use std::path::Path;

/// Rows that are asked for.
pub const K: usize = 10;
pub const SEGMENT_ROWS: usize = 65_536;
/// Queries that `gt_comp.npy` answers, at most.
pub const COMPOSITE_QUERIES: usize = 200;

const TAU_DAYS: [f64; 3] = [7.0, 30.0, 365.0];
const ALPHAS: [f64; 7] = [1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0];

/// Scales of time and weights, and the number of each pair in `gt_comp.npy`.
pub fn composites() -> impl Iterator<Item = (usize, f64, f64)> {
    let pairs = TAU_DAYS.into_iter().flat_map(|tau| ALPHAS.map(|alpha| (tau, alpha)));
    pairs.enumerate().map(|(which, (tau_days, alpha))| (which, tau_days, alpha))
}

pub fn longs(dir: &Path, name: &str) -> Result<Vec<i64>> {
    Array::load(&dir.join(name))?.longs()
}

/// Rows, each of an entity of its own, and queries.
#[derive(Debug)]
pub struct Dataset {
    pub dim: usize,
    pub base: Vec<f32>,
    pub ts: Vec<i64>,
    pub entities: Vec<u64>,
    pub queries: Vec<f32>,
}

impl Dataset {
    pub fn load(dir: &Path) -> Result<Self> {
        let base = Array::load(&dir.join("base.npy"))?;
        let (dim, base) = (base.width()?, base.floats()?);
        let ts = longs(dir, "ts.npy")?;
        let queries = Array::load(&dir.join("query.npy"))?.floats()?;
        let entities = (0..ts.len() as u64).collect();
        Ok(Self { dim, base, ts, entities, queries })
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.ts.len()
    }

    #[must_use]
    pub fn query_count(&self) -> usize {
        self.queries.len() / self.dim
    }

    #[must_use]
    pub fn query(&self, number: usize) -> &[f32] {
        &self.queries[number * self.dim..][..self.dim]
    }

    pub fn segments(&self) -> impl Iterator<Item = Range<usize>> {
        let rows = self.rows();
        (0..rows).step_by(SEGMENT_ROWS).map(move |first| first..rows.min(first + SEGMENT_ROWS))
    }

    #[must_use]
    pub fn block(&self, rows: Range<usize>) -> Block<'_> {
        Block {
            dim: self.dim,
            vectors: Vectors::Floats(&self.base[rows.start * self.dim..rows.end * self.dim]),
            present: None,
            entities: &self.entities[rows.clone()],
            ts: &self.ts[rows],
            seqs: Seqs::One(1),
            time_ordered: true,
        }
    }
}

/// Right answers, so many to a query; -1 where there are fewer.
#[derive(Debug)]
pub struct Truth {
    width: usize,
    ids: Vec<i32>,
}

impl Truth {
    pub fn load(dir: &Path, name: &str) -> Result<Self> {
        let array = Array::load(&dir.join(name))?;
        Ok(Self { width: array.width()?, ids: array.ints()? })
    }

    pub fn of(&self, row: usize) -> impl Iterator<Item = i32> {
        self.ids[row * self.width..][..self.width.min(K)].iter().copied().filter(|id| *id >= 0)
    }
}
