//! What rows are scored by changes what a search costs, not what it answers.

use cvx_core::{Composite, Decay, Metric, ValidTime};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::segment::BuildOptions;
use crate::trial::{
    Chosen, METRICS, Measured, Rows, THOROUGH, case, cloud, cloud_of, complete, indexed, lawful,
    measure, standard,
};
use crate::{SegmentIndex, trial};

/// All kinds but the one that all other tests have.
const KINDS: [Quantization; 3] = [Quantization::Fp16, Quantization::Rabitq4, Quantization::Pq];

fn index(
    rows: &Rows,
    metric: Metric,
    quantization: Quantization,
    degree: usize,
) -> Option<SegmentIndex> {
    let options = BuildOptions { quantization, degree, parallel: true, ..standard() };
    let index = trial::index(&rows.block(), metric, &options).ok()?;
    assert_eq!(index.quantization(), quantization);
    Some(index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// As of bytes: with all met, the distances are those of a brute force, by any kind of codes,
    /// also of several kinds in one search.
    #[test]
    fn finds_what_brute_force_finds(
        case in case(),
        kinds in prop::array::uniform4(select(&KINDS[..])),
        roads in select(&[Roads::Codes, Roads::Walk, Roads::Sift, Roads::Cheapest][..]),
    ) {
        let request = case.request();
        let indexes: Vec<_> = case.blocks.iter().zip(kinds)
            .map(|(rows, kind)| index(rows, case.metric, kind, 4))
            .collect();
        let parts = indexed(&case.blocks, &indexes);
        let answer = StHnsw { roads, ..THOROUGH }.search(&request, &parts).unwrap();
        complete(&answer.hits, &case.blocks, &request)?;
        let little = StHnsw { roads, ef: 3, sigmas: 0.5, cache_bytes: 0 };
        let answer = little.search(&request, &parts).unwrap();
        lawful(&answer.hits, &case.blocks, &request)?;
    }
}

/// By any kind as much is found as by bytes, by walks and by sifts, where bits see and where they
/// do not; what rough codes cannot tell is told by the rows, and by no more of them than this.
#[test]
fn every_kind_finds_as_much() {
    for (dim, centres, width) in [(96, 50, 0.15), (96, 0, 0.0), (384, 60, 0.5)] {
        let (rows, queries) = cloud_of(22, 5_000, dim, centres, width);
        let metrics = if centres == 50 { &METRICS[..] } else { &METRICS[1..2] };
        for (metric, kind) in metrics.iter().flat_map(|m| Quantization::ALL.map(|kind| (*m, kind)))
        {
            let index = index(&rows, metric, kind, 16).unwrap();
            let ef = if centres == 0 { 130 } else { 40 };
            for roads in [Roads::Walk, Roads::Sift] {
                let search = StHnsw { ef, roads, ..StHnsw::default() };
                let found = measure(&search, &rows, &index, &queries, None);
                let Measured { recall, scores, distances, .. } = found;
                let what = format!("{metric:?}, {dim}, {centres} centres: {kind:?} by {roads:?}");
                assert!(recall >= 0.95, "{what}: recall {recall}");
                let most = match kind {
                    Quantization::Fp16 => 11,
                    Quantization::Int8 => 30,
                    Quantization::Rabitq4 => 150,
                    Quantization::Pq => 900,
                };
                assert!(distances <= most, "{what}: {distances} of {scores} compared");
            }
        }
    }
}

/// Filters and time, by any kind.
#[test]
fn every_kind_serves_filters_and_time() {
    let (rows, queries) = cloud(13, 5_000, 64, 30);
    let composite = Composite::new(0.5, ValidTime(2_500_000), 1e5, Decay::Linear).unwrap();
    for (kind, metric) in KINDS.into_iter().zip(METRICS) {
        let index = index(&rows, metric, kind, 16).unwrap();
        let list = (0..5_000).filter(|row| row % 5 == 0).collect();
        let some = Rows { chosen: Chosen::List(list), ..rows.clone() };
        let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
        let filtered = measure(&search, &some, &index, &queries, None);
        assert!(filtered.recall >= 0.95, "{kind:?}: recall {} of a fifth", filtered.recall);
        if metric == Metric::Cosine || metric == Metric::L2 {
            let timed = measure(&search, &rows, &index, &queries, Some(composite));
            assert!(timed.recall >= 0.97, "{kind:?}: recall {} with time", timed.recall);
        }
    }
}

/// Several kinds in one index of several blocks are one kind; what is stored is as small as said.
#[test]
fn rows_take_what_is_said() {
    let (rows, _) = cloud(14, 600, 96, 5);
    let bytes = Quantization::ALL.map(|kind| index(&rows, Metric::L2, kind, 16).unwrap().bytes());
    let [int8, fp16, rabitq4, pq] = bytes;
    let of = |kind: Quantization| 600 * kind.row_bytes(96);
    let close = |left: usize, right: usize| left.abs_diff(right) <= 128;
    assert!(close(fp16 - int8, of(Quantization::Fp16) - of(Quantization::Int8)));
    assert!(close(int8 - rabitq4, of(Quantization::Int8) - of(Quantization::Rabitq4)));
    // A codebook of 1 KiB a coordinate.
    assert!(close(pq + of(Quantization::Int8), int8 + of(Quantization::Pq) + (128 << 10)));
}
