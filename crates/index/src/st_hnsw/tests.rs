use cvx_core::code::Kernel;
use cvx_core::{CancelToken, Composite, Decay, Metric, Stop, ValidTime};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::segment::{BuildError, BuildOptions, Lead, build_index, merge_index, sketch_block};
use crate::trial::{
    Chosen, METRICS, Measured, Questions, Rows, THOROUGH, brute_force, case, cloud, cloud_of,
    complete, in_cells, indexed, lawful, measure, request, standard,
};
use crate::{Hit, Indexed, SegmentIndex, trial};

const ROADS: [Roads; 5] = [Roads::Codes, Roads::Walk, Roads::Sift, Roads::Cells, Roads::Cheapest];

fn index(rows: &Rows, metric: Metric) -> Option<SegmentIndex> {
    trial::index(&rows.block(), metric, &BuildOptions { degree: 4, ..in_cells() }).ok()
}

fn index_of(rows: &Rows, metric: Metric) -> SegmentIndex {
    let options = BuildOptions { parallel: true, ..standard() };
    trial::index(&rows.block(), metric, &options).unwrap()
}

fn index_in_cells(rows: &Rows, metric: Metric) -> SegmentIndex {
    let options = BuildOptions { parallel: true, ..in_cells() };
    trial::index(&rows.block(), metric, &options).unwrap()
}

/// One index over all blocks; none if they cannot have one.
fn merged(blocks: &[Rows], metric: Metric, degree: usize) -> Option<SegmentIndex> {
    let labelled: Vec<_> = (0..).zip(blocks.iter().map(Rows::block)).collect();
    let options = BuildOptions { degree, parallel: true, ..in_cells() };
    let built = merge_index(&labelled, metric, &options).ok()?;
    Some(SegmentIndex::open(built.to_bytes()).unwrap())
}

/// The parts as they lie in an index over all of them, but for those left out; with indexes of
/// their own, if there are any.
fn in_one<'a>(
    blocks: &'a [Rows],
    index: Option<&'a SegmentIndex>,
    own: &'a [Option<SegmentIndex>],
    asked: impl Fn(usize) -> bool,
) -> Vec<Part<'a>> {
    let mut first = 0;
    let place = |(at, rows): (usize, &'a Rows)| {
        let mut part = rows.part();
        let own = own.get(at).and_then(Option::as_ref);
        part.index = index.map(|index| Indexed { index, first, own });
        first += part.block.rows();
        asked(at).then_some(part)
    };
    blocks.iter().enumerate().filter_map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// All metrics, selections, composites, NULLs, zero vectors, dimensions from 1 to 4096, k
    /// beyond the rows: with all met, the distances are those of a brute force.
    #[test]
    fn finds_what_brute_force_finds(
        case in case(),
        roads in select(&ROADS[..]),
    ) {
        let request = case.request();
        let indexes: Vec<_> = case.blocks.iter().map(|rows| index(rows, case.metric)).collect();
        let parts = indexed(&case.blocks, &indexes);
        let answer = StHnsw { roads, ..THOROUGH }.search(&request, &parts).unwrap();
        complete(&answer.hits, &case.blocks, &request)?;
    }

    /// The same of one index over several blocks, of which not all are asked about, and of which
    /// some or all have an index of their own.
    #[test]
    fn finds_it_in_an_index_of_several_blocks(
        case in case(),
        left_out in 0..4usize,
        with_own in 0..5usize,
        roads in select(&ROADS[..]),
    ) {
        let request = case.request();
        let index = merged(&case.blocks, case.metric, 4);
        let with_own = case.blocks.iter().take(with_own);
        let own: Vec<_> = with_own.map(|rows| self::index(rows, case.metric)).collect();
        let parts = in_one(&case.blocks, index.as_ref(), &own, |at| at != left_out);
        let answer = StHnsw { roads, ..THOROUGH }.search(&request, &parts).unwrap();
        let mut asked = case.blocks.clone();
        if left_out < asked.len() {
            asked.remove(left_out);
        }
        complete(&answer.hits, &asked, &request)?;
    }

    /// The same of rows with codes only, around the centre of the first, beside some with a graph.
    #[test]
    fn finds_it_in_sketches(
        case in case(),
        with_graph in 0..3usize,
        roads in select(&ROADS[..]),
    ) {
        let request = case.request();
        let mut indexes: Vec<Option<SegmentIndex>> = Vec::new();
        for (at, rows) in case.blocks.iter().enumerate() {
            let like = indexes.first().and_then(Option::as_ref);
            let sketch = || sketch_block(&rows.part().block, case.metric, like).ok();
            let new = if at < with_graph { index(rows, case.metric) } else { sketch() };
            indexes.push(new);
        }
        let parts = indexed(&case.blocks, &indexes);
        let answer = StHnsw { roads, ..THOROUGH }.search(&request, &parts).unwrap();
        complete(&answer.hits, &case.blocks, &request)?;
    }

    /// With little effort rows may be missed, but the law holds.
    #[test]
    fn little_effort_is_lawful(case in case(), ef in 1..8usize, sigmas in 0.0f32..1.0,
                               cache_bytes in select(&[0, 8 << 20][..]),
                               roads in select(&ROADS[..])) {
        let request = case.request();
        let indexes: Vec<_> = case.blocks.iter().map(|rows| index(rows, case.metric)).collect();
        let parts = indexed(&case.blocks, &indexes);
        let answer = StHnsw { ef, roads, sigmas, cache_bytes }.search(&request, &parts).unwrap();
        lawful(&answer.hits, &case.blocks, &request)?;
    }
}

