//! Rows of half floats are searched as the same numbers as floats are.

use cvx_core::Metric;
use cvx_core::distance::{half_of, widen};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::segment::{BuildOptions, merge_index, sketch_block};
use crate::trial::{
    Case, METRICS, Questions, Rows, THOROUGH, case, cloud, complete, distances, lawful, request,
    standard,
};
use crate::{Block, Hit, Indexed, Quantization, SegmentIndex, Vectors, trial};

/// The halves of some rows, whose floats become what the halves say.
fn halved(rows: &mut Rows) -> Vec<u16> {
    let halves: Vec<u16> = rows.vectors.iter().map(|x| half_of(*x)).collect();
    widen(&halves, &mut rows.vectors);
    halves
}

fn part<'a>(rows: &'a Rows, halves: &'a [u16]) -> Part<'a> {
    let block = Block { vectors: Vectors::Halves(halves), ..rows.block() };
    Part { block, ..rows.part() }
}

fn parts<'a>(case: &'a Case, halves: &'a [Vec<u16>]) -> Vec<Part<'a>> {
    case.blocks.iter().zip(halves).map(|(rows, halves)| part(rows, halves)).collect()
}

/// A case of halves.
fn halved_case() -> impl Strategy<Value = (Case, Vec<Vec<u16>>)> {
    case().prop_map(|mut case| {
        let halves = case.blocks.iter_mut().map(halved).collect();
        (case, halves)
    })
}

/// How the rows of a block are indexed.
#[derive(Clone, Copy, Debug)]
enum How {
    Graph(Quantization),
    Sketch,
    None,
}

fn index(block: &Block<'_>, metric: Metric, how: How) -> Option<SegmentIndex> {
    match how {
        How::Graph(quantization) => {
            let options = BuildOptions { quantization, degree: 4, ..standard() };
            trial::index(block, metric, &options).ok()
        }
        How::Sketch => sketch_block(block, metric, None).ok(),
        How::None => None,
    }
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        2 => select(&Quantization::ALL[..]).prop_map(How::Graph),
        1 => Just(How::Sketch),
        1 => Just(How::None),
    ]
}

const ROADS: [Roads; 4] = [Roads::Codes, Roads::Walk, Roads::Sift, Roads::Cheapest];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Every row compared: the very answer that floats have, ties and all.
    #[test]
    fn a_scan_answers_as_that_of_floats((case, halves) in halved_case()) {
        let (asked, scan) = (case.request(), ExactScan::default());
        let found = scan.search(&asked, &parts(&case, &halves)).unwrap();
        let wanted = scan.search(&asked, &case.parts()).unwrap();
        prop_assert_eq!(distances(&found.hits), distances(&wanted.hits));
        let place = |hit: &Hit| (hit.entity, hit.ts, hit.seq, hit.part, hit.row);
        let places = |hits: &[Hit]| hits.iter().map(place).collect::<Vec<_>>();
        prop_assert_eq!(places(&found.hits), places(&wanted.hits));
        prop_assert_eq!(found.counters.candidates, wanted.counters.candidates);
    }

    /// By graphs, sketches and what has neither, of every kind of codes.
    #[test]
    fn indexes_find_what_brute_force_finds(
        (case, halves) in halved_case(),
        hows in prop::array::uniform4(how()),
        roads in select(&ROADS[..]),
    ) {
        let (asked, plain) = (case.request(), parts(&case, &halves));
        let indexes: Vec<_> =
            plain.iter().zip(hows).map(|(p, how)| index(&p.block, case.metric, how)).collect();
        let with = |(part, index): (&Part<'_>, &Option<SegmentIndex>)| {
            index.as_ref().map(|index| index.rows()).is_none_or(|rows| rows == part.block.rows())
        };
        prop_assert!(plain.iter().zip(&indexes).all(with));
        let parts: Vec<_> = plain.iter().zip(&indexes).map(|(part, index)| {
            Part { index: index.as_ref().map(Indexed::alone), ..part.clone() }
        }).collect();
        let answer = StHnsw { roads, ..THOROUGH }.search(&asked, &parts).unwrap();
        complete(&answer.hits, &case.blocks, &asked)?;
        let little = StHnsw { roads, ef: 3, sigmas: 0.5, ..StHnsw::default() };
        let answer = little.search(&asked, &parts).unwrap();
        lawful(&answer.hits, &case.blocks, &asked)?;
    }

    /// The image over halves is that over their floats: bit for bit, alone and merged.
    #[test]
    fn an_index_does_not_tell_them_apart(
        (case, halves) in halved_case(),
        quantization in select(&Quantization::ALL[..]),
    ) {
        let options = BuildOptions { degree: 4, quantization, ..standard() };
        let built = |blocks: Vec<Block<'_>>| {
            let labelled: Vec<_> = (0..).zip(blocks).collect();
            merge_index(&labelled, case.metric, &options).map(|built| built.to_bytes())
        };
        let of_halves = parts(&case, &halves).iter().map(|part| part.block).collect();
        let of_floats = case.blocks.iter().map(Rows::block).collect();
        prop_assert!(built(of_halves) == built(of_floats), "images differ");
    }
}

/// As much is found as of floats, by walks and sifts, at the default effort.
#[test]
fn halves_are_found_as_well_as_floats() {
    let (mut rows, queries) = cloud(31, 6_000, 96, 60);
    let halves = halved(&mut rows);
    for metric in METRICS {
        let plain = part(&rows, &halves);
        let options = BuildOptions { parallel: true, ..standard() };
        let index = trial::index(&plain.block, metric, &options).unwrap();
        let parts = [Part { index: Some(Indexed::alone(&index)), ..plain }];
        let (blocks, queries) = (std::slice::from_ref(&rows), &queries[..]);
        let questions = Questions { blocks, queries, metric, composite: None };
        for roads in [Roads::Walk, Roads::Sift] {
            let recall = questions.ask(&StHnsw { roads, ..StHnsw::default() }, &parts).recall;
            assert!(recall >= 0.95, "{metric:?} by {roads:?}: recall {recall}");
        }
    }
}

#[test]
fn halves_of_other_rows_are_refused() {
    let asked = request(&[1.0], Metric::L2, 1);
    let block = Block {
        dim: 1,
        vectors: Vectors::Halves(&[0x3c00]),
        present: None,
        entities: &[1],
        ts: &[1],
        seqs: crate::Seqs::One(1),
        time_ordered: true,
    };
    let with = |block, rows| {
        let part = Part { block, rows: Selection::all(rows), index: None };
        ExactScan::default().search(&asked, &[part])
    };
    assert_eq!(with(block, 1).unwrap().hits[0].distance, Some(0.0));
    assert!(with(Block { vectors: Vectors::Halves(&[]), ..block }, 1).is_err());
    assert!(with(Block { dim: 2, ..block }, 1).is_err());
    assert!(with(block, 2).is_err());
}
