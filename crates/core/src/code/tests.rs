use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn normal(dim: usize) -> impl Strategy<Value = Vec<f32>> {
    // The sum of four uniform numbers is normal enough, and shrinks well.
    let one = prop::array::uniform4(-1.0f32..1.0).prop_map(|x| x.iter().sum());
    prop::collection::vec(one, dim)
}

pub(super) fn dims() -> impl Strategy<Value = usize> {
    select(&[1usize, 2, 3, 63, 64, 65, 100, 128, 200, 384, 768, 1000][..])
}

pub(super) fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    dims().prop_flat_map(|dim| (normal(dim), normal(dim)))
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

pub(super) fn rotated(vector: &[f32]) -> Vec<f32> {
    let rotation = Rotation::new(vector.len());
    let mut out = vec![0.0; rotation.width()];
    rotation.rotate(vector, 1.0, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rotations_keep_inner_products((a, b) in pair()) {
        let size = dot(&a, &a).sqrt() * dot(&b, &b).sqrt();
        let (turned_a, turned_b) = (rotated(&a), rotated(&b));
        prop_assert!((dot(&turned_a, &turned_b) - dot(&a, &b)).abs() <= 1e-6 * size);
    }

    /// The kernel's sum is the inner product of what the codes say, decoded in f64.
    #[test]
    fn bytes_are_their_decoded_vectors((a, b) in pair()) {
        let (a, b) = (rotated(&a), rotated(&b));
        let mut code = vec![0; a.len()];
        let factors = encode_bytes(&a, &mut code);
        let query = ByteQuery::new(&b);
        let mut summed = [0];
        Kernel::default().sum_bytes_at(&code, code.len(), &[0], query.code(), &mut summed);
        let decoded: f64 = code.iter().zip(query.code())
            .map(|(x, y)| (f64::from(*x) - 128.0) * f64::from(*y))
            .sum::<f64>() * f64::from(factors.scale) * f64::from(query.scale_for_tests());
        let estimate = f64::from(query.estimate(summed[0], &factors));
        let size = f64::from(factors.norm) * f64::from(query.norm());
        prop_assert!((estimate - decoded).abs() <= 1e-6 * size);
        let error = 6.0 * f64::from(query.error(&factors)) + 1e-6 * size;
        prop_assert!((estimate - dot(&a, &b)).abs() <= error);
    }

    /// A row made the query answers as the vector would.
    #[test]
    fn rows_can_be_queries((a, b) in pair()) {
        let (a, b) = (rotated(&a), rotated(&b));
        let mut codes = vec![0; 2 * a.len()];
        let (left, right) = codes.split_at_mut(a.len());
        let of_a = encode_bytes(&a, left);
        let of_b = encode_bytes(&b, right);
        let fresh = ByteQuery::new(&b);
        let mut query = ByteQuery::default();
        query.set_row(&codes[b.len()..], &of_b);
        prop_assert_eq!(query.code(), fresh.code());
        let mut summed = [0];
        Kernel::default().sum_bytes_at(&codes, b.len(), &[0], query.code(), &mut summed);
        prop_assert_eq!(query.estimate(summed[0], &of_a), fresh.estimate(summed[0], &of_a));
    }

    /// RaBitQ's theorem: errors beyond some standard errors are as rare as those of a normal law.
    #[test]
    fn bits_estimate_within_their_bound((a, b) in pair()) {
        let (a, b) = (rotated(&a), rotated(&b));
        let mut code = vec![0; a.len() / 64];
        let factors = encode_bits(&a, &mut code);
        let query = BitQuery::new(&b);
        let mut counted = [0];
        Kernel::default().count_bits_at(&code, code.len(), &[0], query.planes(), &mut counted);
        let estimate = f64::from(query.estimate(counted[0], &factors));
        let bound = 6.0 * f64::from(factors.error) * f64::from(query.norm());
        // What sixteen steps leave out of the query is not in the row's own bound.
        let scale = f64::from(factors.scale) * (a.len() as f64).sqrt();
        let steps = scale * f64::from(query.step());
        prop_assert!((estimate - dot(&a, &b)).abs() <= bound + 2.0 * steps);
    }

    /// The estimate is that of the decoded code and the decoded query, in f64.
    #[test]
    fn bits_are_their_decoded_vectors((a, b) in pair()) {
        let (a, b) = (rotated(&a), rotated(&b));
        let mut code = vec![0; a.len() / 64];
        let factors = encode_bits(&a, &mut code);
        let query = BitQuery::new(&b);
        let decoded = query.decoded_for_tests();
        let signed = decoded.iter().zip(&a).map(|(q, x)| if *x > 0.0 { *q } else { -*q });
        let expected = f64::from(factors.scale) * signed.sum::<f64>();
        let mut counted = [0];
        Kernel::default().count_bits_at(&code, code.len(), &[0], query.planes(), &mut counted);
        let estimate = f64::from(query.estimate(counted[0], &factors));
        // The norms of the two decoded vectors; the row's is of signs.
        let square: f64 = decoded.iter().map(|q| q * q).sum();
        let size = (square * a.len() as f64).sqrt() * f64::from(factors.scale);
        prop_assert!((estimate - expected).abs() <= 1e-6 * size + 1e-30);
    }

    /// Side by side, rows count what they count one by one, of codes of up to 16,000 coordinates.
    #[test]
    fn blocks_count_what_rows_do(
        words in prop_oneof![2..20usize, 60..70usize, Just(250usize)],
        seed: u64,
        full: bool,
    ) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if full { u64::MAX } else { state ^ state >> 29 }
        };
        let codes: Vec<u64> = (0..words * BLOCK_ROWS).map(|_| next()).collect();
        let number = |at| ((next() >> 40) as f32) * 1e-6 - at as f32;
        let residual: Vec<f32> = (0..words * 64).map(number).collect();
        let query = BitQuery::new(&residual);
        let mut block = vec![0; block_bytes(64 * words)];
        let ones = |row: usize| codes[row * words..][..words].iter().map(|word| word.count_ones());
        let factors =
            |row: usize| [0.5 + row as f32, 0.25, ones(row).sum::<u32>() as f32, -1.0];
        for (row, code) in codes.chunks_exact(words).enumerate() {
            write_to_block(&mut block, row, code, factors(row));
        }
        let mut one_by_one = [0; BLOCK_ROWS];
        let rows: Vec<u32> = (0..BLOCK_ROWS as u32).collect();
        let (kernel, planes) = (Kernel::portable(), query.planes());
        kernel.count_bits_at(&codes, words, &rows, planes, &mut one_by_one);
        let bound = Bound { shift: 2.0, weight: -0.5, slack: 0.125 };
        let sums = Sums::new(&query);
        let (mut bounds, mut others) = ([0.0; BLOCK_ROWS], [0.0; BLOCK_ROWS]);
        let all = (bound, f32::INFINITY);
        prop_assert_eq!(sums.within(Kernel::default(), &block, all, &mut bounds), u64::MAX);
        sums.within(kernel, &block, all, &mut others);
        prop_assert_eq!(bounds, others);
        for (row, found) in bounds.iter().enumerate() {
            let [scale, error, ones, base] = factors(row);
            let product = query.estimate(one_by_one[row], &BitFactors { scale, error, ones });
            let expected = base + 2.0 - 0.5 * product - 0.125 * error;
            let size = scale * residual.iter().map(|x| x.abs()).sum::<f32>();
            prop_assert!((found - expected).abs() <= 1e-6 * size.max(1.0));
        }
        let middle = bounds[BLOCK_ROWS / 2];
        let by_head = sums.within_by_head(kernel, &block, (bound, middle), &mut others);
        prop_assert!(by_head.is_none() || others == bounds);
        let near = sums.within(kernel, &block, (bound, middle), &mut others);
        prop_assert!(by_head.is_none_or(|by_head| by_head == near));
        for (row, bound) in bounds.iter().enumerate() {
            prop_assert_eq!(near >> row & 1 == 1, *bound <= middle);
        }
    }

    #[test]
    fn roads_agree(words in 1..20usize, gap in 0..4usize, rows in 1..14usize, seed: u64) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state ^ state >> 29
        };
        let stride = words + gap;
        let codes: Vec<u64> = (0..stride * rows).map(|_| next()).collect();
        let planes: Vec<u64> = (0..words * PLANES).map(|_| next()).collect();
        let chosen: Vec<u32> = (0..rows as u32).rev().collect();
        let bytes: Vec<u8> = (0..stride * 64 * rows).map(|_| next() as u8).collect();
        let query: Vec<i8> = (0..words * 64).map(|_| next() as i8).collect();
        let numbers: Vec<u8> = (0..words * 64).map(|_| next() as u8 & 15).collect();
        let run = |kernel: Kernel| {
            let (mut all, mut some, mut sums) = (vec![0; rows], vec![0; rows], vec![0; rows]);
            let in_order: Vec<u32> = (0..rows as u32).collect();
            kernel.count_bits_at(&codes, stride, &in_order, &planes, &mut all);
            kernel.count_bits_at(&codes, stride, &chosen, &planes, &mut some);
            kernel.sum_bytes_at(&bytes, 64 * stride, &chosen, &query, &mut sums);
            let mut split = vec![0; words * PLANES];
            kernel.split(&numbers, &mut split);
            (all, some, sums, split)
        };
        let (all, some, sums, split) = run(Kernel::portable());
        for (at, number) in numbers.iter().enumerate() {
            let bit = |plane: usize| (split[plane * words + at / 64] >> (at % 64) & 1) << plane;
            prop_assert_eq!((0..PLANES).map(bit).sum::<u64>(), u64::from(*number));
        }
        prop_assert_eq!(&all, &some.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(run(Kernel::default()), (all, some, sums, split));
    }
}

