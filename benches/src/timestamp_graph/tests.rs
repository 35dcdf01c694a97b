use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::walk::Links;
use super::*;

/// Unit rows in clusters, each with a time and an end.
#[derive(Clone, Debug)]
struct History {
    dim: usize,
    vectors: Vec<f32>,
    ends: Vec<[i64; 2]>,
}

fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x1405_7b7e_f767_814f);
        state >> 33
    }
}

impl History {
    /// Rows come some a moment, and live as long as `length` makes of a number.
    fn new(
        seed: u64,
        count: usize,
        dim: usize,
        together: usize,
        length: impl Fn(u64) -> Option<i64>,
    ) -> Self {
        let (mut next, mut chance) = (numbers(seed), numbers(seed + 1));
        let mut number = move || next() as f32 / (1u64 << 30) as f32 - 1.0;
        let centres: Vec<f32> = (0..12 * dim).map(|_| number()).collect();
        let mut vectors: Vec<f32> = Vec::with_capacity(count * dim);
        let mut ends = Vec::with_capacity(count);
        for row in 0..count {
            let centre = &centres[chance() as usize % 12 * dim..][..dim];
            vectors.extend(centre.iter().map(|x| x + 0.8 * number()));
            let from = (row / together) as i64 * 10;
            ends.push([from, length(chance()).map_or(i64::MAX, |length| from + length)]);
        }
        crate::scale_rows(&mut vectors, dim, 1.0);
        Self { dim, vectors, ends }
    }

    fn graph(&self, degree: usize) -> (Codes, TimestampGraph) {
        let codes = Codes::new(&self.vectors, self.dim);
        let graph = build(&codes, &self.ends, Options { degree, ef: 64 });
        (codes, graph)
    }

    fn vector(&self, row: u32) -> &[f32] {
        &self.vectors[row as usize * self.dim..][..self.dim]
    }

    fn lives(&self, row: u32, moment: i64) -> bool {
        let [from, to] = self.ends[row as usize];
        from <= moment && moment < to
    }

    fn living(&self, moment: i64) -> Vec<u32> {
        (0..self.ends.len() as u32).filter(|row| self.lives(*row, moment)).collect()
    }

