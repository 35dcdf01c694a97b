//! A question over some blocks, of any shape and kind.

use super::rows::is_set;
use super::{Chosen, Rows, request};
use crate::{Part, Request};
use cvx_core::{Composite, Decay, Metric, ValidTime};
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) metric: Metric,
    pub(crate) query: Vec<f32>,
    pub(crate) blocks: Vec<Rows>,
    pub(crate) k: usize,
    pub(crate) composite: Option<Composite>,
}

impl Case {
    pub(crate) fn request(&self) -> Request<'_> {
        Request { composite: self.composite, ..request(&self.query, self.metric, self.k) }
    }

    /// The blocks without indexes.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        self.blocks.iter().map(Rows::part).collect()
    }
}

/// Numbers few enough that distances tie, small enough that 4,096 of them stay inside the ball.
fn coordinate(metric: Metric, dim: usize) -> BoxedStrategy<f32> {
    match metric {
        Metric::Poincare => {
            let step = 0.3 / (dim as f32).sqrt();
            (-3..=3i8).prop_map(move |x| f32::from(x) * step).boxed()
        }
        _ => (-2..=2i8).prop_map(f32::from).boxed(),
    }
}

fn vectors(metric: Metric, dim: usize, rows: usize) -> BoxedStrategy<Vec<f32>> {
    let row = prop_oneof![
        5 => prop::collection::vec(coordinate(metric, dim), dim),
        1 => Just(vec![0.0; dim]),
    ];
    prop::collection::vec(row, rows).prop_map(|rows| rows.concat()).boxed()
}

fn words(rows: usize) -> impl Strategy<Value = Vec<u64>> {
    let word =
        prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), any::<u64>().prop_map(|w| w & w >> 9)];
    prop::collection::vec(word, rows.div_ceil(64))
}

fn chosen(rows: usize) -> BoxedStrategy<Chosen> {
    let list = move |words: Vec<u64>| {
        (0..rows as u32).filter(|row| is_set(&words, *row as usize)).collect()
    };
    prop_oneof![
        Just(Chosen::Range(0..rows)),
        (0..=rows, 0..=rows).prop_map(|(a, b)| Chosen::Range(a.min(b)..a.max(b))),
        words(rows).prop_map(Chosen::Bits),
        words(rows).prop_map(move |words| Chosen::List(list(words))),
    ]
    .boxed()
}

fn block(metric: Metric, dim: usize, rows_max: usize) -> BoxedStrategy<Rows> {
    let shape =
        (0..=rows_max).prop_flat_map(move |rows| {
            (
                vectors(metric, dim, rows),
                prop_oneof![3 => Just(None), 2 => words(rows).prop_map(Some)],
                prop::collection::vec(0..20u64, rows),
                prop::collection::vec(-500..500i64, rows),
                prop_oneof![
                    prop::collection::vec(1..4u64, rows).prop_map(Ok),
                    (1..4u64).prop_map(Err),
                ],
                chosen(rows),
                any::<bool>(),
            )
        });
    shape
        .prop_map(move |(vectors, present, entities, mut ts, seqs, chosen, time_ordered)| {
            if time_ordered {
                ts.sort_unstable();
            }
            Rows { dim, vectors, present, entities, ts, seqs, time_ordered, chosen }
        })
        .boxed()
}

fn composite() -> impl Strategy<Value = Option<Composite>> {
    let weighed = (
        prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
        -700..700i64,
        prop_oneof![Just(1.0), Just(1e9), 1.0..2000.0],
        select(&[Decay::Linear, Decay::Exponential][..]),
    );
    prop_oneof![
        Just(None),
        weighed.prop_map(|(alpha, at, tau_us, decay)| {
            Some(Composite::new(alpha, ValidTime(at), tau_us, decay).unwrap())
        }),
    ]
}

const ALL_METRICS: [Metric; 5] =
    [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1, Metric::Poincare];

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        10 => (1..20usize).prop_map(|dim| (dim, 400)),
        3 => Just((1, 400)),
        1 => Just((4096, 12)),
    ];
    (select(&ALL_METRICS[..]), shape).prop_flat_map(|(metric, (dim, rows_max))| {
        (
            vectors(metric, dim, 1),
            prop::collection::vec(block(metric, dim, rows_max), 0..4),
            prop_oneof![1 => Just(0usize), 6 => 1..30usize, 2 => 30..2000usize],
            composite(),
        )
            .prop_map(move |(query, blocks, k, composite)| Case {
                metric,
                query,
                blocks,
                k,
                composite,
            })
    })
}