/// A search of indexes that lie in no cache, however few rows a test has.
fn uncached() -> StHnsw {
    StHnsw { cache_bytes: 0, ..StHnsw::default() }
}

/// The gate against regressions counts work, not time: rows scored by bytes for a recall of 0.95,
/// on clustered rows and on rows without any structure.
#[test]
fn walks_find_enough_for_their_work() {
    for (centres, ef, scores_max) in [(50, 40, 220), (0, 130, 1_500)] {
        let (rows, queries) = cloud(11, 8_000, 96, centres);
        // The largest products of rows without structure are with the longest rows, wherever they
        // lie: no graph leads there (0.57 at this effort), and such a search needs a larger ef.
        let metrics = if centres == 0 { &METRICS[..2] } else { &METRICS };
        for metric in metrics.iter().copied() {
            let search = StHnsw { ef, roads: Roads::Walk, ..uncached() };
            let index = index_of(&rows, metric);
            let Measured { recall, scores, .. } = measure(&search, &rows, &index, &queries, None);
            assert!(recall >= 0.95, "{metric:?}, {centres} centres: recall {recall}");
            assert!(scores <= scores_max, "{metric:?}, {centres} centres: {scores} scores");
        }
    }
}

/// Bits lead a walk where they can tell rows apart, and save most of the bytes. In clusters whose
/// rows are nearer to each other than bits can say they would find two of three rows, and do not.
#[test]
fn bits_lead_where_they_see() {
    for (width, lead, scores_max) in [(0.15, Lead::Gate, 200), (0.5, Lead::Bits, 50)] {
        let (rows, queries) = cloud_of(22, 6_000, 384, 60, width);
        for metric in METRICS {
            let index = index_of(&rows, metric);
            let asked = metric != Metric::InnerProduct;
            let (lead, scores_max) = if asked { (lead, scores_max) } else { (Lead::Gate, 400) };
            assert_eq!(index.lead(), lead, "{metric:?}, {width}");
            let search = StHnsw { roads: Roads::Walk, ..uncached() };
            let measured = measure(&search, &rows, &index, &queries, None);
            let Measured { recall, scores, estimates, .. } = measured;
            assert!(recall >= 0.95, "{metric:?}, {width}: recall {recall}");
            assert!(scores <= scores_max, "{metric:?}, {width}: {scores} scores");
            assert!(estimates <= 700, "{metric:?}, {width}: {estimates} estimates");
        }
    }
}

