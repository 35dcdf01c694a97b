//! Codes of half floats, of several bits, and of centroids: what they decode to is what they say.

use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{dims, dot, pair, rotated};
use super::*;

/// Numbers that depend on a seed alone, about normal.
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f32 {
        let mut uniform = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 40) as f32 / (1u32 << 24) as f32 - 0.5
        };
        (0..6).map(|_| uniform()).sum()
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.next()).collect()
    }
}

fn squares(a: &[f32]) -> f64 {
    dot(a, a)
}

/// A grid's levels as the numbers they stand for.
fn grid_of(levels: &[u8], bits: u32) -> Vec<f64> {
    let middle = f64::from((1u32 << bits) - 1) / 2.0;
    levels.iter().map(|level| f64::from(*level) - middle).collect()
}

/// What the numbers of a query of bytes stand for.
fn bytes_of(query: &[f32]) -> Vec<f64> {
    let query = ByteQuery::new(query);
    query.code().iter().map(|x| f64::from(*x) * f64::from(query.scale())).collect()
}

fn near(estimate: f32, expected: f64, size: f64) -> Result<(), TestCaseError> {
    let error = (f64::from(estimate) - expected).abs();
    prop_assert!(error <= 1e-6 * size + 1e-30, "{estimate} for {expected}, of {size}");
    Ok(())
}

