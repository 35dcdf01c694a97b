use proptest::prelude::*;

use super::*;

const METRICS: [Metric; 5] =
    [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1, Metric::Poincare];

/// The textbook in f64, one term after the other.
fn reference(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let squares = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let difference = pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let dot = pairs().map(|(a, b)| a * b).sum::<f64>();
    match metric {
        Metric::L2 => difference.sqrt(),
        Metric::InnerProduct => -dot,
        Metric::L1 => pairs().map(|(a, b)| (a - b).abs()).sum(),
        Metric::Cosine => 1.0 - dot / (squares(a).sqrt() * squares(b).sqrt()),
        Metric::Poincare => {
            (1.0 + 2.0 * difference / ((1.0 - squares(a)) * (1.0 - squares(b)))).acosh()
        }
    }
}

/// What 1e-6 is relative to, per metric.
fn scale(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    match metric {
        Metric::L2 => norm(a) + norm(b),
        Metric::InnerProduct => norm(a) * norm(b),
        Metric::L1 => a.iter().chain(b).map(|x| f64::from(x.abs())).sum(),
        Metric::Cosine => 1.0,
        // acosh(1 + x) in the textbook loses half the digits of a small x.
        Metric::Poincare => 1.0 + reference(metric, a, b),
    }
}

fn assert_near(metric: Metric, a: &[f32], b: &[f32], got: f64) {
    let expected = reference(metric, a, b);
    if expected.is_nan() {
        assert!(got.is_nan(), "{metric:?}: {got} for NaN");
        return;
    }
    let error = (got - expected).abs();
    let allowed = 1e-6 * scale(metric, a, b);
    assert!(error <= allowed, "{metric:?} dim {}: {got} for {expected}", a.len());
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -1.0..1.0f32, 1 => Just(0.0), 1 => -1e3..1e3f32]
}

fn dim() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1..70usize, 2 => 70..1100usize, 1 => 1100..=4096usize, 1 => Just(768usize)]
}

/// Vectors of one dimension.
fn vectors<const N: usize>() -> impl Strategy<Value = [Vec<f32>; N]> {
    dim().prop_flat_map(|dim| {
        let vector = prop_oneof![
            6 => prop::collection::vec(number(), dim),
            1 => number().prop_map(move |x| vec![x; dim]),
            1 => Just(vec![0.0; dim]),
        ];
        prop::collection::vec(vector, N).prop_map(|all| all.try_into().expect("N of them"))
    })
}

/// Scaled into the ball.
fn inside(vector: &[f32]) -> Vec<f32> {
    let radius = (norm(vector) * 1.01 + 1e-6) as f32;
    vector.iter().map(|x| x / radius).collect()
}