/// Where all codes lie in cache bits save no waiting: bytes lead, and a walk half as wide as
/// the default finds what is asked for.
#[test]
fn bytes_lead_in_cache() {
    let (rows, queries) = cloud_of(22, 6_000, 384, 60, 0.5);
    for metric in METRICS {
        let index = index_of(&rows, metric);
        let [cached, apart] = [8 << 20, 0].map(|cache_bytes| {
            let search = StHnsw { ef: 20, roads: Roads::Walk, cache_bytes, ..StHnsw::default() };
            measure(&search, &rows, &index, &queries, None)
        });
        assert_eq!(cached.estimates, 0, "{metric:?}");
        assert!(cached.recall >= apart.recall, "{metric:?}: {} {}", cached.recall, apart.recall);
        assert!(cached.recall >= 0.95, "{metric:?}: recall {}", cached.recall);
        assert!(cached.scores <= 480, "{metric:?}: {} scores", cached.scores);
    }
}

/// Segments of 10,000 rows that are not merged yet each fit the cache. Together they did not, and
/// were walked by bytes that came from memory.
#[test]
fn indexes_lie_in_cache_together_or_not_at_all() {
    let (rows, queries) = cloud_of(22, 2_000, 384, 20, 0.5);
    let indexes = [index_of(&rows, Metric::L2), index_of(&rows, Metric::L2)];
    let cache_bytes = indexes[0].fine_bytes() * 3 / 2;
    let search = StHnsw { roads: Roads::Walk, cache_bytes, ..StHnsw::default() };
    let parts = [rows.under(&indexes[0]), rows.under(&indexes[1])];
    let request = request(&queries[0], Metric::L2, 10);
    let estimates = [&parts[..1], &parts]
        .map(|parts| search.search(&request, parts).unwrap().counters.estimates);
    assert_eq!(estimates[0], 0);
    assert!(estimates[1] > 0, "bytes lead in two indexes that do not fit the cache");
}

/// Rows without any structure are found by no walk that costs less than a sift (0.04 of 200,000 by
/// the default effort, once). The builder sees that on its own rows, and searches by the default
/// effort sift; rows in clusters are walked no wider than before.
#[test]
fn rows_without_structure_are_sifted() {
    for (centres, walked) in [(0, 0), (60, 1)] {
        let (rows, queries) = cloud(13, 12_000, 256, centres);
        let index = index_of(&rows, Metric::L2);
        let breadth = index.breadth();
        assert_eq!(breadth > 1.0, centres == 0, "{centres} centres: {breadth}");
        let measured = measure(&StHnsw::default(), &rows, &index, &queries, None);
        let mut walks = measured.counters.iter().map(|counters| counters.walked);
        assert!(walks.all(|walks| walks == walked), "{centres} centres");
        assert!(measured.recall >= 0.95, "{centres} centres: recall {}", measured.recall);
    }
}

#[test]
fn sifts_find_enough_for_their_work() {
    for centres in [50, 0] {
        let (rows, queries) = cloud(12, 6_000, 128, centres);
        for metric in METRICS {
            let search = StHnsw { roads: Roads::Sift, ..StHnsw::default() };
            let index = index_of(&rows, metric);
            let measured = measure(&search, &rows, &index, &queries, None);
            assert!(measured.recall >= 0.97, "{metric:?}: recall {}", measured.recall);
            assert!(measured.scores <= 2_000, "{metric:?}: {} scores", measured.scores);
        }
    }
}

