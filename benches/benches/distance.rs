//! One query against many rows on one core: from cache (256 rows of 768 numbers are 768 KiB) and
//! from memory (100,000 rows are 293 MiB).

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use cvx_core::{Metric, Query};

const DIM: usize = 768;

/// What loading the rows takes: the least that any distance could.
fn added_up(rows: &[f32]) -> [f32; 64] {
    let mut sums = [0.0; 64];
    for numbers in rows.as_chunks::<64>().0 {
        sums.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x);
    }
    sums
}

fn distances(c: &mut Criterion) {
    for (name, count) in [("cache", 256), ("memory", 100_000)] {
        let mut group = c.benchmark_group(format!("distances/{name}"));
        group.throughput(Throughput::Elements(count as u64)).sample_size(20);
        let mut rows = cvx_benches::vectors(1, count, DIM);
        cvx_benches::scale_rows(&mut rows, DIM, 0.9);
        let mut out = vec![0.0; count];
        for metric in
            [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1, Metric::Poincare]
        {
            let query = Query::new(metric, &rows[..DIM]).expect("a query inside the ball");
            group.bench_function(BenchmarkId::from_parameter(format!("{metric:?}")), |b| {
                b.iter(|| query.distances(black_box(&rows), &mut out));
            });
        }
        group.bench_function("read only", |b| b.iter(|| added_up(black_box(&rows))));
        group.finish();
    }
}

criterion_group!(benches, distances);
criterion_main!(benches);