fn fit<const N: usize>(metric: Metric, vectors: &[Vec<f32>; N]) -> [Vec<f32>; N] {
    match metric {
        Metric::Poincare => std::array::from_fn(|i| inside(&vectors[i])),
        _ => vectors.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_the_textbook(all in vectors::<2>()) {
        for metric in METRICS {
            let [a, b] = fit(metric, &all);
            assert_near(metric, &a, &b, distance(metric, &a, &b).unwrap());
            let scalar = Query::scalar(metric, &a).unwrap();
            assert_near(metric, &a, &b, scalar.distance(&b).unwrap());
        }
    }

    #[test]
    fn is_symmetric_to_the_bit(all in vectors::<2>()) {
        for metric in METRICS {
            let [a, b] = fit(metric, &all);
            let there = distance(metric, &a, &b).unwrap();
            let back = distance(metric, &b, &a).unwrap();
            prop_assert_eq!(there.to_bits(), back.to_bits(), "{:?} {} {}", metric, there, back);
        }
    }

    #[test]
    fn is_zero_to_itself_and_never_negative(all in vectors::<2>()) {
        for metric in [Metric::L2, Metric::Cosine, Metric::L1, Metric::Poincare] {
            let [a, b] = fit(metric, &all);
            let own = distance(metric, &a, &a).unwrap();
            prop_assert!(own == 0.0 || metric == Metric::Cosine && norm(&a) == 0.0, "{own}");
            let between = distance(metric, &a, &b).unwrap();
            prop_assert!(between >= 0.0 || between.is_nan(), "{:?} {}", metric, between);
        }
    }

    #[test]
    fn keeps_the_triangle_inequality(all in vectors::<3>()) {
        for metric in [Metric::L2, Metric::L1, Metric::Poincare] {
            let [a, b, c] = fit(metric, &all);
            let between = |x, y| distance(metric, x, y).unwrap();
            let slack = 1e-6 * (scale(metric, &a, &b) + scale(metric, &b, &c));
            prop_assert!(between(&a, &c) <= between(&a, &b) + between(&b, &c) + slack);
        }
    }

    #[test]
    fn a_batch_gives_what_single_rows_give(all in vectors::<8>(), take in 0..8usize,
                                           places in prop::collection::vec(0..7u32, 0..20)) {
        for metric in METRICS {
            let [query, rows @ ..] = fit(metric, &all);
            let query = Query::new(metric, &query).unwrap();
            let single: Vec<u64> =
                rows.iter().map(|row| query.distance(row).unwrap().to_bits()).collect();
            let flat = rows.concat();
            let mut out = vec![0.0; take];
            query.distances(&flat[..take * query.dim()], &mut out).unwrap();
            prop_assert!(out.iter().map(|d| d.to_bits()).eq(single[..take].iter().copied()));
            let mut out = vec![0.0; places.len()];
            query.distances_at(&flat, &places, &mut out).unwrap();
            let chosen = places.iter().map(|place| single[*place as usize]);
            prop_assert!(out.iter().map(|d| d.to_bits()).eq(chosen));
        }
    }

    /// Squares of 1e25 overflow f32 and squares of 1e-25 vanish in it.
    #[test]
    fn holds_beyond_the_squares_of_f32(all in vectors::<2>(), power in -36..33i32) {
        let factor = 10f32.powi(power);
        let [a, b] = all.map(|v| v.iter().map(|x| x * factor).collect::<Vec<f32>>());
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1] {
            assert_near(metric, &a, &b, distance(metric, &a, &b).unwrap());
        }
    }

    #[test]
    fn poincare_keeps_its_digits_at_the_rim(dim in 1..40usize, rim in 1e-7..1e-3f64) {
        let radius = (1.0 - rim) / (dim as f64).sqrt();
        let a = vec![radius as f32; dim];
        prop_assume!(norm(&a) < 1.0);
        let b = vec![-radius as f32; dim];
        // On one line through the centre the distance is that of the two radii, 2 artanh r each.
        let expected = 4.0 * norm(&a).atanh();
        let got = distance(Metric::Poincare, &a, &b).unwrap();
        prop_assert!((got - expected).abs() <= 1e-6 * expected, "{got} for {expected}");
    }
}

#[test]
fn examples_of_pgvector() {
    let cases = [
        (Metric::L2, vec![0.0, 0.0], vec![3.0, 4.0], 5.0),
        (Metric::L2, vec![3e38], vec![-3e38], 6e38),
        (Metric::InnerProduct, vec![1.0, 2.0], vec![3.0, 4.0], -11.0),
        (Metric::Cosine, vec![1.0, 2.0], vec![2.0, 4.0], 0.0),
        (Metric::Cosine, vec![1.0, 1.0], vec![-1.0, -1.0], 2.0),
        (Metric::Cosine, vec![1.0, 0.0], vec![0.0, 2.0], 1.0),
        (Metric::L1, vec![0.0, 0.0], vec![3.0, 4.0], 7.0),
    ];
    for (metric, a, b, expected) in cases {
        let got = distance(metric, &a, &b).unwrap();
        assert!((got - expected).abs() <= 1e-7 * expected.abs(), "{metric:?}: {got}");
    }
    assert!(distance(Metric::Cosine, &[1.0, 2.0], &[0.0, 0.0]).unwrap().is_nan());
    assert!(distance(Metric::Cosine, &[0.0, 0.0], &[1.0, 2.0]).unwrap().is_nan());
}

#[test]
fn dimensions_must_agree() {
    let expected = DistanceError::Dimensions { left: 2, right: 3 };
    assert_eq!(distance(Metric::L2, &[1.0, 2.0], &[1.0, 2.0, 3.0]), Err(expected));
    let query = Query::new(Metric::L2, &[1.0, 2.0]).unwrap();
    assert_eq!(query.distance(&[1.0, 2.0, 3.0]), Err(expected));
    assert_eq!(query.distances(&[0.0; 6], &mut [0.0; 2]), Err(expected));
    let beyond = DistanceError::NoSuchRow { row: 3, rows: 3 };
    assert_eq!(query.distances_at(&[0.0; 6], &[0, 3], &mut [0.0; 2]), Err(beyond));
}

#[test]
fn poincare_lives_inside_the_ball() {
    let outside = Err(DistanceError::OutsideBall);
    assert_eq!(Query::new(Metric::Poincare, &[0.6, 0.79]).map(|_| ()), Ok(()));
    assert_eq!(Query::new(Metric::Poincare, &[1.0]).map(|_| ()), outside);
    let query = Query::new(Metric::Poincare, &[0.1, 0.0]).unwrap();
    assert_eq!(query.distance(&[0.0, -1.0]), Err(DistanceError::OutsideBall));
}