/// Filters, strict and loose, over several segments: k rows come, and the right ones.
#[test]
fn filters_keep_recall() {
    for step in [1, 2, 5, 20] {
        let (left, queries) = cloud(13, 5_000, 64, 30);
        let (right, _) = cloud(14, 5_000, 64, 30);
        let list: Vec<u32> = (0..5_000).filter(|row| row % step == 0).collect();
        let blocks = [left, right].map(|rows| Rows { chosen: Chosen::List(list.clone()), ..rows });
        let (metric, composite) = (Metric::Cosine, None);
        let indexes = blocks.each_ref().map(|rows| Some(index_of(rows, metric)));
        let questions = Questions { blocks: &blocks, queries: &queries, metric, composite };
        let measured = questions.ask(&StHnsw::default(), &indexed(&blocks, &indexes));
        assert!(measured.recall >= 0.95, "one in {step}: recall {}", measured.recall);
    }
}

/// Near in meaning and time, for every weight: the bound leaves out most of the rows where time
/// weighs much, and nothing that belongs to the answer.
#[test]
fn composite_searches_are_pruned_and_right() {
    let (rows, queries) = cloud(15, 6_000, 64, 30);
    let index = index_of(&rows, Metric::Cosine);
    for (alpha, tau_us, estimates_max) in
        [(0.99, 1e6, 6_000), (0.9, 1e5, 6_000), (0.5, 1e5, 2_000), (0.1, 1e5, 600)]
    {
        let at = ValidTime(3_000_000);
        for decay in [Decay::Linear, Decay::Exponential] {
            let composite = Composite::new(alpha, at, tau_us, decay).unwrap();
            let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
            let measured = measure(&search, &rows, &index, &queries, Some(composite));
            assert!(measured.recall >= 0.97, "alpha {alpha}: recall {}", measured.recall);
            if decay == Decay::Linear {
                let estimates = measured.estimates;
                assert!(estimates <= estimates_max, "alpha {alpha}: {estimates} estimates");
            }
        }
    }
}

/// Thousands of equal vectors would be each other's only neighbours in a graph, and hide all else.
#[test]
fn thousands_of_duplicates_hide_nothing() {
    let (mut rows, queries) = cloud(16, 6_000, 32, 20);
    let same = rows.vectors[..32].to_vec();
    for row in (0..6_000).filter(|row| row % 3 != 0) {
        rows.vectors[row * 32..][..32].copy_from_slice(&same);
    }
    let odd = Rows { chosen: Chosen::List((1..6_000).step_by(3).collect()), ..rows.clone() };
    for index in [index_of(&rows, Metric::L2), index_in_cells(&rows, Metric::L2)] {
        assert_eq!((index.nodes(), index.unreachable()), (2_000, 0));
        let search = StHnsw { roads: Roads::Walk, ..StHnsw::default() };
        let Measured { recall, .. } = measure(&search, &rows, &index, &queries, None);
        assert!(recall >= 0.95, "recall {recall}");
        // All ties at distance 0, in the order of the law; and twins that are selected stand for
        // those that are not.
        let request = request(&same, Metric::L2, 100);
        for rows in [&rows, &odd] {
            let answer = search.search(&request, &[rows.under(&index)]).unwrap();
            assert_eq!(answer.hits, brute_force(&request, std::slice::from_ref(rows)));
        }
    }
}

/// They meet less than by the way down, and find as much.
#[test]
fn walks_start_in_the_nearest_cells() {
    let (rows, queries) = cloud(19, 8_000, 128, 40);
    let search = StHnsw { roads: Roads::Walk, ..StHnsw::default() };
    let [down, in_cells] = [index_of(&rows, Metric::L2), index_in_cells(&rows, Metric::L2)]
        .map(|index| measure(&search, &rows, &index, &queries, None));
    assert!(down.recall >= 0.95 && in_cells.recall >= 0.95, "{} {}", down.recall, in_cells.recall);
    let [met_down, met] = [down, in_cells].map(|measured| measured.estimates + measured.scores);
    // Where rows are counted one by one, the way down costs less than ranking all centroids.
    let has_blocks = Kernel::default().has_blocks();
    assert!(!has_blocks || 10 * met < 9 * met_down, "{met} by cells, {met_down} without");
}