/// The largest cosine that any step of a grid has, by trying each at which a level changes.
fn best_cosine(residual: &[f32], bits: u32) -> f64 {
    let last = f64::from((1u32 << (bits - 1)) - 1);
    let mut steps: Vec<f64> = residual
        .iter()
        .flat_map(|x| (1..=last as u32).map(move |k| f64::from(k) / f64::from(x.abs())))
        .filter(|inverse| inverse.is_finite())
        .collect();
    steps.sort_by(f64::total_cmp);
    let of_step = |inverse: &f64| {
        let (mut product, mut square) = (0.0, 0.0);
        for x in residual.iter().map(|x| f64::from(x.abs())) {
            let place = (x * inverse * (1.0 + 1e-12)).floor().min(last) + 0.5;
            product += place * x;
            square += place * place;
        }
        product / (square * squares(residual)).sqrt()
    };
    steps.iter().map(of_step).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of every number of bits: the kernel's sum is the product of what row and query decode to.
    #[test]
    fn grids_are_their_decoded_vectors((a, b) in pair(), bits in 2..=8u32) {
        let (a, b) = (rotated(&a), rotated(&b));
        let mut levels = vec![0; a.len()];
        let fit = encode_grid(&a, bits, &mut levels);
        prop_assert!(levels.iter().all(|level| u32::from(*level) < 1 << bits));
        let query = GridQuery::new(&b, bits);
        let (decoded, asked) = (grid_of(&levels, bits), bytes_of(&b));
        let product: f64 = decoded.iter().zip(&asked).map(|(x, q)| x * q).sum();
        let mut summed = [0];
        Kernel::default().sum_bytes_at(&levels, a.len(), &[0], query.code(), &mut summed);
        let norms = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let size = f64::from(fit.scale) * norms(&decoded) * norms(&asked);
        near(query.estimate(summed[0], &fit), f64::from(fit.scale) * product, size)?;
        if bits == 4 {
            let mut packed = vec![0; a.len() / 2];
            pack_nibbles(&levels, &mut packed);
            let mut again = [0];
            Kernel::default().sum_nibbles_at(&packed, packed.len(), &[0], query.code(), &mut again);
            prop_assert_eq!(again, summed);
        }
    }

    #[test]
    fn halves_are_their_decoded_vectors((a, b) in pair(), exponent in -12..12i32) {
        let scale = 10f32.powi(exponent);
        let a: Vec<f32> = rotated(&a).iter().map(|x| x * scale).collect();
        let b = rotated(&b);
        let mut code = vec![0; 2 * a.len()];
        let fit = encode_halves(&a, &mut code);
        let halves: Vec<u16> =
            code.as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        let mut decoded = vec![0.0; a.len()];
        crate::distance::widen(&halves, &mut decoded);
        let query = HalfQuery::new(&b);
        let mut summed = [0.0];
        Kernel::default().sum_halves_at(&code, code.len(), &[0], query.numbers(), &mut summed);
        let size = (squares(&a) * squares(&b)).sqrt();
        let estimate = query.estimate(summed[0], &fit);
        near(estimate, f64::from(fit.scale) * dot(&decoded, &b), size)?;
        // Eleven digits, and what f32 sums lose.
        prop_assert!((f64::from(estimate) - dot(&a, &b)).abs() <= 5e-4 * size + 1e-30);
    }

    #[test]
    fn centroids_are_their_decoded_vectors((a, b) in pair(), seed: u64) {
        let (a, b) = (rotated(&a), rotated(&b));
        let codebook = Normal(seed).vector(a.len() / SUB_DIM * SUB_BOOK);
        let mut code = vec![0; a.len() / SUB_DIM];
        let fit = encode_product(&a, &codebook, &mut code);
        let decoded: Vec<f32> = decode_product(&code, &codebook).collect();
        prop_assert_eq!(decoded.len(), a.len());
        let query = ProductQuery::new(&b, &codebook);
        let mut summed = [0.0];
        Kernel::default().look_up_at(&code, code.len(), &[0], query.tables(), &mut summed);
        let size = (squares(&decoded) * squares(&b)).sqrt();
        near(summed[0], dot(&decoded, &b), size)?;
        // And each byte is the nearest there is.
        for (at, point) in a.chunks_exact(SUB_DIM).enumerate() {
            let far = |byte: u8| -> f64 {
                let book = &codebook[at * SUB_BOOK..][..SUB_BOOK];
                let centroid = book.chunks_exact(CENTROIDS).map(|line| line[usize::from(byte)]);
                centroid.zip(point).map(|(c, x)| f64::from(c - x).powi(2)).sum()
            };
            let least = (0..=255).map(far).fold(f64::INFINITY, f64::min);
            prop_assert!(far(code[at]) <= least * (1.0 + 1e-5));
        }
        prop_assert!((f64::from(fit.norm).powi(2)
            - f64::from(fit.scale).powi(2) * squares(&decoded)).abs()
            <= 1e-5 * f64::from(fit.norm).powi(2));
    }

    /// Whatever the road, the last bit is the same.
    #[test]
    fn roads_agree_on_all_codes(blocks in 1..20usize, gap in 0..3usize, rows in 1..9usize,
                                seed: u64) {
        let width = 64 * blocks;
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state ^ state >> 29
        };
        let stride = 2 * width + gap;
        // Half floats: no exponent of infinity.
        let codes: Vec<u8> = (0..stride * rows).map(|_| next() as u8 & 0xbb).collect();
        let query: Vec<i8> = (0..width).map(|_| next() as i8).collect();
        let floats: Vec<f32> = (0..width).map(|_| (next() >> 40) as f32 * 1e-6 - 8.0).collect();
        let chosen: Vec<u32> = (0..rows as u32).rev().collect();
        let run = |kernel: Kernel| {
            let (mut sums, mut halves) = (vec![0; rows], vec![0.0f32; rows]);
            kernel.sum_nibbles_at(&codes, stride, &chosen, &query, &mut sums);
            kernel.sum_halves_at(&codes, stride, &chosen, &floats, &mut halves);
            (sums, halves.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>())
        };
        prop_assert_eq!(run(Kernel::default()), run(Kernel::portable()));
    }

    /// The scan of steps finds nearly as near a point of the grid as there is: most rows lose
    /// nothing, one in some thousands a tenth of what the best point leaves out.
    #[test]
    fn steps_are_searched_well_enough(dim in dims(), bits in select(&[2u32, 3, 4, 5][..]),
                                      seed: u64) {
        let residual = rotated(&Normal(seed).vector(dim.min(200)));
        let mut levels = vec![0; residual.len()];
        let fit = encode_grid(&residual, bits, &mut levels);
        prop_assume!(fit.scale > 0.0);
        let left = 1.0 - squares(&residual) / f64::from(fit.norm).powi(2);
        let best = 1.0 - best_cosine(&residual, bits).powi(2);
        prop_assert!(left <= 1.25 * best + 1e-6, "{left} left where {best} would be");
    }

    /// k-means of a sample: the same twice, no worse than any one of its starts, and the codes of
    /// the sample leave out exactly what it says.
    #[test]
    fn codes_leave_out_what_training_says(points in prop::collection::vec(
        prop::array::uniform8(-1.0f32..1.0), 1..600)) {
        let trained = train_centroids(&points);
        prop_assert_eq!(&trained.centroids, &train_centroids(&points).centroids);
        let mut left = 0.0;
        for point in &points {
            let mut code = [0];
            encode_product(point, &trained.centroids, &mut code);
            let decoded = decode_product(&code, &trained.centroids);
            left += decoded.zip(point).map(|(y, x)| f64::from(y - x).powi(2)).sum::<f64>();
        }
        prop_assert!(left <= trained.squares * (1.0 + 1e-5) + 1e-9, "{left} {trained:?}");
        // The mean alone, the worst book worth having.
        let mean = |at: usize| -> f64 {
            points.iter().map(|point| f64::from(point[at])).sum::<f64>() / points.len() as f64
        };
        let mean: [f64; 8] = std::array::from_fn(mean);
        let around = |point: &[f32; 8]| -> f64 {
            point.iter().zip(mean).map(|(x, m)| (f64::from(*x) - m).powi(2)).sum()
        };
        prop_assert!(left <= points.iter().map(around).sum::<f64>() + 1e-9);
        if points.len() <= CENTROIDS {
            prop_assert!(left <= 1e-9, "each its own centroid, and {left} left");
        }
    }
}

