//! Searches at old moments: the timestamp graph, a rival (`cvx_benches::timestamp_graph`), beside
//! what the index does, in this process.
//!
//! `moments DIR KEEP QUERIES KIND VERSIONS`: DIR is a data set of `benches/index/datasets.py`. Of
//! kind `sent` its rows are versions of so many entities that each has VERSIONS of them, one after
//! the other in the order of time, as `lives.py` sends them; so what lives at a moment are the rows
//! sent last. Of kind `drift` entities are rows drawn from all of it, and their versions wander
//! from there; so at each moment all kinds of rows live. Indexes are kept in KEEP. Moments are
//! drawn from the last nine tenths of time. Each figure is a line of JSON; times are the median of
//! three runs on one thread, truth is a scan's; indexes are built by two threads.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Context, Result};
use cvx_benches::dataset::{Dataset, K, SEGMENT_ROWS};
use cvx_benches::indexes::Indexes;
use cvx_benches::timestamp_graph::{Asked, Codes, Look, Options, Room, TimestampGraph, build};
use cvx_core::{CancelToken, Metric};
use cvx_index::{Block, Part, Quantization, Request, Search, Selection, StHnsw};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

const RUNS: usize = 3;
const EFFORTS: [usize; 8] = [10, 14, 20, 30, 40, 80, 160, 320];
/// As the index is built.
const OPTIONS: Options = Options { degree: 16, ef: 128 };
/// How wide the rival is walked beside a graph of one moment.
const BESIDE: usize = 40;
/// A sweep ends at the first effort beyond this recall.
const ENOUGH: f64 = 0.99;

/// A step of an entity from one version to the next.
const STEP: f32 = 0.1;

/// Makes rows versions of some of them, drawn from all, each a step from the one before.
fn drift(base: &mut [f32], dim: usize, entities: usize) {
    let mut rng = SmallRng::seed_from_u64(11);
    let mut order: Vec<usize> = (0..base.len() / dim).collect();
    order.shuffle(&mut rng);
    let drawn = order[..entities].iter().flat_map(|row| &base[row * dim..][..dim]);
    let drawn: Vec<f32> = drawn.copied().collect();
    base[..drawn.len()].copy_from_slice(&drawn);
    let side = STEP * (3.0 / dim as f32).sqrt();
    for row in entities..base.len() / dim {
        let (before, rest) = base.split_at_mut(row * dim);
        let step = before[(row - entities) * dim..].iter().zip(&mut rest[..dim]);
        step.for_each(|(old, new)| *new = old + rng.random_range(-side..side));
        cvx_benches::scale_rows(&mut rest[..dim], dim, 1.0);
    }
}

/// Versions of entities.
struct Versions {
    rows: Dataset,
    /// Before when each row is valid.
    ends: Vec<i64>,
}

impl Versions {
    fn load(dir: &Path, kind: &str, versions: usize) -> Result<Self> {
        let mut rows = Dataset::load(dir)?;
        // No entity has two points at one moment.
        rows.ts.iter_mut().zip(0..).for_each(|(ts, row)| *ts += row);
        let count = rows.rows() / versions;
        rows.entities.iter_mut().for_each(|entity| *entity %= count as u64);
        let end = |row: usize| rows.ts.get(row + count).copied().unwrap_or(i64::MAX);
        let ends = (0..rows.rows()).map(end).collect();
        if kind == "drift" {
            drift(&mut rows.base, rows.dim, count);
        }
        Ok(Self { rows, ends })
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        self.rows.segments().map(|segment| self.rows.block(segment)).collect()
    }

    /// The rows of each block that are valid at a moment.
    fn living(&self, moment: i64) -> Vec<Vec<u32>> {
        let ends = self.ends.chunks(SEGMENT_ROWS);
        let lives = |(ts, ends): (&[i64], &[i64])| {
            let rows = (0..).zip(ts.iter().zip(ends));
            let there = rows.filter(|(_, (ts, end))| **ts <= moment && moment < **end);
            there.map(|(row, _)| row).collect()
        };
        self.rows.ts.chunks(SEGMENT_ROWS).zip(ends).map(lives).collect()
    }
}