#[test]
fn queries_that_codes_cannot_describe_are_scanned() {
    let (rows, _) = cloud(17, 1_000, 16, 5);
    let index = index_of(&rows, Metric::Cosine);
    for query in [vec![0.0; 16], vec![f32::NAN; 16], vec![f32::INFINITY; 16], vec![1e-30; 16]] {
        let request = request(&query, Metric::Cosine, 5);
        let answer = THOROUGH.search(&request, &[rows.under(&index)]).unwrap();
        let expected = brute_force(&request, std::slice::from_ref(&rows));
        let keys = |hits: &[Hit]| hits.iter().map(|hit| hit.entity).collect::<Vec<_>>();
        assert_eq!(keys(&answer.hits), keys(&expected), "{query:?}");
        assert_eq!(answer.counters.walked + answer.counters.sifted, 0);
    }
}

#[test]
fn an_index_serves_its_metric_only() {
    let (rows, queries) = cloud(18, 2_000, 16, 5);
    let index = index_of(&rows, Metric::Cosine);
    for metric in [Metric::L2, Metric::InnerProduct, Metric::L1] {
        let request = request(&queries[0], metric, 5);
        let answer = THOROUGH.search(&request, &[rows.under(&index)]).unwrap();
        assert_eq!(answer.hits, brute_force(&request, std::slice::from_ref(&rows)));
        assert_eq!(answer.counters.scanned, 1);
    }
    let options = BuildOptions { quantization: Quantization::Pq, ..standard() };
    let built = build_index(&rows.block(), Metric::L1, &options);
    assert_eq!(built, Err(BuildError::Codes(Metric::L1, Quantization::Pq)));
}

#[test]
fn stops_when_told() {
    let (rows, queries) = cloud(19, 2_000, 64, 5);
    let index = index_of(&rows, Metric::L2);
    let cancel = CancelToken::default();
    cancel.cancel();
    let request = Request { cancel: &cancel, ..request(&queries[0], Metric::L2, 5) };
    for roads in [Roads::Walk, Roads::Sift, Roads::Cheapest] {
        let search = StHnsw { roads, ..StHnsw::default() };
        let stopped = search.search(&request, &[rows.under(&index)]);
        assert_eq!(stopped, Err(Error::Stopped(Stop::Cancelled)));
    }
}

/// What merging is for: sixteen graphs are sixteen walks, their merged graph is one, and finds as
/// much for a fraction of the work.
#[test]
fn a_merged_index_is_walked_once() {
    let (all, queries) = cloud(20, 8_000, 64, 40);
    let blocks: Vec<Rows> = (0..16).map(|at| all.stretch(at * 500..at * 500 + 500)).collect();
    let single: Vec<_> = blocks.iter().map(|rows| Some(index_of(rows, Metric::L2))).collect();
    let one = merged(&blocks, Metric::L2, 16);
    let of_single = indexed(&blocks, &single);
    let of_one = in_one(&blocks, one.as_ref(), &[], |_| true);
    let (blocks, queries) = (&blocks[..], &queries[..]);
    let questions = Questions { blocks, queries, metric: Metric::L2, composite: None };
    let search = StHnsw { ef: 40, roads: Roads::Walk, ..StHnsw::default() };
    let scores = [(of_single, 16), (of_one, 1)].map(|(parts, walks)| {
        let Measured { recall, counters, .. } = questions.ask(&search, &parts);
        assert!(recall >= 0.95, "{walks} walks: recall {recall}");
        assert!(counters.iter().all(|counters| counters.walked == walks));
        counters.iter().map(|counters| counters.scores).sum::<usize>()
    });
    assert!(scores[1] * 2 < scores[0], "{scores:?} scores");
}