/// Errors in units of the promised standard error, of random rows and queries.
fn errors(rows: usize, width: usize, estimate: impl Fn(&[f32], &[f32]) -> (f32, f32)) -> Vec<f64> {
    let mut normal = Normal(7);
    let rows: Vec<Vec<f32>> = (0..rows).map(|_| rotated(&normal.vector(width))).collect();
    let mut errors = Vec::new();
    for _ in 0..20 {
        let query = rotated(&normal.vector(width));
        for row in &rows {
            let (estimate, error) = estimate(row, &query);
            errors.push((f64::from(estimate) - dot(row, &query)) / f64::from(error));
        }
    }
    errors
}

/// Unbiased, and beyond a number of standard errors as rarely as a normal law says.
fn are_as_promised(what: &str, errors: &[f64]) {
    let count = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / count;
    let spread = (errors.iter().map(|e| e * e).sum::<f64>() / count).sqrt();
    let beyond = |bound| errors.iter().filter(|error| error.abs() > bound).count() as f64 / count;
    assert!(mean.abs() < 0.1, "{what}: biased by {mean}");
    assert!((0.5..1.1).contains(&spread), "{what}: spread {spread}");
    assert!(beyond(1.9) < 0.08, "{what}: {} beyond 1.9", beyond(1.9));
    assert!(beyond(4.0) < 0.001, "{what}: {} beyond 4", beyond(4.0));
}

#[test]
fn errors_of_grids_are_as_the_theorem_says() {
    for bits in GRID_BITS {
        let kernel = Kernel::default();
        are_as_promised(
            &format!("{bits} bits"),
            &errors(200, 768, |row, query| {
                let mut levels = vec![0; row.len()];
                let fit = encode_grid(row, bits, &mut levels);
                let query = GridQuery::new(query, bits);
                let mut summed = [0];
                kernel.sum_bytes_at(&levels, row.len(), &[0], query.code(), &mut summed);
                (query.estimate(summed[0], &fit), query.error(&fit))
            }),
        );
    }
}

/// Each bit more halves the error, about (the paper's figure 2).
#[test]
fn bits_halve_the_error() {
    let row = rotated(&Normal(9).vector(768));
    let mut levels = vec![0; row.len()];
    let mut before = f32::INFINITY;
    for bits in GRID_BITS {
        let error = encode_grid(&row, bits, &mut levels).error;
        assert!(error < 0.62 * before, "{bits} bits: {error} after {before}");
        before = error;
    }
}

#[test]
fn errors_of_centroids_are_as_promised() {
    let mut normal = Normal(11);
    let sample: Vec<Vec<f32>> = (0..1_000).map(|_| rotated(&normal.vector(128))).collect();
    let book = |at: usize| {
        let points: Vec<[f32; SUB_DIM]> =
            sample.iter().map(|row| row.as_chunks::<SUB_DIM>().0[at]).collect();
        train_centroids(&points).centroids
    };
    let codebook: Vec<f32> = (0..128 / SUB_DIM).flat_map(book).collect();
    let kernel = Kernel::default();
    are_as_promised(
        "centroids",
        &errors(500, 128, |row, query| {
            let mut code = vec![0; row.len() / SUB_DIM];
            let fit = encode_product(row, &codebook, &mut code);
            let query = ProductQuery::new(query, &codebook);
            let mut summed = [0.0];
            kernel.look_up_at(&code, code.len(), &[0], query.tables(), &mut summed);
            (query.estimate(summed[0], &fit), query.error(&fit))
        }),
    );
}

/// Rows of nothing, of one number, of numbers near the ends of f32: estimates are numbers.
#[test]
fn odd_rows_have_codes() {
    let codebook = Normal(1).vector(128 / SUB_DIM * SUB_BOOK);
    let query = Normal(2).vector(128);
    for (first, rest) in [(0.0, 0.0), (1e-38, 0.0), (1e-30, 1e-33), (1e15, 0.0), (1e15, -1e14)] {
        let mut row = vec![rest; 128];
        row[0] = first;
        let (mut code, mut levels) = (vec![0; 256], vec![0; 128]);
        let fits = [
            encode_halves(&row, &mut code),
            encode_grid(&row, 4, &mut levels),
            encode_product(&row, &codebook, &mut code[..16]),
        ];
        let size = (squares(&row) * squares(&query)).sqrt();
        for fit in fits {
            assert!([fit.scale, fit.error, fit.norm].iter().all(|x| x.is_finite()), "{fit:?}");
            assert!(f64::from(fit.norm) * squares(&query).sqrt() <= 21.0 * size, "{fit:?}");
        }
    }
}
