//! The ten nearest of 100,000 x 768 by exact scan, on every thread there is: all rows, the rows a
//! bitset selects, and composite with time, where most rows are left out by their bound.
//!
//! numpy's matrix product over the same shape, for comparison:
//! `python3 -m timeit -s 'import numpy as n; m=n.random.rand(100000,768).astype("f4"); q=m[0]' 'm@q'`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cvx_core::{CancelToken, Composite, Decay, Metric, ValidTime};
use cvx_index::{Block, ExactScan, Part, Request, Search, Selection, Seqs, Vectors};

const DIM: usize = 768;
const ROWS: usize = 100_000;
/// One row a minute, ten weeks of them.
const STEP_US: i64 = 60_000_000;
const DAY_US: f64 = 86_400e6;

struct Corpus {
    vectors: Vec<f32>,
    entities: Vec<u64>,
    ts: Vec<i64>,
}

impl Corpus {
    fn new() -> Self {
        Self {
            vectors: cvx_benches::vectors(1, ROWS, DIM),
            entities: (0..ROWS as u64).map(|row| row % 1_000).collect(),
            ts: (0..ROWS as i64).map(|row| row * STEP_US).collect(),
        }
    }

    fn part<'a>(&'a self, rows: Selection<'a>) -> Part<'a> {
        let block = Block {
            dim: DIM,
            vectors: Vectors::Floats(&self.vectors),
            present: None,
            entities: &self.entities,
            ts: &self.ts,
            seqs: Seqs::One(1),
            time_ordered: true,
        };
        Part { block, rows, index: None }
    }
}

fn exact_scan(c: &mut Criterion) {
    let corpus = Corpus::new();
    let query = cvx_benches::vectors(2, 1, DIM);
    let cancel = CancelToken::default();
    let plain =
        Request { query: &query, metric: Metric::L2, k: 10, composite: None, cancel: &cancel };
    let scan = ExactScan::default();
    let mut group = c.benchmark_group("exact_scan");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);

    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1] {
        let request = Request { metric, ..plain };
        let parts = [corpus.part(Selection::all(ROWS))];
        group.bench_function(format!("all/{metric:?}"), |b| {
            b.iter(|| scan.search(&request, &parts).expect("an answer"));
        });
    }
    for (name, word) in [("half", 0x5555_5555_5555_5555), ("one in 64", 1)] {
        let words = vec![word; ROWS.div_ceil(64)];
        let parts = [corpus.part(Selection::Bits(&words))];
        group.bench_function(format!("bits/{name}"), |b| {
            b.iter(|| scan.search(&plain, &parts).expect("an answer"));
        });
    }
    for (alpha, tau_days) in [(0.9, 1.0), (0.5, 1.0), (0.5, 30.0)] {
        let at = ValidTime(ROWS as i64 / 2 * STEP_US);
        let composite = Composite::new(alpha, at, tau_days * DAY_US, Decay::Linear);
        let composite = Some(composite.expect("weights within bounds"));
        let request = Request { composite, metric: Metric::Cosine, ..plain };
        let parts = [corpus.part(Selection::all(ROWS))];
        group.bench_function(format!("composite/alpha {alpha} tau {tau_days} d"), |b| {
            b.iter(|| scan.search(&request, &parts).expect("an answer"));
        });
    }
    group.finish();
}

criterion_group!(benches, exact_scan);
criterion_main!(benches);