/// Meaning that goes with time: what is near to a query of the first segment's kind lies outside of
/// the stretch, so a walk of the graph over all meets little that is selected, and finds it at the
/// cost of sifting. The graphs of the segments within find it for less.
#[test]
fn a_stretch_is_searched_by_its_own_segments() {
    let clouds: Vec<_> = (0..4).map(|at| cloud(30 + at, 9_000, 64, 10)).collect();
    let blocks: Vec<Rows> = clouds.iter().map(|(rows, _)| rows.clone()).collect();
    let own: Vec<_> = blocks.iter().map(|rows| Some(index_of(rows, Metric::L2))).collect();
    let one = merged(&blocks, Metric::L2, 16);
    let stretch = in_one(&blocks, one.as_ref(), &own, |at| at == 1 || at == 2);
    let queries: Vec<_> = clouds.iter().flat_map(|(_, queries)| &queries[..10]).cloned().collect();
    let (blocks, queries) = (&blocks[1..3], &queries[..]);
    let questions = Questions { blocks, queries, metric: Metric::L2, composite: None };
    let search = StHnsw { ef: 10, ..StHnsw::default() };
    let Measured { recall, estimates, .. } = questions.ask(&search, &stretch);
    // At the least effort there is, k itself.
    assert!(recall >= 0.88, "recall {recall}");
    assert!(estimates < 18_000 / 4, "{estimates} estimates");
}

/// Whether one thread does all or several share it, the same rows come back.
#[test]
fn shared_work_finds_the_same() {
    let (all, queries) = cloud(21, 3_000, 64, 20);
    let blocks: Vec<Rows> = (0..6).map(|at| all.stretch(at * 500..at * 500 + 500)).collect();
    let (left, right) = blocks.split_at(3);
    let (one, two) = (merged(left, Metric::L2, 8), merged(right, Metric::L2, 8));
    let mut parts = in_one(left, one.as_ref(), &[], |_| true);
    parts.extend(in_one(right, two.as_ref(), &[], |at| at != 1));
    for roads in [Roads::Walk, Roads::Sift] {
        let search = StHnsw { roads, ..THOROUGH };
        for query in &queries[..10] {
            let request = request(query, Metric::L2, 10);
            let asked = Asked::new(&request).unwrap();
            let answer =
                |shares| Searching::new(&search, &asked, &parts).run(move |_| shares).unwrap();
            let (alone, shared) = (answer(false), answer(true));
            assert_eq!(alone.hits, shared.hits);
            let pieces = if roads == Roads::Walk { (2, 0) } else { (0, 5) };
            assert_eq!((shared.counters.walked, shared.counters.sifted), pieces);
        }
    }
}

/// Where meaning weighs nothing, thousands of rows at one moment were compared with the query one
/// by one, 3 ms of a million, for distances that count nothing. They are looked at, not compared;
/// and a zero vector, whose distance is no number whatever its weight, still comes last.
#[test]
fn a_moment_needs_no_vectors() {
    let (mut rows, queries) = cloud(40, 4_000, 64, 5);
    rows.ts[1_000..].fill(2_000_000);
    rows.entities.reverse();
    rows.vectors[64 * 3_990..64 * 3_991].fill(0.0);
    let index = index_of(&rows, Metric::Cosine);
    let composite = Composite::new(0.0, ValidTime(3_000_000), 1e6, Decay::Linear).ok();
    for (k, distances) in [(20, 1), (3_500, 1)] {
        let request = Request { composite, ..request(&queries[0], Metric::Cosine, k) };
        let search = StHnsw { roads: Roads::Codes, ..StHnsw::default() };
        let answer = search.search(&request, &[rows.under(&index)]).unwrap();
        let expected = brute_force(&request, std::slice::from_ref(&rows));
        assert_eq!(answer.hits, expected);
        assert_eq!(answer.counters.distances, distances, "only the row without codes");
    }
}

