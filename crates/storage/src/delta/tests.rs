#![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::*;
use crate::testing::Random;
use proptest::prelude::*;

fn addresses(random: &mut Random, n: usize) -> Vec<(ValidTime, CommitSeq)> {
    let mut ts = random.next().cast_signed();
    let mut step = |random: &mut Random| {
        ts = ts.wrapping_add((random.next() >> random.below(64)).cast_signed());
        (ValidTime(ts), CommitSeq(random.next()))
    };
    (0..n).map(|_| step(random)).collect()
}

/// A walk: each vector is the one before, moved a little in every dimension.
fn walk(seed: u64, n: usize, dim: usize, scale: f32, step: f32) -> DeltaBlock {
    let mut random = Random(seed);
    let mut now: Vec<f32> = (0..dim).map(|_| random.float() * scale).collect();
    let mut values = Vec::with_capacity(n * dim);
    for _ in 0..n {
        values.extend_from_slice(&now);
        now.iter_mut().for_each(|x| *x += random.float() * step);
    }
    DeltaBlock { addresses: addresses(&mut random, n), dim, values }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn greatest_error(a: &DeltaBlock, b: &DeltaBlock) -> f64 {
    let pairs = a.values.iter().zip(&b.values);
    pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).fold(0.0, f64::max)
}

/// Any bits at all: tiny, huge, negative zero, infinite and not numbers too.
fn wild() -> impl Strategy<Value = DeltaBlock> {
    (1usize..12, 1usize..9, any::<u64>()).prop_flat_map(|(n, dim, seed)| {
        let float = prop_oneof![
            any::<u32>().prop_map(f32::from_bits),
            Just(-0.0f32),
            Just(0.0),
            Just(f32::MAX),
            Just(f32::MIN_POSITIVE / 2.0),
            -1.0f32..1.0,
        ];
        let addresses = addresses(&mut Random(seed), n);
        prop::collection::vec(float, n * dim).prop_map(move |values| DeltaBlock {
            addresses: addresses.clone(),
            dim,
            values,
        })
    })
}

proptest! {
    #[test]
    fn without_epsilon_every_bit_comes_back(vectors in wild()) {
        let back = decode_block(&encode_block(&vectors, 0.0).unwrap()).unwrap();
        prop_assert_eq!(bits(&back.values), bits(&vectors.values));
        prop_assert_eq!(back.addresses, vectors.addresses);
        prop_assert_eq!(back.dim, vectors.dim);
    }

    #[test]
    fn no_error_is_greater_than_epsilon(
        seed: u64, n in 1usize..80, dim in 1usize..20,
        scale in prop_oneof![Just(0.0f32), Just(0.05), Just(1.0), Just(300.0), Just(1e30)],
        step in prop_oneof![Just(0.0f32), Just(1e-4), Just(0.1), Just(1e3)],
        epsilon in (-12f64..3.0).prop_map(|exponent| 10f64.powf(exponent)),
    ) {
        let vectors = walk(seed, n, dim, scale, step);
        let bytes = encode_block(&vectors, epsilon).unwrap();
        let back = decode_block(&bytes).unwrap();
        prop_assert!(greatest_error(&vectors, &back) <= epsilon);
        prop_assert_eq!(&back.addresses, &vectors.addresses);
        // On the grid already, a second time moves a value by a float's rounding, not by a
        // step: errors do not add up.
        if vectors.values.iter().all(|value| value.abs() < 1.0) && epsilon > 1e-5 {
            let again = decode_block(&encode_block(&back, epsilon).unwrap()).unwrap();
            prop_assert!(greatest_error(&vectors, &again) <= 1.5 * epsilon);
        }
    }

    #[test]
    fn with_an_epsilon_wild_numbers_are_kept_or_near(
        vectors in wild(), epsilon in 1e-9f64..10.0,
    ) {
        let back = decode_block(&encode_block(&vectors, epsilon).unwrap()).unwrap();
        for (a, b) in vectors.values.iter().zip(&back.values) {
            let near = (f64::from(*a) - f64::from(*b)).abs() <= epsilon;
            prop_assert!(near || a.to_bits() == b.to_bits(), "{} became {}", a, b);
        }
    }

    #[test]
    fn blocks_hold_no_more_than_the_interval(
        seed: u64, n in 1usize..60, interval in 0u32..20, lossy: bool,
    ) {
        let vectors = walk(seed, n, 7, 1.0, 0.01);
        let epsilon = if lossy { 1e-3 } else { 0.0 };
        let options = DeltaOptions { keyframe_interval: interval, epsilon };
        let blocks = encode_blocks(&vectors, &options).unwrap();
        prop_assert_eq!(blocks.len(), n.div_ceil(interval.max(1) as usize));
        let mut joined = DeltaBlock { dim: 7, ..DeltaBlock::default() };
        for (ts, seq, bytes) in blocks {
            let block = decode_block(&bytes).unwrap();
            prop_assert!(block.addresses.len() <= interval.max(1) as usize);
            prop_assert_eq!(block.addresses[0], (ts, seq));
            prop_assert_eq!(block_shape(&bytes).unwrap(), (block.addresses.len(), 7));
            joined.addresses.extend(block.addresses);
            joined.values.extend(block.values);
        }
        prop_assert_eq!(&joined.addresses, &vectors.addresses);
        prop_assert!(greatest_error(&joined, &vectors) <= epsilon);
    }

    #[test]
    fn garbage_is_refused_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(decode_block(&bytes).is_err());
        // The same with a right checksum, so that what lies behind it is reached.
        let mut framed = [&b"CVXD\x01\x01\0\0"[..], &bytes].concat();
        framed.resize(framed.len().max(HEADER_BYTES), 0);
        let crc = checksum(&[&framed[..FIELD_BYTES], &framed[HEADER_BYTES..]]);
        framed[FIELD_BYTES..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        let _ = decode_block(&framed);
    }

    #[test]
    fn a_true_block_with_a_false_header_is_refused(
        seed: u64, at in 5usize..FIELD_BYTES, byte: u8,
    ) {
        let good = encode_block(&walk(seed, 9, 5, 1.0, 0.01), 1e-4).unwrap();
        let mut bad = good.clone();
        bad[at] = byte;
        let crc = checksum(&[&bad[..FIELD_BYTES], &bad[HEADER_BYTES..]]);
        bad[FIELD_BYTES..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        // Another step or mode gives other numbers, for which the checksum stands; all else fails.
        let says_sizes = !(16..24).contains(&at) && at != 5;
        prop_assume!(bad != good && says_sizes && !(32..36).contains(&at));
        prop_assert!(decode_block(&bad).is_err(), "byte {} as {}", at, byte);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let good = encode_block(&walk(1, 9, 5, 1.0, 0.01), 0.0).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_block(&bad).is_err(), "bit {bit}");
    }
    for length in 0..good.len() {
        assert!(decode_block(&good[..length]).is_err(), "length {length}");
    }
}

