use cvx_core::{
    CancelToken, CommitSeq, Composite, Decay, EntityId, Metric, Rank, Stop, ValidTime, distance,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{Block, Hit, Selection, Seqs, Vectors};

/// Small chunks on several threads, so that little data takes every turn of the code.
const EAGER: ExactScan = ExactScan { chunk_bytes: 0, parallel_bytes: 0 };

/// A block that owns what it shows.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) dim: usize,
    pub(crate) vectors: Vec<f32>,
    pub(crate) present: Option<Vec<u64>>,
    pub(crate) entities: Vec<u64>,
    pub(crate) ts: Vec<i64>,
    pub(crate) seqs: Result<Vec<u64>, u64>,
    pub(crate) time_ordered: bool,
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    Range(std::ops::Range<usize>),
    Bits(Vec<u64>),
    List(Vec<u32>),
}

impl Rows {
    pub(crate) fn part(&self) -> Part<'_> {
        let block = Block {
            dim: self.dim,
            vectors: Vectors::Floats(&self.vectors),
            present: self.present.as_deref(),
            entities: &self.entities,
            ts: &self.ts,
            seqs: match &self.seqs {
                Ok(each) => Seqs::Each(each),
                Err(one) => Seqs::One(*one),
            },
            time_ordered: self.time_ordered,
        };
        let rows = match &self.chosen {
            Chosen::Range(range) => Selection::Range(range.clone()),
            Chosen::Bits(words) => Selection::Bits(words),
            Chosen::List(list) => Selection::List(list),
        };
        Part { block, rows, index: None }
    }

    pub(crate) fn selects(&self, row: usize) -> bool {
        match &self.chosen {
            Chosen::Range(range) => range.contains(&row),
            Chosen::Bits(words) => words[row / 64] >> (row % 64) & 1 == 1,
            Chosen::List(list) => list.contains(&(row as u32)),
        }
    }

    fn has_vector(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1)
    }

    /// Everything that ranks a row, computed one row at a time.
    fn candidates(&self, request: &Request<'_>, part: usize) -> Vec<Hit> {
        let selected = (0..self.ts.len()).filter(|row| self.selects(*row));
        let hits = selected.map(|row| {
            let vector = &self.vectors[row * self.dim..][..self.dim];
            let ts = ValidTime(self.ts[row]);
            let distance = self.has_vector(row).then(|| {
                let semantic = distance(request.metric, request.query, vector).unwrap();
                request.composite.map_or(semantic, |composite| composite.distance(semantic, ts))
            });
            let seq = self.seqs.as_ref().map_or_else(|one| *one, |each| each[row]);
            let entity = EntityId(self.entities[row]);
            Hit { distance, entity, ts, seq: CommitSeq(seq), part, row }
        });
        hits.collect()
    }
}

pub(crate) fn brute_force(request: &Request<'_>, blocks: &[Rows]) -> Vec<Hit> {
    let mut all: Vec<Hit> = blocks
        .iter()
        .enumerate()
        .flat_map(|(number, rows)| rows.candidates(request, number))
        .collect();
    all.sort_by_key(|hit| (Rank(hit.distance), hit.entity, hit.ts, hit.seq, hit.part, hit.row));
    all.truncate(request.k);
    all
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
        (0..rows as u32).filter(|row| words[*row as usize / 64] >> (row % 64) & 1 == 1).collect()
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

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) metric: Metric,
    pub(crate) query: Vec<f32>,
    pub(crate) blocks: Vec<Rows>,
    pub(crate) k: usize,
    pub(crate) composite: Option<Composite>,
}