/// Cells find in a stretch of time what is near, and look at a part of it.
#[test]
fn cells_find_enough_for_their_work() {
    let (rows, queries) = cloud_of(41, 12_000, 96, 60, 0.3);
    for metric in [Metric::Cosine, Metric::L2] {
        let index = index_in_cells(&rows, metric);
        for stretch in [0..12_000, 3_000..9_000, 100..2_500] {
            let length = stretch.len();
            let rows = Rows { chosen: Chosen::Range(stretch), ..rows.clone() };
            let search = StHnsw { roads: Roads::Cells, ..StHnsw::default() };
            let measured = measure(&search, &rows, &index, &queries, None);
            let Measured { recall, estimates, counters, .. } = measured;
            let mut ways = counters.iter().map(|counters| (counters.probed, counters.sifted));
            assert!(ways.all(|way| way == (1, 0)), "{metric:?}, {length}");
            assert!(recall >= 0.96, "{metric:?}, {length}: recall {recall}");
            assert!(estimates < length / 2 + 1_500, "{metric:?}, {length}: {estimates} estimates");
        }
    }
}

/// Where any cell may hold something, a search asks so many in vain as its effort says. It used to
/// ask on for half as many as it had asked, so the slowest looked at nearly all (10,624 rows here).
#[test]
fn cells_in_vain_end_a_search_however_many_were_asked() {
    let (rows, queries) = cloud_of(47, 12_000, 64, 1_000, 0.6);
    let index = index_in_cells(&rows, Metric::L2);
    let search = StHnsw { roads: Roads::Cells, ef: 10, ..StHnsw::default() };
    let measured = measure(&search, &rows, &index, &queries, None);
    let most = measured.counters.iter().map(|counters| counters.estimates).max().unwrap();
    assert!(measured.recall >= 0.84, "recall {}", measured.recall);
    assert!(most < 9_500, "{most} estimates, {} on average", measured.estimates);
}

/// A question between clusters has all cells asked. A filter that leaves few rows here and there
/// made that several times a sift of these, since cells look at slices whole: now it gives way.
#[test]
fn a_strict_filter_bounds_what_cells_cost() {
    let (mut rows, queries) = cloud(43, 12_000, 96, 40);
    let index = index_in_cells(&rows, Metric::L2);
    let list: Vec<u32> = (0..12_000).filter(|row| row % 4 == 0).collect();
    let selected = list.len();
    rows.chosen = Chosen::List(list);
    let between = |pair: &[Vec<f32>]| -> Vec<f32> {
        pair[0].iter().zip(&pair[1]).map(|(a, b)| (a + b) / 2.0).collect()
    };
    let queries: Vec<Vec<f32>> = queries.windows(2).map(between).collect();
    let measured = measure(&StHnsw::default(), &rows, &index, &queries, None);
    // What cells gathered before they gave way, the sift meets again.
    for query in &queries[..10] {
        let request = request(query, Metric::L2, 10);
        let hits = StHnsw::default().search(&request, &[rows.under(&index)]).unwrap().hits;
        lawful(&hits, std::slice::from_ref(&rows), &request).unwrap();
    }
    let gave_way = measured.counters.iter().filter(|one| (one.probed, one.sifted) == (1, 1));
    assert!(gave_way.count() > 0, "no question tried the cells in vain");
    for counters in &measured.counters {
        // A quarter of a sift's work, a cell more, and the sift.
        let most = 3 * selected / 4 + 300 + selected;
        assert!(counters.estimates <= most, "{} estimates of {most}", counters.estimates);
    }
    assert!(measured.recall >= 0.96, "recall {}", measured.recall);
}