/// Lists as the engine gives them: a stretch where all rows of one are selected.
fn selection(list: &[u32]) -> Selection<'_> {
    match (list.first(), list.last()) {
        (Some(first), Some(last)) if (last - first) as usize + 1 == list.len() => {
            Selection::Range(*first as usize..*last as usize + 1)
        }
        _ => Selection::List(list),
    }
}

struct Question<'a> {
    query: &'a [f32],
    moment: i64,
    /// Rows of each block that live then, and all of them as bits.
    living: Vec<Vec<u32>>,
    bits: Vec<u64>,
}

impl<'a> Question<'a> {
    fn new(data: &'a Versions, number: usize, moment: i64) -> Self {
        let query = data.rows.query(number);
        let (living, mut bits) = (data.living(moment), vec![0; data.rows.rows().div_ceil(64)]);
        for (at, list) in living.iter().enumerate() {
            let rows = list.iter().map(|row| at * SEGMENT_ROWS + *row as usize);
            rows.for_each(|row| bits[row / 64] |= 1u64 << (row % 64));
        }
        Self { query, moment, living, bits }
    }

    fn parts<'p>(&'p self, blocks: &[Block<'p>], indexes: Option<&'p Indexes>) -> Vec<Part<'p>> {
        let part = |(at, (block, list)): (usize, (&Block<'p>, &'p Vec<u32>))| {
            let index = indexes.map(|indexes| indexes.at(at));
            Part { block: *block, rows: selection(list), index }
        };
        blocks.iter().zip(&self.living).enumerate().map(part).collect()
    }
}

/// Rows found, and what was counted: 1-bit estimates, 8-bit scores, f32 rows.
type Looked = (Vec<usize>, [usize; 3]);

