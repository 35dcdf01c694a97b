//! Indexes of a table that lives: segments come, rows of them go, indexes are merged and built
//! anew, while others search. After each round every index keeps its promises, and finds what
//! comparing all rows finds.
//!
//! `CVX_STRESS=100` runs so many rounds, `CVX_SEED` others than usual.

use super::{BuildOptions, SegmentIndex, build_index, image, merge_index};
use crate::trial::{self, Chosen, Rows, in_cells, request, standard};
use crate::{Block, ExactScan, Hit, Indexed, Part, Roads, Search, StHnsw};
use cvx_core::{Metric, Rank};
use std::collections::HashSet;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Wide enough that all is met.
const THOROUGH: StHnsw = StHnsw { ef: 20_000, roads: Roads::Codes, sigmas: 1e6, cache_bytes: 0 };
const METRICS: [Metric; 4] = [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    fn coordinate(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.coordinate()).collect()
    }

    /// Rows of one of seven kinds, each hard in its own way.
    fn rows(&mut self, dim: usize, first_ts: i64) -> Rows {
        let kind = self.below(7);
        let count = [1, 60, 700, 300, 400, 200, 250][kind];
        let centres: Vec<_> = (0..5).map(|_| self.vector(dim)).collect();
        let mut vectors = Vec::with_capacity(count * dim);
        for row in 0..count {
            vectors.extend(match kind {
                // All alike, or a few vectors a hundred times each.
                2 => centres[0].clone(),
                3 => centres[row % 5].clone(),
                // On a grid, where distances tie.
                4 => self.vector(dim).iter().map(|x| (x * 2.0).round()).collect(),
                // Nothing is near to anything.
                5 => self.vector(dim).iter().map(|x| x * 8.0).collect(),
                // Beyond what codes can say, now and then.
                6 if row % 9 == 0 => vec![if row % 2 == 0 { 0.0 } else { 3e38 }; dim],
                _ => centres[row % 5].iter().map(|x| x + self.coordinate() / 8.0).collect(),
            });
        }
        let words = (0..count.div_ceil(64)).map(|_| self.next() << 40 | self.next() << 20 | !7);
        let present = (kind % 2 == 1).then(|| words.collect());
        let ts = (first_ts..).take(count).collect();
        Rows { present, ts, ..Rows::of(dim, vectors) }
    }
}

/// A segment, the rows of it that are left, and its own index.
struct Segment {
    rows: Rows,
    own: SegmentIndex,
}

/// Segments that have an index in common, or one that has its own only.
struct Group {
    segments: Vec<Segment>,
    merged: Option<SegmentIndex>,
}

impl Group {
    fn parts(&self) -> Vec<Part<'_>> {
        let (mut first, mut parts) = (0, Vec::new());
        for Segment { rows, own } in &self.segments {
            let alone = Indexed::alone(own);
            let merged = self.merged.as_ref();
            let index = merged.map_or(alone, |index| Indexed { index, first, own: Some(own) });
            first += rows.ts.len();
            parts.push(Part { index: Some(index), ..rows.part() });
        }
        parts
    }

    fn indexes(&self) -> impl Iterator<Item = &SegmentIndex> {
        self.segments.iter().map(|segment| &segment.own).chain(&self.merged)
    }
}

/// A table under one metric. Readers share it while what is next is being built.
struct Table {
    metric: Metric,
    degree: usize,
    groups: RwLock<Vec<Group>>,
    /// Rows that searches had to find, and those they did not.
    asked: AtomicUsize,
    lost: AtomicUsize,
}