/// A condition that goes with meaning keeps the rows of some cells and none of the others, which
/// are most of those near to a question from elsewhere. They were looked at row by row, and counted
/// as asked in vain.
#[test]
fn cells_without_selected_rows_are_passed_over() {
    let (mut rows, queries) = cloud(53, 12_000, 96, 40);
    let index = index_in_cells(&rows, Metric::L2);
    let from = |row: u32| {
        let vector = &rows.vectors[row as usize * 96..][..96];
        cvx_core::distance(Metric::L2, &queries[0], vector).unwrap()
    };
    let mut list: Vec<u32> = (0..12_000).collect();
    list.sort_by(|a, b| from(*a).total_cmp(&from(*b)));
    list.truncate(1_200);
    list.sort_unstable();
    rows.chosen = Chosen::List(list);
    let search = StHnsw { roads: Roads::Cells, ..StHnsw::default() };
    let measured = measure(&search, &rows, &index, &queries, None);
    assert!(measured.recall >= 0.97, "recall {}", measured.recall);
    assert!(measured.estimates < 1_500, "{} estimates", measured.estimates);
}

/// What makes cells hard: thousands of equal rows, all rows at one moment, moments at both ends of
/// what there is, filters of every kind. What is found is lawful, and enough.
#[test]
fn cells_bear_whatever_rows_come() {
    let (rows, queries) = cloud(42, 6_000, 64, 20);
    let mut same = rows.clone();
    let first = rows.vectors[..64].to_vec();
    for row in (0..6_000).filter(|row| row % 3 != 0) {
        same.vectors[row * 64..][..64].copy_from_slice(&first);
    }
    let at_once = Rows { ts: vec![77; 6_000], ..rows.clone() };
    let mut ends = rows.clone();
    ends.ts[..3_000].fill(i64::MIN);
    ends.ts[3_000..].fill(i64::MAX);
    let list: Vec<u32> = (0..6_000).filter(|row| row % 7 == 0).collect();
    let listed = Rows { chosen: Chosen::List(list), ..rows };
    for rows in [same, at_once, ends, listed] {
        let (index, blocks) = (index_in_cells(&rows, Metric::L2), [rows]);
        let parts = [blocks[0].under(&index)];
        for (alpha, at) in [(1.0, 0), (0.9, i64::MAX), (0.5, i64::MIN), (0.2, 77)] {
            let composite = Composite::new(alpha, ValidTime(at), 1e18, Decay::Linear).ok();
            let (mut found, mut wanted) = (0, 0);
            for query in &queries[..20] {
                let request = Request { composite, ..request(query, Metric::L2, 10) };
                let search = StHnsw { roads: Roads::Cells, ..StHnsw::default() };
                let answer = search.search(&request, &parts).unwrap();
                lawful(&answer.hits, &blocks, &request).unwrap();
                let truth = brute_force(&request, &blocks);
                let last = truth.last().and_then(|hit| hit.distance);
                found += answer.hits.iter().filter(|hit| hit.distance <= last).count();
                wanted += truth.len();
            }
            assert!(found * 100 >= wanted * 95, "alpha {alpha}: {found} of {wanted}");
        }
    }
}

/// What a search is likely to cost is what the road costs that it takes: to look at each of a few
/// rows, to walk for some of many, and to look at each where a walk would cost more.
#[test]
fn work_is_that_of_the_cheapest_road() {
    let (rows, queries) = cloud(11, 6_000, 64, 40);
    let index = index_of(&rows, Metric::L2);
    let effort = |ef| StHnsw { ef, ..StHnsw::default() };
    let work = |ef, selected| effort(ef).work(&index, 10, selected);
    assert_eq!(work(10, 50), 50.0);
    assert!(work(10, 6_000) < 3_000.0 && work(10, 6_000) < work(20, 6_000));
    assert_eq!(work(400, 6_000), 6_000.0);
    for (ef, roads) in [(10, [1, 0]), (400, [0, 1])] {
        let answer =
            effort(ef).search(&request(&queries[0], Metric::L2, 10), &[rows.under(&index)]);
        let Counters { walked, sifted, .. } = answer.unwrap().counters;
        assert_eq!([walked, sifted], roads, "ef {ef}");
    }
}