/// Over many pairs the errors in units of the bound's standard error look standard normal: the
/// estimate is unbiased, and a cut at 1.9 (the paper's choice) keeps all but a few in a hundred.
#[test]
fn errors_of_bits_are_as_the_theorem_says() {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let mut normal = |dim| (0..dim).map(|_| (0..6).map(|_| next()).sum()).collect::<Vec<f32>>();
    let rows: Vec<Vec<f32>> = (0..200).map(|_| rotated(&normal(768))).collect();
    let mut errors = Vec::new();
    for _ in 0..20 {
        let q = rotated(&normal(768));
        let query = BitQuery::new(&q);
        for row in &rows {
            let mut code = vec![0; row.len() / 64];
            let factors = encode_bits(row, &mut code);
            let mut counted = [0];
            Kernel::default().count_bits_at(&code, code.len(), &[0], query.planes(), &mut counted);
            let error = f64::from(query.estimate(counted[0], &factors)) - dot(row, &q);
            errors.push(error / f64::from(factors.error * query.norm()));
        }
    }
    let count = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / count;
    let spread = (errors.iter().map(|e| e * e).sum::<f64>() / count).sqrt();
    let beyond = errors.iter().filter(|error| **error > 1.9).count() as f64 / count;
    assert!(mean.abs() < 0.1, "biased by {mean}");
    assert!((0.7..1.2).contains(&spread), "spread {spread}");
    assert!(beyond < 0.04, "{beyond} beyond the bound");
}

