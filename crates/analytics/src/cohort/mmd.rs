//! Are two populations the same distribution? Maximum mean discrepancy (Gretton and others 2012).
//!
//! ```text
//!   MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(x, y) = exp(-|x - y|^2 / (2 s^2))
//! ```
//!
//! zero if and only if they are. The estimate is the unbiased one (their equation 3; it may fall
//! below 0), s the median distance of pairs (a sample of 1,000). The p-value is that of a
//! permutation test: labels are exchanged within pairs and among those without a partner, and
//! `p = (1 + how many reach the observed) / (1 + permutations)`. It is exact for any sample size:
//! under the null, p <= x with probability at most x, whatever the statistic.
//!
//! Up to 2,000 rows all pairs are evaluated. Beyond, the kernel is that of 256 random frequencies
//! (Rahimi and Recht 2007; Zhao and Meng 2015 for this test): `k(x, y) = mean of cos w(x - y)`,
//! which is a kernel in its own right, so p stays exact; only the power is a little less. Then
//! 10,000 rows against 10,000 cost a matrix product instead of 200 million kernels, and 199
//! permutations another. Memory: the kernels of 2,000 rows, or the features of 512.
//!
//! I did consider the linear-time statistic (their section 6): it throws most pairs away, and its
//! power with them.

use cvx_core::CancelToken;
use cvx_core::distance::l2_squared;
use nalgebra::{DMatrix, DVector};
use rand_chacha::ChaCha8Rng;

use super::Cohort;
use crate::{Error, seeded};

/// The discrepancy of two populations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmd {
    /// The unbiased estimate of MMD^2; without a unit, at most 2.
    pub squared: f64,
    /// Of a discrepancy this large if the distributions are the same.
    pub p_value: f64,
    /// s, in units of the vectors.
    pub bandwidth: f64,
    /// All pairs were evaluated, rather than random features.
    pub all_pairs: bool,
}

const ALL_PAIRS_MAX: usize = 2_000;
const FREQUENCIES: usize = 256;
const BANDWIDTH_SAMPLE: usize = 1_000;
const CHUNK: usize = 512;

/// The test with so many permutations (199 are usual) by a seed. Needs two rows at each moment.
pub fn mmd(
    cohort: &Cohort<'_>,
    permutations: usize,
    seed: u64,
    stop: &CancelToken,
) -> Result<Mmd, Error> {
    cohort.check(2)?;
    if !(1..=100_000).contains(&permutations) {
        return Err(Error::Invalid("permutations: 1 to 100,000"));
    }
    let mut rng = seeded::rng(seed);
    let bandwidth = median_distance(cohort, &mut rng)?;
    let labels = Labels::draw(cohort, permutations, &mut rng);
    let all_pairs = cohort.len() <= ALL_PAIRS_MAX;
    let sums = if all_pairs {
        kernel_sums(cohort, bandwidth, &labels, stop)?
    } else {
        feature_sums(cohort, bandwidth, &labels, seed, stop)?
    };
    let (n, m) = (cohort.before().len() as f64, cohort.after().len() as f64);
    let statistic = |sums: &Sums| {
        sums.before / (n * (n - 1.0)) + sums.after / (m * (m - 1.0)) - 2.0 * sums.across / (n * m)
    };
    let squared = statistic(&sums[0]);
    // Equal up to rounding is as extreme as equal.
    let reached = sums[1..].iter().filter(|sums| statistic(sums) >= squared - 1e-12).count();
    let p_value = (reached + 1) as f64 / (permutations + 1) as f64;
    Ok(Mmd { squared, p_value, bandwidth, all_pairs })
}

/// Of pairs drawn at random from all rows.
fn median_distance(cohort: &Cohort<'_>, rng: &mut ChaCha8Rng) -> Result<f64, Error> {
    let mut squares = Vec::with_capacity(BANDWIDTH_SAMPLE);
    for _ in 0..BANDWIDTH_SAMPLE {
        let (a, b) = (seeded::below(cohort.len(), rng), seeded::below(cohort.len() - 1, rng));
        let b = if b >= a { b + 1 } else { b };
        squares.push(l2_squared(cohort.row(a), cohort.row(b))?);
    }
    squares.sort_by(f64::total_cmp);
    // Where half of the rows are copies, the median is of those that differ.
    let differ = squares.partition_point(|square| *square == 0.0);
    match squares[differ..].get((squares.len() - differ) / 2) {
        Some(square) => Ok(square.sqrt()),
        None => Err(Error::Undetermined("all vectors are equal")),
    }
}

/// Which rows count as *before*: one column a permutation, the first as it is; entries 1 or 0.
struct Labels(DMatrix<f32>);

