//! How wide walks of a graph must be, seen on rows of its own.
//!
//! One effort finds 0.99 of what is near in rows that lie in clusters, 0.94 where they lie on a
//! smooth manifold, and 0.04 of rows without any structure, of which no walk finds enough that
//! costs less than looking at all of them. So when a graph is done, rows of its own are looked for
//! as a search does, each hidden from its walk as if it had never been linked, and what is found is
//! compared with what all rows have. The least breadth that finds enough goes with the index; a
//! search multiplies its effort by it, and where there is none, sifts.
//!
//! I did consider to double a walk's width while it still finds nearer rows: such a walk cannot
//! tell rows that it never meets from rows that are not there.

use super::super::layer::Edges;
use super::{Builder, From, PROBED, Scratch, Ways};
use crate::segment::{BuildError, Lead, Space};

/// Rows that are looked for. What they find is 0.01 off by chance.
const PROBES: usize = 256;
/// Nodes below which all are met anyhow.
const NODES: usize = 1_024;
/// The share of the nearest that is to be found, as is promised of searches by the default effort.
/// A hidden row, which nothing leads past, is found a little worse than a query from outside.
const ENOUGH: f64 = 0.95;
/// Breadths that are tried, in sixteenths.
const TRIED: [u16; 10] = [16, 20, 24, 32, 48, 64, 96, 128, 192, 256];
/// Rows that all probes are compared with before the next: as many as lie in cache.
const AT_ONCE: usize = 512;

/// How many times as wide as others an index is to be walked, in sixteenths, so that it fits the
/// header of a file; none at all where no walk finds enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breadth(u16);

impl Default for Breadth {
    fn default() -> Self {
        Self(TRIED[0])
    }
}

impl Breadth {
    /// No walk finds enough.
    const ENDLESS: Self = Self(u16::MAX);

    pub(crate) fn times(self) -> f64 {
        if self == Self::ENDLESS { f64::INFINITY } else { f64::from(self.0) / f64::from(TRIED[0]) }
    }

    pub(crate) fn number(self) -> u16 {
        self.0
    }

    /// Of files that say nothing, once.
    pub(crate) fn numbered(number: u16) -> Self {
        Self(number.max(TRIED[0]))
    }
}

/// A graph that is done.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) edges: Edges<'a>,
    /// The rows that it has.
    pub(super) rows: &'a [u32],
    /// All rows: each is its own node.
    pub(super) every: &'a [u32],
    pub(super) ways: &'a Ways<'a>,
    pub(super) lead: Lead,
}

impl Builder<'_> {
    /// The least breadth that finds enough. Inner products and Poincaré's would say little: such a
    /// row is looked for among lifted rows, where a query is not.
    pub(super) fn breadth(&self, whole: &Whole<'_>) -> Result<Breadth, BuildError> {
        let rows = whole.rows;
        let lifted = matches!(self.options.space, Space::InnerProduct | Space::Poincare);
        if lifted || rows.len() < NODES {
            return Ok(Breadth::default());
        }
        let probes: Vec<u32> = rows.iter().step_by(rows.len() / PROBES).copied().collect();
        let bounds = self.bounds(&probes, rows)?;
        let wanted: Vec<(u32, f32)> = probes.into_iter().zip(bounds).collect();
        for breadth in TRIED {
            (self.go_on)()?;
            let width = self.options.width * usize::from(breadth) / usize::from(TRIED[0]);
            let found = self.map(&wanted, |scratch, (row, bound)| {
                self.found(scratch, whole, (*row, *bound), width)
            });
            let share = found.iter().sum::<usize>() as f64 / (PROBED * wanted.len()) as f64;
            if share >= ENOUGH {
                return Ok(Breadth(breadth));
            }
        }
        Ok(Breadth::ENDLESS)
    }

    /// How many of the nearest of a row a walk finds that does not meet the row itself.
    fn found(
        &self,
        scratch: &mut Scratch,
        whole: &Whole<'_>,
        (row, bound): (u32, f32),
        width: usize,
    ) -> usize {
        self.look_from(scratch, row);
        let starts = self.starts(scratch, whole.ways);
        let from = From { row, starts: &starts, hidden: Some(row) };
        let near = self.near(scratch, whole.edges, whole.every, from, (whole.lead, width));
        near.iter().take(PROBED).filter(|(distance, _)| *distance <= bound).count()
    }

    /// How far the last of the nearest of each probe lies, itself left out.
    fn bounds(&self, probes: &[u32], rows: &[u32]) -> Result<Vec<f32>, BuildError> {
        let mut nearest: Vec<Vec<f32>> = vec![Vec::new(); probes.len()];
        let some: Vec<&[u32]> = rows.chunks(AT_ONCE).collect();
        for some in some.chunks(AT_ONCE / 16) {
            (self.go_on)()?;
            for chunk in self.map(some, |scratch, rows| self.least_of(scratch, probes, rows)) {
                for (nearest, new) in nearest.iter_mut().zip(chunk) {
                    nearest.extend(new);
                    keep_least(nearest);
                }
            }
        }
        let last = |nearest: Vec<f32>| nearest.into_iter().fold(f32::NEG_INFINITY, f32::max);
        Ok(nearest.into_iter().map(last).collect())
    }

    /// The least distances from each probe to some rows.
    fn least_of(&self, scratch: &mut Scratch, probes: &[u32], rows: &[u32]) -> Vec<Vec<f32>> {
        let of_probe = |probe: &u32| {
            let others: Vec<u32> = rows.iter().copied().filter(|row| row != probe).collect();
            let mut distances = Vec::new();
            self.look_from(scratch, *probe);
            self.scores(scratch, &others, &mut distances);
            keep_least(&mut distances);
            distances
        };
        probes.iter().map(of_probe).collect()
    }
}

/// Keeps as many of the least as are looked for.
fn keep_least(distances: &mut Vec<f32>) {
    if distances.len() > PROBED {
        distances.select_nth_unstable_by(PROBED - 1, f32::total_cmp);
        distances.truncate(PROBED);
    }
}