    /// The ten nearest, by comparing all.
    fn truth(&self, query: &[f32], rows: &[u32]) -> Vec<u32> {
        let product = |row: u32| -> f64 {
            let pairs = self.vector(row).iter().zip(query);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let mut all: Vec<(f64, u32)> = rows.iter().map(|row| (-product(*row), *row)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.truncate(10);
        all.into_iter().map(|(_, row)| row).collect()
    }
}

/// What may live how long: briefly, long, for ever, not at all.
fn mixed(chance: u64) -> Option<i64> {
    match chance % 8 {
        0 => None,
        1 => Some(0),
        2 | 3 => Some(3_000),
        other => Some(other as i64 * 60),
    }
}

fn links_of(links: impl Links, node: u32) -> Vec<u32> {
    let mut all = Vec::new();
    links.each(node, |link| all.push(link));
    all
}

/// At a moment: links lead from what lives to what lives, few a node, and to all of it.
fn is_sound(history: &History, graph: &TimestampGraph, degree: usize, moment: i64) {
    let living: BTreeSet<u32> = history.living(moment).into_iter().collect();
    let Some(then) = graph.at(moment) else { return assert!(living.is_empty()) };
    let (mut reached, mut left) = (BTreeSet::from([then.entry]), vec![then.entry]);
    while let Some(node) = left.pop() {
        let links = links_of(then.layers[0], node);
        let apart: BTreeSet<u32> = links.iter().copied().collect();
        assert!(apart.len() == links.len() && links.len() <= 2 * degree, "{links:?} at {moment}");
        assert!(!links.contains(&node));
        left.extend(links.into_iter().filter(|link| reached.insert(*link)));
    }
    assert_eq!(reached, living, "what is reached at {moment}, and what lives");
    let lives = |node: &u32| living.contains(&graph.order[*node as usize]);
    for layer in &then.layers[1..] {
        for node in 0..layer.nodes() as u32 {
            let links = links_of(*layer, node);
            assert!(links.len() <= degree);
            assert!(links.is_empty() || lives(&node) && links.iter().all(lives));
        }
    }
    assert!(then.roots.iter().all(lives));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_moment_is_a_graph_of_what_lives(
        seed in 0..1_000u64,
        count in 1..600usize,
        together in 1..60usize,
        degree in 2..9usize,
    ) {
        let history = History::new(seed, count, 8, together, mixed);
        let (_, graph) = history.graph(degree);
        let last = history.ends.last().map_or(0, |end| end[0]);
        for step in -1..24 {
            is_sound(&history, &graph, degree, last * step / 20 + step % 3);
        }
    }

    /// The tree of a list's history says what the list was, at any moment: the oracle keeps each
    /// list that ever was.
    #[test]
    fn a_tree_remembers_lists(
        changes in prop::collection::vec((1..4u32, 0..40u32), 0..600),
        asked in prop::collection::vec(0..1_500u32, 1..40),
    ) {
        let mut naive = BTreeMap::from([(0, BTreeSet::new())]);
        let (mut open, mut past) = (BTreeMap::new(), Vec::new());
        let mut now = 0;
        for (step, node) in changes {
            now += step - 1;
            match open.remove(&node) {
                Some(since) if since < now => past.push([node, since, now]),
                Some(_) => {}
                None => drop(open.insert(node, now)),
            }
            naive.insert(now, open.keys().copied().collect::<BTreeSet<u32>>());
        }
        past.extend(open.iter().map(|(node, since)| [*node, *since, NONE]));
        let mut words = Vec::new();
        tree::plant(past, &mut words);
        for rank in asked {
            let mut list = Vec::new();
            tree::each(&words, rank, |node| list.push(node));
            let found: BTreeSet<u32> = list.iter().copied().collect();
            prop_assert_eq!(found.len(), list.len());
            let then = naive.range(..=rank).next_back().map(|(_, list)| list);
            prop_assert_eq!(Some(&found), then, "at {}", rank);
        }
    }
}

/// Searches for what is near to a row at a moment, counting one in `step` of those that live.
/// Answers what was found of how much.
fn found(
    history: &History,
    (codes, graph): &(Codes, TimestampGraph),
    (row, moment): (u32, i64),
    step: u32,
) -> [usize; 2] {
    let query = history.vector(row);
    let counts = |row: u32| row.is_multiple_of(step) && history.lives(row, moment);
    let rows: Vec<u32> = (0..history.ends.len() as u32).filter(|row| counts(*row)).collect();
    let truth = history.truth(query, &rows);
    let (mut room, mut look) = (Room::default(), Look::new(codes));
    let asked = Asked { query, moment, k: 10, ef: 64 };
    let found = graph.search((&mut room, &mut look), &history.vectors, asked, counts);
    assert!(found.rows.iter().all(|(_, row)| counts(*row)), "what does not count is found");
    assert!(found.rows.is_sorted_by_key(|(distance, _)| *distance));
    [found.rows.iter().filter(|(_, row)| truth.contains(row)).count(), truth.len()]
}

/// Versions that replace each other, rows that stay, and both: what a walk finds of what lived.
#[test]
fn walks_of_a_moment_find_what_lived() {
    let lengths: [fn(u64) -> Option<i64>; 3] = [|_| Some(4_000), |_| None, mixed];
    for (which, length) in lengths.into_iter().enumerate() {
        let history = History::new(which as u64, 3_000, 96, 1, length);
        let (graph, mut next) = (history.graph(16), numbers(9));
        let mut sum = [0, 0];
        for _ in 0..50 {
            let asked = (next() as u32 % 3_000, (next() % 30_000) as i64);
            let more = found(&history, &graph, asked, 1);
            sum = [sum[0] + more[0], sum[1] + more[1]];
        }
        assert!(sum[0] * 100 >= sum[1] * 95, "{which}: {sum:?}");
    }
}

/// What was closed after the graph was built is led through, and not answered.
#[test]
fn closings_after_the_build_are_obeyed() {
    let history = History::new(5, 2_000, 96, 1, |_| None);
    let graph = history.graph(8);
    for step in [2, 5] {
        let [found, wanted] = found(&history, &graph, (7, 19_000), step);
        assert!(found + 1 >= wanted && wanted == 10, "{found} at one in {step}");
    }
}

/// A table that is loaded anew each night: all die, and all are born, at one moment.
#[test]
fn all_may_be_replaced_at_once() {
    let history = History::new(6, 1_600, 96, 400, |_| Some(10));
    let graph = history.graph(6);
    for moment in [0, 9, 10, 15, 29, 30, 39, 40] {
        is_sound(&history, &graph.1, 6, moment);
        let [found, wanted] = found(&history, &graph, (3, moment), 1);
        assert!(found * 10 >= wanted * 9, "{found} of {wanted} at {moment}");
    }
}

#[test]
fn threads_change_nothing() {
    let history = History::new(7, 1_200, 96, 3, mixed);
    let of = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let graph = pool.install(|| history.graph(8).1);
        (graph.entries, graph.roots, graph.layers)
    };
    assert!(of(1) == of(2));
}