impl Table {
    fn options(&self, parallel: bool) -> BuildOptions<'static> {
        BuildOptions { degree: self.degree, ef_construction: 40, parallel, ..standard() }
    }

    fn built(&self, rows: &Rows, parallel: bool) -> SegmentIndex {
        trial::index(&rows.block(), self.metric, &self.options(parallel)).unwrap()
    }

    /// Takes up a segment.
    fn ingest(&self, rows: Rows) {
        let own = self.built(&rows, false);
        let group = Group { segments: vec![Segment { rows, own }], merged: None };
        self.groups.write().unwrap().push(group);
    }

    /// Merges the last groups; searches go on while the index is built.
    fn merge(&self, most: usize) {
        let (first, index) = {
            let groups = self.groups.read().unwrap();
            let first = groups.len().saturating_sub(most);
            let segments = groups[first..].iter().flat_map(|group| &group.segments);
            let blocks: Vec<(u64, Block<'_>)> =
                (0..).zip(segments.map(|segment| segment.rows.block())).collect();
            let built = merge_index(&blocks, self.metric, &self.options(true)).unwrap();
            (first, SegmentIndex::open(built.to_bytes()).unwrap())
        };
        let mut groups = self.groups.write().unwrap();
        let gone = groups.split_off(first);
        let segments = gone.into_iter().flat_map(|group| group.segments).collect();
        groups.push(Group { segments, merged: Some(index) });
    }

    /// Builds a segment's index anew, which is the same again.
    fn reindex(&self, at: usize) {
        let groups = self.groups.read().unwrap();
        let all: Vec<&Segment> = groups.iter().flat_map(|group| &group.segments).collect();
        let Segment { rows, own } = all[at % all.len()];
        let again = self.built(rows, true);
        assert_eq!((again.edges(), again.unreachable()), (own.edges(), own.unreachable()));
        assert_eq!(again.bytes(), own.bytes());
    }

    /// Rows of a segment go; indexes stay as they are.
    fn close(&self, at: usize, dice: &mut Dice) {
        let mut groups = self.groups.write().unwrap();
        let count: usize = groups.iter().map(|group| group.segments.len()).sum();
        let segment = groups.iter_mut().flat_map(|group| &mut group.segments).nth(at % count);
        let Some(Segment { rows, .. }) = segment else { return };
        let all = 0..rows.ts.len();
        let left = all.filter(|row| rows.selects(*row) && dice.below(3) > 0);
        rows.chosen = Chosen::List(left.map(|row| row as u32).collect());
    }

    /// What is promised of each index, and that it finds what is there.
    fn check(&self, query: &[f32], k: usize) {
        let groups = self.groups.read().unwrap();
        for index in groups.iter().flat_map(Group::indexes) {
            assert_eq!(index.check(), Ok(()), "{index:?}");
        }
        let parts: Vec<_> = groups.iter().flat_map(Group::parts).collect();
        let request = request(query, self.metric, k);
        let exact = ExactScan::default().search(&request, &parts).unwrap();
        for roads in [Roads::Codes, Roads::Walk, Roads::Cheapest] {
            let found = StHnsw { roads, ..THOROUGH }.search(&request, &parts).unwrap();
            lawful(&found.hits);
            assert_eq!(found.hits.len(), exact.hits.len());
            let is_found = |hit: &&Hit| found.hits.iter().any(|other| is_as_near(other, hit));
            let lost = exact.hits.iter().filter(|hit| !is_found(hit)).count();
            self.asked.fetch_add(exact.hits.len(), Ordering::Relaxed);
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

/// In order, and nothing twice.
fn lawful(hits: &[Hit]) {
    let rows: HashSet<(usize, usize)> = hits.iter().map(|hit| (hit.part, hit.row)).collect();
    assert_eq!(rows.len(), hits.len(), "a row twice: {hits:?}");
    assert!(hits.is_sorted_by_key(|hit| Rank(hit.distance)), "{hits:?}");
}

/// As near as the row that was to be found; which of those that are equally near comes is open.
fn is_as_near(found: &Hit, exact: &Hit) -> bool {
    Rank(found.distance) == Rank(exact.distance)
}

#[test]
fn promises_hold_while_a_table_lives() {
    let (rounds, seed) = (setting("CVX_STRESS", 4), setting("CVX_SEED", 7));
    println!("CVX_SEED={seed}");
    let (mut all_asked, mut all_lost) = (0, 0);
    for round in 0..rounds {
        let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let (dim, degree) = (1 + dice.below(40), 2 + dice.below(12));
        let metric = METRICS[dice.below(4)];
        let (asked, lost) = Default::default();
        let table = Table { metric, degree, groups: RwLock::default(), asked, lost };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut asking = Dice(dice.next());
            let (table, done) = (&table, &done);
            table.ingest(dice.rows(dim, 0));
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    table.check(&asking.vector(dim), 1 + asking.below(30));
                }
            });
            for step in 1..9 {
                table.ingest(dice.rows(dim, step * 10_000));
                if step % 3 == 0 {
                    table.merge(2 + dice.below(4));
                }
                table.close(dice.below(100), &mut dice);
                table.reindex(dice.below(100));
                table.check(&dice.vector(dim), 1 + dice.below(30));
            }
            done.store(true, Ordering::Release);
        });
        all_asked += table.asked.into_inner();
        all_lost += table.lost.into_inner();
    }
    // Bytes are granted four standard errors; rarely a row is further off.
    assert!(all_lost * 1_000 <= all_asked, "{all_lost} of {all_asked} rows were not found");
}

