//! One query against the codes of many rows on one core, from cache (1,024 rows) and from memory
//! (200,000): bits in row order, and all codes as a walk asks for them, in no order.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cvx_core::code::{
    BLOCK_ROWS, BitQuery, Bound, ByteQuery, CENTROIDS, GRID_BITS, Kernel, SUB_BOOK, SUB_DIM, Sums,
    block_bytes, code_width, encode_bytes, encode_grid, encode_halves, encode_product,
};

const DIM: usize = 768;
/// Rows that a walk asks for at a time.
const STEP: usize = 16;

const BOUND: Bound = Bound { shift: 0.0, weight: -2.0, slack: 1.5 };

/// Numbers that look like none in particular.
fn noise(count: usize) -> impl Iterator<Item = u64> {
    let mut state = 7u64;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state ^ state >> 29
    })
}

fn codes(c: &mut Criterion) {
    let width = code_width(DIM);
    let residual = cvx_benches::vectors(1, 1, width);
    let (bits, bytes) = (BitQuery::new(&residual), ByteQuery::new(&residual));
    let (sums, kernel) = (Sums::new(&bits), Kernel::default());
    for (name, rows) in [("cache", 1_024), ("memory", 200_000)] {
        let mut group = c.benchmark_group(format!("codes/{name}"));
        group.throughput(Throughput::Elements(rows as u64)).sample_size(20);
        let words: Vec<u64> = noise(rows * width / 8 + 8).collect();
        let words = in_line(&words);
        let all: &[u8] = bytemuck::cast_slice(words);
        let places: Vec<u32> = noise(rows).map(|at| (at % rows as u64) as u32).collect();
        group.bench_function(BenchmarkId::from_parameter("bits side by side"), |b| {
            let mut bounds = [0.0; BLOCK_ROWS];
            let blocks = &all[..rows / BLOCK_ROWS * block_bytes(width)];
            b.iter(|| {
                for block in blocks.chunks_exact(block_bytes(width)) {
                    sums.within(kernel, black_box(block), (BOUND, 0.0), &mut bounds);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("bits here and there"), |b| {
            let mut counted = [0; STEP];
            b.iter(|| {
                for places in places.chunks_exact(STEP) {
                    kernel.count_bits_at(words, 16, places, bits.planes(), &mut counted);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("bytes here and there"), |b| {
            let mut summed = [0; STEP];
            // As an index has them, each with four floats behind it.
            let stride = width + 16;
            let words: Vec<u64> = noise((rows * stride + 64) / 8).collect();
            let all: &[u8] = bytemuck::cast_slice(in_line(&words));
            b.iter(|| {
                for places in places.chunks_exact(STEP) {
                    kernel.sum_bytes_at(all, stride, places, bytes.code(), &mut summed);
                }
            });
        });
        group.finish();
    }
}

/// The codes that rows may be scored by instead of bytes.
fn others(c: &mut Criterion) {
    let (width, kernel) = (code_width(DIM), Kernel::default());
    let numbers = cvx_benches::vectors(1, 1, width);
    let bytes = ByteQuery::new(&numbers);
    let tables = cvx_benches::vectors(1, 1, width / SUB_DIM * CENTROIDS);
    for (name, rows) in [("cache", 1_024), ("memory", 200_000)] {
        let mut group = c.benchmark_group(format!("codes/{name}"));
        group.throughput(Throughput::Elements(rows as u64)).sample_size(20);
        let words: Vec<u64> = noise(rows * width / 4).collect();
        // No exponent of infinity.
        let all: Vec<u8> = bytemuck::cast_slice(&words).iter().map(|b: &u8| b & 0xbb).collect();
        let places: Vec<u32> = noise(rows).map(|at| (at % rows as u64) as u32).collect();
        group.bench_function(BenchmarkId::from_parameter("4 bits here and there"), |b| {
            let mut summed = [0; STEP];
            b.iter(|| {
                for places in places.chunks_exact(STEP) {
                    let query = black_box(bytes.code());
                    kernel.sum_nibbles_at(&all, width / 2, places, query, &mut summed);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("halves here and there"), |b| {
            let mut summed = [0.0; STEP];
            b.iter(|| {
                for places in places.chunks_exact(STEP) {
                    let query = black_box(&numbers);
                    kernel.sum_halves_at(&all, 2 * width, places, query, &mut summed);
                }
            });
        });
        group.bench_function(BenchmarkId::from_parameter("centroids here and there"), |b| {
            let mut summed = [0.0; STEP];
            b.iter(|| {
                for places in places.chunks_exact(STEP) {
                    let tables = black_box(&tables);
                    kernel.look_up_at(&all, width / SUB_DIM, places, tables, &mut summed);
                }
            });
        });
        group.finish();
    }
}

/// From the start of a cache line on, as maps have them.
fn in_line(words: &[u64]) -> &[u64] {
    &words[words.as_ptr().align_offset(64)..]
}

/// What turning a row into codes takes.
fn encode(c: &mut Criterion) {
    let width = code_width(DIM);
    let residual = cvx_benches::vectors(1, 1, width);
    let codebook = cvx_benches::vectors(1, 1, width / SUB_DIM * SUB_BOOK);
    let mut group = c.benchmark_group("codes/encode");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut code = vec![0; 2 * width];
    group.bench_function(BenchmarkId::from_parameter("bytes"), |b| {
        b.iter(|| encode_bytes(black_box(&residual), &mut code[..width]));
    });
    for bits in GRID_BITS {
        group.bench_function(BenchmarkId::from_parameter(format!("{bits} bits")), |b| {
            b.iter(|| encode_grid(black_box(&residual), bits, &mut code[..width]));
        });
    }
    group.bench_function(BenchmarkId::from_parameter("halves"), |b| {
        b.iter(|| encode_halves(black_box(&residual), &mut code));
    });
    group.bench_function(BenchmarkId::from_parameter("centroids"), |b| {
        b.iter(|| encode_product(black_box(&residual), &codebook, &mut code[..width / SUB_DIM]));
    });
    group.finish();
}

criterion_group!(benches, codes, others, encode);
criterion_main!(benches);