fn by_index(search: &StHnsw, query: &[f32], parts: &[Part<'_>]) -> Result<Looked> {
    let cancel = CancelToken::default();
    let request = Request { query, metric: Metric::Cosine, k: K, composite: None, cancel: &cancel };
    let answer = search.search(&request, parts)?;
    let rows = answer.hits.iter().map(|hit| hit.part * SEGMENT_ROWS + hit.row).collect();
    let counters = answer.counters;
    Ok((rows, [counters.estimates, counters.scores, counters.distances]))
}

/// A road: how a question is asked, which is timed, after what need not be.
type Road<'r> = &'r mut dyn FnMut(&Question<'_>) -> Result<(Looked, f64)>;

/// Prints a figure; answers its recall.
fn figure(
    name: &str,
    questions: &[Question<'_>],
    truths: &[HashSet<usize>],
    road: Road<'_>,
) -> Result<f64> {
    let (mut found, mut wanted, mut counted, mut runs) = (0, 0, [0; 3], Vec::new());
    for run in 0..=RUNS {
        let mut times = Vec::new();
        for (question, truth) in questions.iter().zip(truths) {
            let ((rows, work), seconds) = road(question)?;
            times.push(seconds * 1e3);
            if run == 0 {
                found += rows.iter().filter(|row| truth.contains(row)).count();
                wanted += truth.len();
                counted.iter_mut().zip(work).for_each(|(sum, work)| *sum += work);
            }
        }
        times.sort_by(f64::total_cmp);
        runs.push([0.5, 0.99].map(|share| times[((times.len() - 1) as f64 * share) as usize]));
    }
    // The first run warmed up.
    let middle = |which: usize| {
        let mut all: Vec<f64> = runs[1..].iter().map(|run| run[which]).collect();
        all.sort_by(f64::total_cmp);
        all[RUNS / 2]
    };
    let recall = f64::from(found as u32) / f64::from(wanted.max(1) as u32);
    let [estimates, scores, distances] = counted.map(|sum| sum / questions.len());
    println!(
        "{{{name}, \"recall\": {recall:.4}, \"p50_ms\": {:.4}, \"p99_ms\": {:.4}, \
         \"estimates\": {estimates}, \"scores\": {scores}, \"distances\": {distances}}}",
        middle(0),
        middle(1)
    );
    Ok(recall)
}

/// Numbers that look like chance, the same each time.
fn chance(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 33) as usize
}

/// Builds the rival by two threads; how many rows a second.
fn rival(data: &Versions) -> Result<(Codes, TimestampGraph, f64)> {
    let rows = &data.rows;
    let ends: Vec<[i64; 2]> = rows.ts.iter().zip(&data.ends).map(|(ts, end)| [*ts, *end]).collect();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let start = Instant::now();
    let (codes, graph) = threads.install(|| {
        let codes = Codes::new(&rows.base, rows.dim);
        let graph = build(&codes, &ends, OPTIONS);
        (codes, graph)
    });
    Ok((codes, graph, rows.rows() as f64 / start.elapsed().as_secs_f64()))
}

struct Bench<'a> {
    data: &'a Versions,
    blocks: Vec<Block<'a>>,
    questions: Vec<Question<'a>>,
    truths: Vec<HashSet<usize>>,
    /// The kind of data, as JSON.
    name: String,
}

impl<'a> Bench<'a> {
    fn new(data: &'a Versions, name: String, count: usize) -> Result<Self> {
        let (blocks, rows) = (data.blocks(), data.rows.rows());
        let mut state = 5;
        let mut moment = || data.rows.ts[rows / 10 + chance(&mut state) % (rows - rows / 10)];
        let count = count.min(data.rows.query_count());
        let questions: Vec<Question<'_>> =
            (0..count).map(|number| Question::new(data, number, moment())).collect();
        let scan = |question: &Question<'_>| {
            let parts = question.parts(&blocks, None);
            Ok(by_index(&StHnsw::default(), question.query, &parts)?.0.into_iter().collect())
        };
        let truths = questions.iter().map(scan).collect::<Result<_>>()?;
        Ok(Self { data, blocks, questions, truths, name })
    }

    fn living(&self) -> usize {
        let lists = self.questions.iter().flat_map(|question| &question.living);
        lists.map(Vec::len).sum::<usize>() / self.questions.len().max(1)
    }

    /// Figures of a road at growing effort.
    fn sweep(
        &self,
        road: &str,
        mut ask: impl FnMut(&Question<'_>, usize) -> Result<(Looked, f64)>,
    ) -> Result<()> {
        for ef in EFFORTS {
            let name = format!("{}, \"road\": \"{road}\", \"effort\": {ef}", self.name);
            let mut road = |question: &Question<'_>| ask(question, ef);
            if figure(&name, &self.questions, &self.truths, &mut road)? > ENOUGH {
                break;
            }
        }
        Ok(())
    }

    fn by_index(&self, indexes: &Indexes) -> Result<()> {
        self.sweep("index", |question, ef| {
            let parts = question.parts(&self.blocks, Some(indexes));
            let search = StHnsw { ef, ..StHnsw::default() };
            let start = Instant::now();
            let looked = by_index(&search, question.query, &parts)?;
            Ok((looked, start.elapsed().as_secs_f64()))
        })
    }

    /// The rival at one moment beside a graph of what lived then alone: how much of what is near
    /// both find, walked equally wide.
    fn beside_one_moment(&self, codes: &Codes, graph: &TimestampGraph) {
        let data = &self.data.rows;
        let (dim, moment) = (data.dim, data.ts[data.rows() / 4 * 3]);
        let question = Question::new(self.data, 0, moment);
        let lists = question.living.iter().enumerate();
        let rows = lists
            .flat_map(|(at, list)| list.iter().map(move |row| at * SEGMENT_ROWS + *row as usize));
        let rows: Vec<usize> = rows.collect();
        let vectors: Vec<f32> =
            rows.iter().flat_map(|row| &data.base[row * dim..][..dim]).copied().collect();
        let few = Codes::new(&vectors, dim);
        let alone = build(&few, &vec![[0, i64::MAX]; rows.len()], OPTIONS);
        let (mut room, mut found) = (Room::default(), [0; 2]);
        for query in data.queries.chunks_exact(dim).take(self.questions.len()) {
            let asked = Asked { query, moment, k: K, ef: BESIDE };
            let mut find = |codes, graph: &TimestampGraph, base: &[f32], ef| {
                let mut look = Look::new(codes);
                let found =
                    graph.search((&mut room, &mut look), base, Asked { ef, ..asked }, |_| true);
                found.rows.into_iter().map(|(_, row)| row as usize).collect::<Vec<_>>()
            };
            // As wide as there are rows, a walk misses nothing.
            let all = find(&few, &alone, &vectors, rows.len());
            let right: HashSet<usize> = all.into_iter().map(|row| rows[row]).collect();
            let of_alone = find(&few, &alone, &vectors, BESIDE);
            found[0] += of_alone.iter().filter(|row| right.contains(&rows[**row])).count();
            let of_rival = find(codes, graph, &data.base, BESIDE);
            found[1] += of_rival.iter().filter(|row| right.contains(*row)).count();
        }
        let [of_alone, of_rival] =
            found.map(|found| found as f64 / (K * self.questions.len()) as f64);
        println!(
            "{{{}, \"effort\": {BESIDE}, \"of_one_moment\": {of_alone:.4}, \
             \"rival\": {of_rival:.4}}}",
            self.name
        );
    }

    fn by_rival(&self, codes: &Codes, graph: &TimestampGraph) -> Result<()> {
        let mut room = Room::default();
        self.sweep("rival", |question, ef| {
            let start = Instant::now();
            let mut look = Look::new(codes);
            let asked = Asked { query: question.query, moment: question.moment, k: K, ef };
            let lives = |row: u32| question.bits[row as usize / 64] >> (row % 64) & 1 == 1;
            let found = graph.search((&mut room, &mut look), &self.data.rows.base, asked, lives);
            let rows = found.rows.iter().map(|(_, row)| *row as usize).collect();
            let work = [look.estimates, look.scores, found.distances];
            Ok(((rows, work), start.elapsed().as_secs_f64()))
        })
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |what: &'static str| args.next().context(what);
    let (dir, keep) = (next("a directory of data")?, next("a directory to keep indexes in")?);
    let count = next("how many queries")?.parse()?;
    let (kind, versions) = (next("a kind of data")?, next("how many versions")?);
    let data = Versions::load(Path::new(&dir), &kind, versions.parse()?)?;
    let indexes = Indexes::of(&data.rows, Path::new(&keep), Quantization::default())?;
    let (codes, graph, rate) = rival(&data)?;
    let name = format!("\"kind\": \"{kind}\", \"versions\": {versions}");
    let bench = Bench::new(&data, name, count)?;
    println!(
        "{{{}, \"rows\": {}, \"living\": {}, \"index_bytes\": {}, \"rival_bytes\": {}, \
         \"index_rows_s\": {}, \"rival_rows_s\": {rate:.0}}}",
        bench.name,
        data.rows.rows(),
        bench.living(),
        indexes.merged.bytes() / data.rows.rows(),
        graph.bytes() / data.rows.rows(),
        indexes.rate.trim(),
    );
    // The index's searches share nothing, as the rival's do not.
    rayon::ThreadPoolBuilder::new().num_threads(1).build()?.install(|| {
        bench.by_index(&indexes)?;
        bench.by_rival(&codes, &graph)?;
        bench.beside_one_moment(&codes, &graph);
        Ok(())
    })
}