/// In a graph of few links some rows are reached from one place and not from another. Walks began
/// where the upper layers led, and what is reached was counted from the entry: rows that are
/// reached from the entry only were not found however wide a walk was, and those that are reached
/// from elsewhere only, which are compared one by one, came twice.
#[test]
fn sparse_graphs_find_every_row_once() {
    let (mut unreachable, mut asked, mut lost) = (0, 0, 0);
    // The last two lose rows where walks begin at the nearest only.
    for seed in (0..20).chain([176, 380]) {
        let mut dice = Dice(seed);
        let (dim, metric) = (10 + dice.below(30), METRICS[seed as usize % 3]);
        let rows = dice.rows(dim, 0);
        let options = BuildOptions { degree: 2, ..standard() };
        let index = trial::index(&rows.block(), metric, &options).unwrap();
        unreachable += index.unreachable();
        let parts = [rows.under(&index)];
        for query in rows.vectors.chunks(dim).step_by(3) {
            let request = request(query, metric, 20);
            let search = StHnsw { roads: Roads::Walk, ..THOROUGH };
            let found = search.search(&request, &parts).unwrap().hits;
            let exact = ExactScan::default().search(&request, &parts).unwrap().hits;
            lawful(&found);
            asked += exact.len();
            lost += exact.iter().filter(|hit| !found.iter().any(|f| is_as_near(f, hit))).count();
        }
    }
    assert!(unreachable > 0, "all was reached from the entry");
    assert_eq!(lost, 0, "of {asked} rows");
}

/// The image of sixty rows, which keeps its promises.
fn sixty(seed: u64, options: BuildOptions<'_>) -> Vec<u8> {
    let mut dice = Dice(seed);
    let rows = std::iter::repeat_with(|| dice.rows(8, 0)).find(|rows| rows.ts.len() == 60);
    let rows = Rows { present: None, ..rows.unwrap() };
    let options = BuildOptions { degree: 4, ..options };
    let built = build_index(&rows.block(), Metric::L2, &options).unwrap();
    assert_eq!(SegmentIndex::open(built.clone()).unwrap().check(), Ok(()));
    built
}

/// A check that cannot fail promises nothing: each promise is broken in a file that is otherwise
/// right, and is missed.
#[test]
fn broken_promises_are_told() {
    let built = sixty(3, standard());
    let table = 128 + 16 * 16;
    let long = |at: usize| u64::from_le_bytes(built[at..at + 8].try_into().unwrap()) as usize;
    let place = |node: usize, link: usize| long(table) + 4 * (8 * node + link);
    let link = |at: usize| u32::from_le_bytes(built[at..at + 4].try_into().unwrap());
    let broken = |changes: &[(usize, u32)]| {
        let mut image = built.clone();
        for (at, value) in changes {
            image[*at..*at + 4].copy_from_slice(&value.to_le_bytes());
        }
        image::reseal(&mut image);
        SegmentIndex::open(image).and_then(|index| index.check().map_err(crate::ImageError))
    };
    let told = |what| Err(crate::ImageError(what));
    assert_eq!(broken(&[(place(5, 0), 5)]), told("a link to its own node"));
    assert_eq!(broken(&[(place(5, 0), link(place(5, 1)))]), told("a link twice"));
    assert_eq!(broken(&[(place(5, 0), u32::MAX)]), told("links behind the last"));
    let all =
        |from: u32| (0..60 * 8).map(|at| long(table) + 4 * at).filter(move |at| link(*at) == from);
    // All that leads to a row leads to its neighbour instead, where it can.
    let lost: Vec<(usize, u32)> = all(17)
        .map(|at| {
            let node = (at - long(table)) / 32;
            let others: Vec<u32> = (0..8).map(|place_of| link(place(node, place_of))).collect();
            let free =
                (0..60).find(|new| *new != node as u32 && *new != 17 && !others.contains(new));
            (at, free.unwrap())
        })
        .collect();
    assert_eq!(broken(&lost), told("a row that no search finds"));
}

/// The same of cells.
#[test]
fn broken_cells_are_told() {
    let built = sixty(4, in_cells());
    let long = |at: usize| u64::from_le_bytes(built[at..at + 8].try_into().unwrap()) as usize;
    let number = |at: usize| u32::from_le_bytes(built[at..at + 4].try_into().unwrap());
    let (heads, listed) = (long(128 + 16 * 13), long(128 + 16 * 14));
    let blocks = long(128 + 16 * 13 + 8) / 4;
    // A block of two rows or more.
    let block = (0..blocks).find(|at| number(listed + 256 * at + 4) != u32::MAX).unwrap();
    let first = listed + 256 * block;
    let broken = |at: usize, value: u32| {
        let mut image = built.clone();
        image[at..at + 4].copy_from_slice(&value.to_le_bytes());
        image::reseal(&mut image);
        SegmentIndex::open(image).and_then(|index| index.check().map_err(crate::ImageError))
    };
    let told = |what| Err(crate::ImageError(what));
    assert_eq!(broken(first + 4, number(first)), told("rows of a cell that do not grow"));
    assert_eq!(broken(first, u32::MAX), told("a row of a cell behind its last"));
    let other = (number(heads + 4 * block) + 1) % 60;
    assert_eq!(broken(heads + 4 * block, other), told("a block that begins with another row"));
    let last = (0..64).rev().find(|place| number(first + 4 * place) != u32::MAX).unwrap();
    assert_eq!(broken(first + 4 * last, u32::MAX), told("a row in no cell, or in two"));
    assert_eq!(broken(first + 4 * last, 60), told("a row beyond the last in a cell"));
}
