//! Can a point's moment be guessed from its vector? The area under the curve of a linear
//! classifier.
//!
//! Fisher's discriminant (1936), the direction `w = (S + r I)^-1 (m_after - m_before)` with S the
//! scatter about both means and r a hundredth of its mean eigenvalue (shrinkage, for hundreds of
//! dimensions and few rows). The system is solved by conjugate gradients on the rows, so S is never
//! made. Entities are cut into halves by a seed; each half is scored by the direction that the
//! other gave, and the two areas (Mann and Whitney 1947, ties count half) are averaged.
//!
//! 0.5 is a guess by coin, 1 tells every point's moment. Ben-David and others 2007 use the same
//! idea as a distance of domains. It sees shifts along a line; a change of spread alone it does not
//! see, while [`mmd`](super::mmd) does.

use super::Cohort;
use crate::{Error, seeded};

const SHRINKAGE: f64 = 0.01;
const ROUNDS_MAX: usize = 50;
const ARRIVED: f64 = 1e-6;
/// Fewest rows at each moment: two in each half.
const ROWS_MIN: usize = 4;

/// The cross-validated area, 0 to 1. Needs four rows at each moment.
pub fn classifier_auc(cohort: &Cohort<'_>, seed: u64) -> Result<f64, Error> {
    cohort.check(ROWS_MIN)?;
    let halves = halves(cohort, seed);
    let areas = [(0, 1), (1, 0)]
        .map(|(learnt, judged)| area(&halves[judged], &discriminant(&halves[learnt])));
    Ok(f64::midpoint(areas[0], areas[1]))
}

/// Rows before and after.
struct Half<'a>([Vec<&'a [f32]>; 2]);

/// Pairs stay together; those alone are cut on each side.
fn halves<'a>(cohort: &Cohort<'a>, seed: u64) -> [Half<'a>; 2] {
    let mut rng = seeded::rng(seed);
    let mut halves = [Half([vec![], vec![]]), Half([vec![], vec![]])];
    let pairs = cohort.paired();
    let mut entities: Vec<usize> = (0..pairs).collect();
    seeded::shuffle(&mut entities, &mut rng);
    for (at, entity) in entities.into_iter().enumerate() {
        halves[at % 2].0[0].push(cohort.before().row(entity));
        halves[at % 2].0[1].push(cohort.after().row(entity));
    }
    for (side, rows) in [cohort.before(), cohort.after()].into_iter().enumerate() {
        let mut alone: Vec<usize> = (pairs..rows.len()).collect();
        seeded::shuffle(&mut alone, &mut rng);
        for (at, row) in alone.into_iter().enumerate() {
            halves[(at + pairs) % 2].0[side].push(rows.row(row));
        }
    }
    halves
}

fn discriminant(half: &Half<'_>) -> Vec<f64> {
    let means = [0, 1].map(|side| mean(&half.0[side]));
    let goal: Vec<f64> = means[1].iter().zip(&means[0]).map(|(after, b)| after - b).collect();
    let scatter = Scatter::about(half, &means);
    // Without any spread the means are all there is.
    if scatter.ridge == 0.0 { goal } else { conjugate_gradients(&scatter, goal) }
}

fn mean(rows: &[&[f32]]) -> Vec<f64> {
    let mut mean = vec![0.0; rows.first().map_or(0, |row| row.len())];
    for row in rows {
        add(&mut mean, row.iter().copied().map(f64::from), 1.0 / rows.len() as f64);
    }
    mean
}

fn add(sum: &mut [f64], values: impl Iterator<Item = f64>, times: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += times * value;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `S + r I` as a function on vectors.
struct Scatter {
    centred: Vec<Vec<f32>>,
    ridge: f64,
}

impl Scatter {
    fn about(half: &Half<'_>, means: &[Vec<f64>; 2]) -> Self {
        let centre = |(rows, mean): (&Vec<&[f32]>, &Vec<f64>)| -> Vec<Vec<f32>> {
            let less = |row: &[f32]| {
                row.iter().zip(mean).map(|(v, m)| (f64::from(*v) - m) as f32).collect()
            };
            rows.iter().map(|row| less(row)).collect()
        };
        let centred: Vec<Vec<f32>> = half.0.iter().zip(means).flat_map(centre).collect();
        let square = |row: &Vec<f32>| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let total: f64 = centred.iter().map(square).sum();
        let ridge = SHRINKAGE * total / (centred.len() * means[0].len()) as f64;
        Self { centred, ridge }
    }

    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let mut product: Vec<f64> = vector.iter().map(|v| v * self.ridge).collect();
        for row in &self.centred {
            let along: f64 = row.iter().zip(vector).map(|(r, v)| f64::from(*r) * v).sum();
            let share = along / self.centred.len() as f64;
            add(&mut product, row.iter().copied().map(f64::from), share);
        }
        product
    }
}

