use cvx_core::{CancelToken, Composite, Decay, Metric, Stop, ValidTime};
use proptest::prelude::*;

use super::*;
use crate::Hit;
use crate::trial::{Chosen, Rows, brute_force, case, request};

/// Small chunks on several threads, so that little data takes every turn of the code.
const EAGER: ExactScan = ExactScan { chunk_bytes: 0, parallel_bytes: 0 };

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
        let (request, parts) = (case.request(), case.parts());
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
    Rows::of(1, vec![1.0; rows])
}

fn ask(composite: Option<Composite>) -> Request<'static> {
    Request { composite, ..request(&[0.5], Metric::L2, 3) }
}

#[test]
fn far_away_in_time_is_not_compared() {
    let (near, mut far) = (line(10_000), line(10_000));
    far.ts.iter_mut().for_each(|ts| *ts += 1_000_000);
    let composite = Composite::new(0.5, ValidTime(9_000), 10.0, Decay::Linear).unwrap();
    let scan = ExactScan { parallel_bytes: usize::MAX, ..EAGER };
    for time_ordered in [true, false] {
        let blocks = [&near, &far].map(|rows| Rows { time_ordered, ..rows.clone() });
        let parts = blocks.each_ref().map(Rows::part);
        let answer = scan.search(&ask(Some(composite)), &parts).unwrap();
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
    let request = Request { metric: Metric::InnerProduct, ..ask(Some(composite)) };
    let answer = EAGER.search(&request, &[near.part(), far.part()]).unwrap();
    let parts: Vec<usize> = answer.hits.iter().map(|hit| hit.part).collect();
    assert_eq!(parts, [1, 0, 0]);
}

#[test]
fn nothing_selected_is_a_block_pruned() {
    let mut rows = line(100);
    rows.chosen = Chosen::Bits(vec![0, 0]);
    let answer = EAGER.search(&ask(None), &[rows.part()]).unwrap();
    let pruned = Counters { blocks: 1, blocks_pruned: 1, ..Counters::default() };
    assert_eq!(answer, Answer { hits: vec![], counters: pruned });
}

#[test]
fn stops_when_told() {
    let rows = line(1_000);
    let cancel = CancelToken::default();
    cancel.cancel();
    let request = Request { cancel: &cancel, ..ask(None) };
    for scan in [EAGER, ExactScan::default()] {
        let stopped = scan.search(&request, &[rows.part()]);
        assert_eq!(stopped, Err(Error::Stopped(Stop::Cancelled)));
    }
}

#[test]
fn a_row_outside_the_ball_is_an_error_unless_left_out() {
    let mut rows = line(10);
    let request = Request { metric: Metric::Poincare, ..ask(None) };
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
        let refused = EAGER.search(&ask(None), &[good.part(), bad.part()]);
        assert!(matches!(refused, Err(Error::Malformed { part: 1, .. })), "{refused:?}");
    }
    let request = Request { query: &[1.0, 2.0], ..ask(None) };
    let refused = EAGER.search(&request, &[good.part()]);
    assert!(matches!(refused, Err(Error::Distance(_))), "{refused:?}");
}
