//! Entities seen at two moments, row by row.

use super::given::keys;
use super::source::Snapshot;
use crate::error::from_analytics;
use cvx_analytics::Rows;
use cvx_types::Result;
use std::collections::HashMap;

/// The rows of two snapshots: those of the same entities first, in one order, the others behind.
#[derive(Debug)]
pub(super) struct Shared {
    before: Vec<f32>,
    after: Vec<f32>,
    dim: usize,
    /// Rows of the first snapshot and of the second that are of one entity.
    pub(super) pairs: Vec<(usize, usize)>,
}

impl Shared {
    /// Only the entities seen at both.
    pub(super) fn of(before: &Snapshot, after: &Snapshot) -> Result<Self> {
        let pairs = pairs(before, after)?;
        let dim = before.points.dim.max(after.points.dim).max(1);
        let rows = |snapshot: &Snapshot, of: fn(&(usize, usize)) -> usize| {
            pairs.iter().flat_map(|pair| snapshot.row(of(pair)).to_vec()).collect()
        };
        let (first, second) = (rows(before, |pair| pair.0), rows(after, |pair| pair.1));
        Ok(Self { before: first, after: second, dim, pairs })
    }

    /// All entities, those seen at both first.
    pub(super) fn with_others(before: &Snapshot, after: &Snapshot) -> Result<Self> {
        let mut all = Self::of(before, after)?;
        let (firsts, seconds): (Vec<usize>, Vec<usize>) = all.pairs.iter().copied().unzip();
        all.before.extend(others(before, &firsts));
        all.after.extend(others(after, &seconds));
        Ok(all)
    }

    pub(super) fn before(&self) -> Result<Rows<'_>> {
        Rows::new(&self.before, self.dim).map_err(from_analytics)
    }

    pub(super) fn after(&self) -> Result<Rows<'_>> {
        Rows::new(&self.after, self.dim).map_err(from_analytics)
    }
}

fn others(snapshot: &Snapshot, shared: &[usize]) -> Vec<f32> {
    let mut is_shared = vec![false; snapshot.points.ts_us.len()];
    shared.iter().for_each(|row| is_shared[*row] = true);
    let alone = (0..is_shared.len()).filter(|row| !is_shared[*row]);
    alone.flat_map(|row| snapshot.row(row).to_vec()).collect()
}

fn pairs(before: &Snapshot, after: &Snapshot) -> Result<Vec<(usize, usize)>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (row, key) in keys(&after.entities)?.into_iter().enumerate() {
        places.extend(key.map(|key| (key, row)));
    }
    let firsts = keys(&before.entities)?.into_iter().enumerate();
    Ok(firsts.filter_map(|(row, key)| Some((row, *places.get(&key?)?))).collect())
}