impl Labels {
    fn draw(cohort: &Cohort<'_>, permutations: usize, rng: &mut ChaCha8Rng) -> Self {
        let (n, pairs) = (cohort.before().len(), cohort.paired());
        let mut labels = DMatrix::zeros(cohort.len(), permutations + 1);
        let mut alone: Vec<usize> = (pairs..n).chain(n + pairs..cohort.len()).collect();
        for (at, mut column) in labels.column_iter_mut().enumerate() {
            let observed = at == 0;
            for pair in 0..pairs {
                let swapped = !observed && seeded::coin(rng);
                column[if swapped { n + pair } else { pair }] = 1.0;
            }
            if !observed {
                seeded::shuffle(&mut alone, rng);
            }
            for row in &alone[..n - pairs] {
                column[*row] = 1.0;
            }
        }
        Self(labels)
    }
}

/// Sums of kernels over ordered pairs of different rows.
struct Sums {
    before: f64,
    after: f64,
    across: f64,
}

/// By all pairs: with K the kernels, the sum within a label l is l'Kl less the diagonal.
fn kernel_sums(
    cohort: &Cohort<'_>,
    bandwidth: f64,
    labels: &Labels,
    stop: &CancelToken,
) -> Result<Vec<Sums>, Error> {
    let rows = cohort.len();
    let mut kernels = DMatrix::<f32>::identity(rows, rows);
    for (at, row) in cohort.iter().enumerate() {
        go_on(stop)?;
        for other in 0..at {
            let square = l2_squared(row, cohort.row(other))?;
            let kernel = (-square / (2.0 * bandwidth * bandwidth)).exp() as f32;
            kernels[(at, other)] = kernel;
            kernels[(other, at)] = kernel;
        }
    }
    let total: f64 = kernels.iter().map(|kernel| f64::from(*kernel)).sum();
    let weighted = &kernels * &labels.0;
    let of = |(label, weighted): (DColumn<'_>, DColumn<'_>)| {
        let within = dot(&label, &weighted);
        let all = weighted.iter().map(|v| f64::from(*v)).sum::<f64>();
        let across = all - within;
        let n = label.iter().filter(|label| **label > 0.0).count() as f64;
        let after = total - within - 2.0 * across;
        Sums { before: within - n, after: after - (rows as f64 - n), across }
    };
    Ok(labels.0.column_iter().zip(weighted.column_iter()).map(of).collect())
}

type DColumn<'a> = nalgebra::DVectorView<'a, f32>;

fn dot(a: &DColumn<'_>, b: &DColumn<'_>) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// By features: with s the sum of a label's features, the sum within it is |s|^2 less its size,
/// as every row's features have length 1.
fn feature_sums(
    cohort: &Cohort<'_>,
    bandwidth: f64,
    labels: &Labels,
    seed: u64,
    stop: &CancelToken,
) -> Result<Vec<Sums>, Error> {
    let frequencies = frequencies(cohort.dim(), bandwidth, seed);
    let centre = DVector::from_vec(cohort.before().mean()).cast::<f32>();
    let mut of_label = DMatrix::<f32>::zeros(2 * FREQUENCIES, labels.0.ncols());
    let mut of_all = DVector::<f64>::zeros(2 * FREQUENCIES);
    for start in (0..cohort.len()).step_by(CHUNK) {
        go_on(stop)?;
        let rows = start..cohort.len().min(start + CHUNK);
        let values = rows.clone().flat_map(|at| cohort.row(at).iter().copied());
        let mut points = DMatrix::from_iterator(cohort.dim(), rows.len(), values);
        points.column_iter_mut().for_each(|mut point| point -= &centre);
        let features = features(&(&frequencies * points));
        of_all += features.column_sum().cast::<f64>();
        of_label += features * labels.0.rows(start, rows.len());
    }
    let of = |(label, sum): (DColumn<'_>, DColumn<'_>)| {
        let n = f64::from(label.sum());
        let sum: DVector<f64> = sum.clone_owned().cast();
        let rest = &of_all - &sum;
        let m = cohort.len() as f64 - n;
        Sums {
            before: sum.norm_squared() - n,
            after: rest.norm_squared() - m,
            across: sum.dot(&rest),
        }
    };
    Ok(labels.0.column_iter().zip(of_label.column_iter()).map(of).collect())
}

/// Rows of normal numbers over s: the Fourier transform of the kernel, sampled.
fn frequencies(dim: usize, bandwidth: f64, seed: u64) -> DMatrix<f32> {
    let numbers = seeded::normal(seed ^ 0xf0f0).map(|v| (v / bandwidth) as f32);
    DMatrix::from_iterator(FREQUENCIES, dim, numbers.take(FREQUENCIES * dim))
}