/// Of rows that whole codes place within a limit, by the errors that searches grant, heads leave
/// out next to none; and most blocks without such rows they leave out.
#[test]
fn heads_leave_out_what_whole_codes_would() {
    let mut state = 11u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let mut normal =
        || rotated(&(0..768).map(|_| (0..6).map(|_| next()).sum()).collect::<Vec<f32>>());
    let (bound, kernel) =
        (|norm| Bound { shift: 0.0, weight: -2.0, slack: 3.0 * norm }, Kernel::default());
    let (mut near, mut lost, mut far, mut left_out) = (0, 0, 0, 0);
    for _ in 0..20 {
        let q = normal();
        let query = BitQuery::new(&q);
        let (sums, bound) = (Sums::new(&query), bound(query.norm()));
        for _ in 0..20 {
            let mut block = vec![0; block_bytes(768)];
            for row in 0..BLOCK_ROWS {
                // One row in 64 leans towards the query.
                let lean = if row == 0 { 0.5 } else { 0.0 };
                let x: Vec<f32> = normal().iter().zip(&q).map(|(x, q)| x + lean * q).collect();
                let mut code = [0; 12];
                let BitFactors { scale, error, ones } = encode_bits(&x, &mut code);
                write_to_block(&mut block, row, &code, [scale, error, ones, dot(&x, &x) as f32]);
            }
            let (mut bounds, mut others) = ([0.0; BLOCK_ROWS], [0.0; BLOCK_ROWS]);
            sums.within(kernel, &block, (bound, f32::INFINITY), &mut bounds);
            let limit = bounds[0];
            near += 1;
            let found = sums.within_by_head(kernel, &block, (bound, limit), &mut others);
            lost += usize::from(found.is_none_or(|found| found & 1 == 0));
            let none = bounds.iter().fold(f32::INFINITY, |least, bound| least.min(*bound)) - 300.0;
            far += 1;
            let found = sums.within_by_head(kernel, &block, (bound, none), &mut others);
            left_out += usize::from(found.is_none());
        }
    }
    assert!(lost * 100 <= near, "{lost} of {near} lost");
    assert!(left_out * 10 >= far * 9, "{left_out} of {far} left out");
}

impl ByteQuery {
    fn scale_for_tests(&self) -> f32 {
        self.estimate(
            1 + 128 * self.code().iter().map(|x| i32::from(*x)).sum::<i32>(),
            &ByteFactors { scale: 1.0, ..ByteFactors::default() },
        )
    }
}

impl BitQuery {
    fn decoded_for_tests(&self) -> Vec<f64> {
        let words = self.planes().len() / PLANES;
        let (low, step) = (f64::from(self.low()), f64::from(self.step()));
        (0..words * 64)
            .map(|at| {
                let bit = |plane: usize| self.planes()[plane * words + at / 64] >> (at % 64) & 1;
                let k: u64 = (0..PLANES).map(|plane| bit(plane) << plane).sum();
                low + step * k as f64
            })
            .collect()
    }
}

/// Files hold codes of rotated vectors: whatever makes it faster, each bit stays what it was.
#[test]
fn a_rotation_is_the_same_for_ever() {
    let marks = [3, 128, 384, 768, 1000, 4096].map(|dim| {
        let vector: Vec<f32> = (0..dim).map(|at| (at * 37 % 101) as f32 / 64.0 - 0.7).collect();
        let rotation = Rotation::new(dim);
        let mut out = vec![0.0; rotation.width()];
        rotation.rotate(&vector, 0.3, &mut out);
        out.iter().fold(0u32, |mark, x| mark.rotate_left(5) ^ x.to_bits().wrapping_mul(0x9e37_79b1))
    });
    let ever = [4256913111, 2342582713, 750165268, 1516492439, 2642271759, 3437015464];
    assert_eq!(marks, ever);
}