const METRICS: [Metric; 5] =
    [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1, Metric::Poincare];

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        10 => (1..20usize).prop_map(|dim| (dim, 400)),
        3 => Just((1, 400)),
        1 => Just((4096, 12)),
    ];
    (select(&METRICS[..]), shape).prop_flat_map(|(metric, (dim, rows_max))| {
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

/// NaN is not equal to itself; its bits are.
fn exact(hits: &[Hit]) -> Vec<(Option<u64>, u64, i64, u64, usize, usize)> {
    hits.iter()
        .map(|hit| {
            let bits = hit.distance.map(|d| if d.is_nan() { u64::MAX } else { d.to_bits() });
            (bits, hit.entity.0, hit.ts.0, hit.seq.0, hit.part, hit.row)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn finds_what_brute_force_finds(case in case(), calm: bool) {
        let cancel = CancelToken::default();
        let request = Request {
            query: &case.query,
            metric: case.metric,
            k: case.k,
            composite: case.composite,
            cancel: &cancel,
        };
        let parts: Vec<Part<'_>> = case.blocks.iter().map(Rows::part).collect();
        let scan = if calm { ExactScan::default() } else { EAGER };
        let answer = scan.search(&request, &parts).unwrap();
        prop_assert_eq!(exact(&answer.hits), exact(&brute_force(&request, &case.blocks)));
        let selected: usize = case.blocks.iter()
            .map(|rows| (0..rows.ts.len()).filter(|row| rows.selects(*row)).count())
            .sum();
        prop_assert!(answer.counters.distances <= selected);
        if case.k > 0 {
            prop_assert_eq!(answer.counters.candidates, selected);
            prop_assert_eq!(answer.counters.blocks, parts.len());
        }
    }
}

/// `rows` ones on a line, one a microsecond.
fn line(rows: usize) -> Rows {
    Rows {
        dim: 1,
        vectors: vec![1.0; rows],
        present: None,
        entities: (0..rows as u64).collect(),
        ts: (0..rows as i64).collect(),
        seqs: Err(1),
        time_ordered: true,
        chosen: Chosen::Range(0..rows),
    }
}

fn ask<'a>(cancel: &'a CancelToken, composite: Option<Composite>) -> Request<'a> {
    Request { query: &[0.5], metric: Metric::L2, k: 3, composite, cancel }
}

#[test]
fn far_away_in_time_is_not_compared() {
    let (near, mut far) = (line(10_000), line(10_000));
    far.ts.iter_mut().for_each(|ts| *ts += 1_000_000);
    let composite = Composite::new(0.5, ValidTime(9_000), 10.0, Decay::Linear).unwrap();
    let cancel = CancelToken::default();
    let scan = ExactScan { parallel_bytes: usize::MAX, ..EAGER };
    for time_ordered in [true, false] {
        let blocks = [&near, &far].map(|rows| Rows { time_ordered, ..rows.clone() });
        let parts = blocks.each_ref().map(Rows::part);
        let answer = scan.search(&ask(&cancel, Some(composite)), &parts).unwrap();
        let entities: Vec<u64> = answer.hits.iter().map(|hit| hit.entity.0).collect();
        assert_eq!(entities, [9_000, 8_999, 9_001]);
        assert_eq!(answer.counters.blocks_pruned, 1);
        assert!(answer.counters.distances <= 256, "{:?}", answer.counters);
        assert_eq!(answer.counters.candidates, 20_000);
    }
}

/// A negative distance may lie anywhere in time.
#[test]
fn inner_products_are_not_pruned_by_time() {
    let (mut near, mut far) = (line(1_000), line(1));
    near.vectors.iter_mut().for_each(|x| *x = -1.0);
    far.vectors[0] = 1e6;
    far.ts[0] = 1_000_000;
    let composite = Composite::new(0.5, ValidTime(0), 10.0, Decay::Linear).unwrap();
    let cancel = CancelToken::default();
    let request = Request { metric: Metric::InnerProduct, ..ask(&cancel, Some(composite)) };
    let answer = EAGER.search(&request, &[near.part(), far.part()]).unwrap();
    let parts: Vec<usize> = answer.hits.iter().map(|hit| hit.part).collect();
    assert_eq!(parts, [1, 0, 0]);
}

#[test]
fn nothing_selected_is_a_block_pruned() {
    let mut rows = line(100);
    rows.chosen = Chosen::Bits(vec![0, 0]);
    let cancel = CancelToken::default();
    let answer = EAGER.search(&ask(&cancel, None), &[rows.part()]).unwrap();
    let pruned = Counters { blocks: 1, blocks_pruned: 1, ..Counters::default() };
    assert_eq!(answer, Answer { hits: vec![], counters: pruned });
}

#[test]
fn stops_when_told() {
    let rows = line(1_000);
    let cancel = CancelToken::default();
    cancel.cancel();
    for scan in [EAGER, ExactScan::default()] {
        let stopped = scan.search(&ask(&cancel, None), &[rows.part()]);
        assert_eq!(stopped, Err(Error::Stopped(Stop::Cancelled)));
    }
}

#[test]
fn a_row_outside_the_ball_is_an_error_unless_left_out() {
    let mut rows = line(10);
    let cancel = CancelToken::default();
    let request = Request { metric: Metric::Poincare, ..ask(&cancel, None) };
    let outside = Err(Error::Distance(cvx_core::DistanceError::OutsideBall));
    assert_eq!(EAGER.search(&request, &[rows.part()]), outside);
    rows.vectors[4] = 0.25;
    rows.chosen = Chosen::List(vec![4]);
    let answer = EAGER.search(&request, &[rows.part()]).unwrap();
    assert_eq!(answer.hits.len(), 1);
}

#[test]
fn malformed_parts_are_refused_by_number() {
    let good = line(100);
    let cancel = CancelToken::default();
    type Breakage = fn(&mut Rows);
    let breakages: [Breakage; 9] = [
        |rows| rows.vectors.truncate(99),
        |rows| rows.entities.truncate(99),
        |rows| rows.seqs = Ok(vec![1; 99]),
        |rows| rows.present = Some(vec![0]),
        |rows| rows.chosen = Chosen::Range(0..101),
        |rows| rows.chosen = Chosen::Bits(vec![0]),
        |rows| rows.chosen = Chosen::List(vec![100]),
        |rows| rows.chosen = Chosen::List(vec![3, 3]),
        |rows| rows.dim = 0,
    ];
    for breakage in breakages {
        let mut bad = good.clone();
        breakage(&mut bad);
        let refused = EAGER.search(&ask(&cancel, None), &[good.part(), bad.part()]);
        assert!(matches!(refused, Err(Error::Malformed { part: 1, .. })), "{refused:?}");
    }
    let request = Request { query: &[1.0, 2.0], ..ask(&cancel, None) };
    let refused = EAGER.search(&request, &[good.part()]);
    assert!(matches!(refused, Err(Error::Distance(_))), "{refused:?}");
}