/// Cosines above sines, scaled to unit columns.
fn features(phases: &DMatrix<f32>) -> DMatrix<f32> {
    let scale = (FREQUENCIES as f32).sqrt().recip();
    let mut features = DMatrix::zeros(2 * FREQUENCIES, phases.ncols());
    for (phases, mut column) in phases.column_iter().zip(features.column_iter_mut()) {
        for (at, phase) in phases.iter().enumerate() {
            let (sin, cos) = phase.sin_cos();
            column[at] = cos * scale;
            column[FREQUENCIES + at] = sin * scale;
        }
    }
    features
}

fn go_on(stop: &CancelToken) -> Result<(), Error> {
    stop.stopped().map_or(Ok(()), |why| Err(Error::Stopped(why)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;
    use crate::simulated::noise;

    fn cloud(rows: usize, dim: usize, shift: f64, seed: u64) -> Vec<f32> {
        noise(seed).take(rows * dim).map(|v| (v + shift) as f32).collect()
    }

    fn test(before: &[f32], after: &[f32], dim: usize, paired: usize, seed: u64) -> Mmd {
        let (before, after) = (Rows::new(before, dim).unwrap(), Rows::new(after, dim).unwrap());
        let cohort = Cohort::new(before, after, paired).unwrap();
        mmd(&cohort, 99, seed, &CancelToken::default()).unwrap()
    }

    /// The double sums of the definition.
    fn by_definition(before: &[f32], after: &[f32], dim: usize, bandwidth: f64) -> f64 {
        let mean = |a: &[f32], b: &[f32], same: bool| {
            let (mut sum, mut pairs) = (0.0, 0.0);
            for (i, a) in a.chunks(dim).enumerate() {
                for (j, b) in b.chunks(dim).enumerate().filter(|(j, _)| !same || *j != i) {
                    assert!(!same || i != j);
                    let square: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                    sum += (-square / (2.0 * bandwidth * bandwidth)).exp();
                    pairs += 1.0;
                }
            }
            sum / pairs
        };
        mean(before, before, true) + mean(after, after, true) - 2.0 * mean(before, after, false)
    }

    #[test]
    fn the_estimate_is_the_definition() {
        let (before, after) = (cloud(30, 5, 0.0, 1), cloud(20, 5, 0.3, 2));
        let found = test(&before, &after, 5, 0, 3);
        let expected = by_definition(&before, &after, 5, found.bandwidth);
        assert!(found.all_pairs);
        assert!((found.squared - expected).abs() < 1e-6, "{found:?} {expected}");
    }

    /// 256 frequencies leave an error of about a sixth; the test is no worse for it.
    #[test]
    fn random_features_come_near_all_pairs() {
        let (before, after) = (cloud(1_200, 8, 0.0, 1), cloud(1_200, 8, 0.5, 2));
        let found = test(&before, &after, 8, 0, 3);
        let expected = by_definition(&before, &after, 8, found.bandwidth);
        assert!(!found.all_pairs && found.p_value == 0.01);
        assert!((found.squared / expected - 1.0).abs() < 0.35, "{found:?} {expected}");
    }

    #[test]
    fn equal_distributions_are_seldom_told_apart() {
        let p = |seed| {
            test(&cloud(40, 6, 0.0, seed), &cloud(40, 6, 0.0, seed + 999), 6, 0, seed).p_value
        };
        let refused = (0..100).filter(|seed| p(*seed) <= 0.05).count();
        assert!(refused <= 12, "{refused} of 100 at 5 %");
    }

    /// Each entity moves by a tenth of the spread of the population: as strangers the two moments
    /// look alike, as pairs they do not.
    #[test]
    fn pairs_show_what_strangers_hide() {
        let before = cloud(60, 4, 0.0, 7);
        let after: Vec<f32> = before.iter().map(|v| v + 0.1).collect();
        let strangers = test(&before, &after, 4, 0, 1);
        let pairs = test(&before, &after, 4, 60, 1);
        assert!(strangers.p_value > 0.3 && pairs.p_value == 0.01, "{strangers:?} {pairs:?}");
    }

    #[test]
    fn what_cannot_be_tested_is_an_error() {
        let rows = |values: &'static [f32]| Rows::new(values, 1).unwrap();
        let ask = |before, after, permutations| {
            let cohort = Cohort::new(rows(before), rows(after), 0).unwrap();
            mmd(&cohort, permutations, 1, &CancelToken::default())
        };
        let lacking = Error::InsufficientData { needed: 2, have: 1 };
        assert_eq!(ask(&[1.0], &[1.0, 2.0], 99), Err(lacking));
        assert!(matches!(ask(&[1.0; 3], &[1.0; 3], 99), Err(Error::Undetermined(_))));
        assert!(matches!(ask(&[1.0, 2.0], &[1.0, 2.0], 0), Err(Error::Invalid(_))));
    }
}