/// Hestenes and Stiefel 1952.
fn conjugate_gradients(matrix: &Scatter, goal: Vec<f64>) -> Vec<f64> {
    let mut found = vec![0.0; goal.len()];
    let mut left = goal;
    let mut direction = left.clone();
    let mut square = dot(&left, &left);
    let enough = square * ARRIVED * ARRIVED;
    for _ in 0..ROUNDS_MAX {
        if square <= enough {
            break;
        }
        let product = matrix.times(&direction);
        let step = square / dot(&direction, &product);
        add(&mut found, direction.iter().copied(), step);
        add(&mut left, product.into_iter(), -step);
        let next = dot(&left, &left);
        for (along, left) in direction.iter_mut().zip(&left) {
            *along = left + next / square * *along;
        }
        square = next;
    }
    found
}

/// The probability that a point after scores above one before.
fn area(half: &Half<'_>, direction: &[f64]) -> f64 {
    let score = |row: &&[f32]| row.iter().zip(direction).map(|(v, d)| f64::from(*v) * d).sum();
    let [mut before, after] =
        [0, 1].map(|side| half.0[side].iter().map(score).collect::<Vec<f64>>());
    before.sort_by(f64::total_cmp);
    let wins = |score: &f64| {
        let below = before.partition_point(|other| other < score);
        let not_above = before.partition_point(|other| other <= score);
        f64::midpoint(below as f64, not_above as f64)
    };
    after.iter().map(wins).sum::<f64>() / (before.len() * after.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;
    use crate::simulated::noise;

    fn auc(rows: usize, dim: usize, shift: f64, paired: bool, seed: u64) -> f64 {
        let before: Vec<f32> = noise(seed).take(rows * dim).map(|v| v as f32).collect();
        let fresh = noise(seed + 1).take(rows * dim);
        let after: Vec<f32> = if paired {
            before.iter().zip(fresh).map(|(b, e)| b + (shift + 0.1 * e) as f32).collect()
        } else {
            fresh.map(|v| (v + shift) as f32).collect()
        };
        let (before, after) = (Rows::new(&before, dim).unwrap(), Rows::new(&after, dim).unwrap());
        let cohort = Cohort::new(before, after, if paired { rows } else { 0 }).unwrap();
        classifier_auc(&cohort, seed).unwrap()
    }

    /// Two normal clouds at a distance of d deviations: the best area is Phi(d / sqrt 2).
    #[test]
    fn a_shift_is_guessed_as_well_as_theory_allows() {
        let found = auc(3_000, 4, 0.5, false, 1);
        // d = 1: Phi(0.7071) = 0.7602.
        assert!((found - 0.7602).abs() < 0.02, "{found}");
        assert!(auc(300, 16, 2.0, false, 1) > 0.99);
    }

    #[test]
    fn no_change_is_a_coin() {
        let mean = (0..20).map(|seed| auc(100, 50, 0.0, false, seed)).sum::<f64>() / 20.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        let mean = (0..20).map(|seed| auc(100, 50, 0.0, true, seed)).sum::<f64>() / 20.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn the_edges() {
        let rows = |values: &'static [f32]| Rows::new(values, 1).unwrap();
        let few = Cohort::new(rows(&[1.0; 3]), rows(&[2.0; 5]), 0).unwrap();
        let lacking = Error::InsufficientData { needed: 4, have: 3 };
        assert_eq!(classifier_auc(&few, 1), Err(lacking));
        let moved = Cohort::new(rows(&[1.0; 8]), rows(&[2.0; 8]), 0).unwrap();
        assert_eq!(classifier_auc(&moved, 1), Ok(1.0));
        let same = Cohort::new(rows(&[1.0; 8]), rows(&[1.0; 8]), 8).unwrap();
        assert_eq!(classifier_auc(&same, 1), Ok(0.5));
    }
}
