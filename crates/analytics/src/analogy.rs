//! Who held the place: the entities nearest, at one time, to where an entity stood at another.
//!
//! ```text
//!   at t_ref      place of the entity ---- the space moved meanwhile ---->  place at t_target
//!                                          none        x
//!                                          mean        x + (mean_target - mean_ref)
//!                                          procrustes  (x - mean_ref) R + mean_target
//! ```
//!
//! Who was to 1990 what Reagan was to 1981 (Szymanski 2017; Hamilton, Leskovec and Jurafsky 2016,
//! who align by Procrustes). If all entities moved together, the place moved with them: the
//! entities seen at both times say how. *Mean* follows a common shift, *procrustes* a turn as well,
//! which wants more shared entities than dimensions to be trusted.

use cvx_core::distance::Query;
use cvx_core::{CancelToken, Metric};

use crate::procrustes::{Origin, procrustes};
use crate::rows::same_dimension;
use crate::{Error, Rows};

/// How a place is carried from one time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    None,
    Mean,
    Procrustes,
}

/// One who holds a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holder {
    /// Which of the candidates.
    pub row: usize,
    /// From the place, in the metric.
    pub distance: f64,
}

/// Where a place lies at the target time, told by the entities seen at both: row by row the same
/// ones. They are not looked at under [`Align::None`].
pub fn carried(
    place: &[f32],
    shared_ref: &Rows<'_>,
    shared_target: &Rows<'_>,
    align: Align,
    stop: &CancelToken,
) -> Result<Vec<f32>, Error> {
    if align == Align::None {
        return Ok(place.to_vec());
    }
    same_dimension(place.len(), shared_ref.dim())?;
    same_dimension(place.len(), shared_target.dim())?;
    if shared_ref.is_empty() || shared_target.is_empty() {
        return Err(Error::InsufficientData { needed: 1, have: 0 });
    }
    let carried = match align {
        Align::None | Align::Mean => {
            let shift = shared_target.mean().into_iter().zip(shared_ref.mean());
            place.iter().zip(shift).map(|(x, (to, from))| f64::from(*x) + to - from).collect()
        }
        Align::Procrustes => {
            procrustes(shared_ref, shared_target, Origin::Moved, stop)?.apply(place)?
        }
    };
    Ok(carried.into_iter().map(|x: f64| x as f32).collect())
}

/// The `k` candidates nearest to a place, nearest first, ties by row. Candidates without a
/// distance (zero vectors under cosine) hold no place.
pub fn holders(
    place: &[f32],
    candidates: &Rows<'_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Holder>, Error> {
    if k == 0 {
        return Err(Error::Invalid("k is at least 1"));
    }
    same_dimension(place.len(), candidates.dim())?;
    let mut distances = vec![0.0; candidates.len()];
    Query::new(metric, place)?.distances(candidates.values(), &mut distances)?;
    let ranked = distances.into_iter().enumerate();
    let mut ranked: Vec<Holder> = ranked.map(|(row, distance)| Holder { row, distance }).collect();
    ranked.retain(|holder| !holder.distance.is_nan());
    if ranked.is_empty() && !candidates.is_empty() {
        return Err(Error::Undetermined("a zero vector has no direction"));
    }
    ranked.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
    ranked.truncate(k);
    Ok(ranked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulated::noise;

    const DIM: usize = 4;

    fn cloud(rows: usize, seed: u64) -> Vec<f32> {
        noise(seed).take(rows * DIM).map(|v| v as f32).collect()
    }

    fn who(place: &[f32], before: &[f32], after: &[f32], align: Align) -> usize {
        let (before, after) = (Rows::new(before, DIM).unwrap(), Rows::new(after, DIM).unwrap());
        let place = carried(place, &before, &after, align, &CancelToken::default()).unwrap();
        holders(&place, &after, 1, Metric::L2).unwrap()[0].row
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        /// Whoever stood there is found again if all moved together.
        #[test]
        fn a_common_motion_is_seen_through(seed in 0..10_000u64, who_at in 0..40usize) {
            let before = cloud(40, seed);
            let place = before[who_at * DIM..][..DIM].to_vec();
            let moved: Vec<f32> = before.iter().map(|v| v + 3.0).collect();
            prop_assert_eq!(who(&place, &before, &moved, Align::Mean), who_at);
            // A turn of the axes, each into the next, and a shift.
            let turned: Vec<f32> = before
                .chunks(DIM)
                .flat_map(|v| [-v[3] + 1.0, v[0] - 2.0, v[1], v[2] + 5.0])
                .collect();
            prop_assert_eq!(who(&place, &before, &turned, Align::Procrustes), who_at);
            prop_assert_eq!(who(&place, &before, &before, Align::None), who_at);
        }
    }

    #[test]
    fn nearest_first_and_ties_by_row() {
        let candidates = Rows::new(&[2.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2).unwrap();
        let found = holders(&[0.0, 0.0], &candidates, 5, Metric::L2).unwrap();
        let rows: Vec<usize> = found.iter().map(|holder| holder.row).collect();
        assert_eq!(rows, [1, 2, 0]);
    }

    #[test]
    fn what_has_no_holder_is_an_error() {
        let candidates = Rows::new(&[1.0, 0.0], 2).unwrap();
        let none = Rows::new(&[], 2).unwrap();
        let ask = |k, place: &[f32]| holders(place, &candidates, k, Metric::Cosine);
        assert!(matches!(ask(0, &[1.0, 0.0]), Err(Error::Invalid(_))));
        assert!(matches!(ask(1, &[0.0, 0.0]), Err(Error::Undetermined(_))));
        assert!(matches!(ask(1, &[1.0]), Err(Error::Distance(_))));
        assert_eq!(holders(&[1.0, 0.0], &none, 1, Metric::L2), Ok(vec![]));
        let stop = CancelToken::default();
        let lost = carried(&[1.0, 0.0], &none, &none, Align::Mean, &stop);
        assert_eq!(lost, Err(Error::InsufficientData { needed: 1, have: 0 }));
    }
}