#[test]
fn errors_do_not_accumulate_along_a_long_chain() {
    let vectors = walk(3, 2000, 4, 0.5, 0.003);
    let back = decode_block(&encode_block(&vectors, 1e-4).unwrap()).unwrap();
    let error = |from: usize| {
        let pairs = vectors.values[from..from + 400].iter().zip(&back.values[from..]);
        pairs.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max)
    };
    assert!(error(7600) <= 1e-4 && error(0) <= 1e-4);
}

#[test]
fn impossible_blocks_are_not_encoded() {
    let empty = DeltaBlock::default();
    let uneven = DeltaBlock { dim: 3, values: vec![1.0; 5], ..walk(1, 2, 3, 1.0, 0.1) };
    for bad in [empty, uneven] {
        assert!(matches!(encode_block(&bad, 0.0), Err(Error::Invalid { .. })));
        let options = DeltaOptions { keyframe_interval: 4, epsilon: 0.0 };
        assert!(matches!(encode_blocks(&bad, &options), Err(Error::Invalid { .. })));
    }
}

/// A unit vector drifting by `drift` a step (L2), as embeddings of an edited document do.
fn drift(n: usize, dim: usize, drift: f32) -> DeltaBlock {
    let mut random = Random(7);
    let mut normal = || (0..12).map(|_| random.float()).sum::<f32>() / 2.0;
    let mut now: Vec<f32> = (0..dim).map(|_| normal()).collect();
    let mut values = Vec::with_capacity(n * dim);
    for _ in 0..n {
        let norm = now.iter().map(|x| x * x).sum::<f32>().sqrt();
        now.iter_mut().for_each(|x| *x /= norm);
        values.extend_from_slice(&now);
        let scale = drift / (dim as f32).sqrt();
        now.iter_mut().for_each(|x| *x += normal() * scale);
    }
    let addresses = (0..n).map(|at| (ValidTime(at as i64 * 60_000_000), CommitSeq(1 << 50)));
    DeltaBlock { addresses: addresses.collect(), dim, values }
}

fn ratio(vectors: &DeltaBlock, epsilon: f64) -> f64 {
    let options = DeltaOptions { keyframe_interval: 32, epsilon };
    let blocks = encode_blocks(vectors, &options).unwrap();
    let bytes: usize = blocks.iter().map(|(_, _, bytes)| bytes.len()).sum();
    (vectors.values.len() * 4) as f64 / bytes as f64
}

/// The ratios the format is chosen for; printed with `--nocapture`.
#[test]
fn slow_drift_compresses() {
    for (step, least) in [(1e-4, [1.9, 4.0, 20.0]), (1e-3, [1.5, 2.5, 10.0])] {
        let vectors = drift(256, 768, step);
        for (epsilon, least) in [0.0, 1e-7, 1e-4].into_iter().zip(least) {
            let ratio = ratio(&vectors, epsilon);
            println!("drift {step:e} a step, epsilon {epsilon:e}: raw / stored = {ratio:.2}");
            assert!(ratio > least, "drift {step}, epsilon {epsilon}: {ratio}");
        }
    }
}
