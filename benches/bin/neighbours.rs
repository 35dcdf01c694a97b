//! Nearest neighbours over a data set on disk, in this process: recall, time and counted work.
//!
//! `neighbours DIR KEEP [QUERIES [prepare | all | time | where | moment | composite | every
//! [QUANTIZATION]]]`: DIR is a data set of `benches/index/datasets.py`. The indexes, one over all
//! segments as the server merges them and one of each segment, are kept in KEEP and taken from
//! there; rows are scored by the quantization that they were built with (int8, fp16, rabitq4, pq),
//! so each has a KEEP of its own. Each figure is a line of JSON, the median of three runs; `prepare` only builds what is
//! missing, the other words measure one kind of question, `every` all of them.
//! `neighbours DIR KEEP ROWS build` builds the first ROWS and keeps nothing: the sketch that new
//! rows get, and the graph with its codes that follows.
//! `RAYON_NUM_THREADS=1` keeps comparisons of rows on one thread too.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Context, Result, ensure};
use cvx_benches::dataset::{COMPOSITE_QUERIES, Dataset, K, Truth, composites, longs};
use cvx_benches::indexes::Indexes;
use cvx_core::{CancelToken, Composite, Decay, Metric, ValidTime};
use cvx_index::{
    Answer, BuildOptions, ExactScan, Part, Quantization, Request, Roads, Search, SegmentIndex,
    Selection, StHnsw, build_index, sketch_block,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

const RUNS: usize = 3;
/// Half an octave apart, as `benches/index/rivals.py` has them for all.
const EFFORTS: [usize; 11] = [10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320];
/// What conditions keep is drawn by it.
const SEED: u64 = 6;
const SHARES: [&str; 4] = ["0.5", "0.1", "0.01", "0.001"];
/// A sweep ends at the first effort beyond this recall.
const ENOUGH: f64 = 0.985;

/// Prints how many of the first rows are built a second: sketched, and put into a graph.
fn builds(data: &Dataset, rows: usize, quantization: Quantization) -> Result<()> {
    let block = data.block(0..rows.min(data.rows()));
    let standard = BuildOptions::standard(&|| true);
    let options = BuildOptions { parallel: true, quantization, ..standard };
    let told = |what: &str, start: Instant| {
        let rate = block.rows() as f64 / start.elapsed().as_secs_f64();
        println!("{{\"what\": \"{what}\", \"rows\": {}, \"rows_s\": {rate:.0}}}", block.rows());
    };
    let start = Instant::now();
    let sketch = sketch_block(&block, Metric::Cosine, None)?;
    told("sketch", start);
    ensure!(sketch.rows() == block.rows(), "rows are missing in the sketch");
    let start = Instant::now();
    let image = build_index(&block, Metric::Cosine, &options)?;
    told("graph", start);
    ensure!(SegmentIndex::open(image)?.nodes() > 0, "a graph without nodes");
    Ok(())
}

/// Which rows are asked.
enum Rows<'a> {
    /// A stretch of time.
    Between(Range<usize>),
    /// Those whose bits are set, of each segment.
    Kept(&'a [Vec<u64>]),
}

impl Rows<'_> {
    /// As parts of the index.
    fn parts<'a>(&'a self, data: &'a Dataset, indexes: &'a Indexes) -> Vec<Part<'a>> {
        let part = |(at, segment): (usize, Range<usize>)| {
            let rows = match self {
                Self::Between(rows) => {
                    let first = segment.start;
                    let from = rows.start.max(first) - first;
                    let to = rows.end.min(segment.end).max(first) - first;
                    (from < to).then_some(Selection::Range(from..to))
                }
                Self::Kept(words) => Some(Selection::Bits(&words[at])),
            };
            let (block, index) = (data.block(segment), Some(indexes.at(at)));
            rows.map(|rows| Part { block, rows, index })
        };
        data.segments().enumerate().filter_map(part).collect()
    }
}

/// What is asked: how, within which rows, near which moment, and what is right.
struct Question<'a> {
    /// The figure's own fields, as JSON.
    name: String,
    search: StHnsw,
    count: usize,
    rows: &'a dyn Fn(usize) -> Rows<'a>,
    composite: &'a dyn Fn(usize) -> Option<Composite>,
    truth: &'a dyn Fn(usize) -> Vec<i32>,
}

struct Bench<'a> {
    data: &'a Dataset,
    indexes: &'a Indexes,
    facts: String,
}

/// One run's figures.
#[derive(Clone, Copy)]
struct Figures {
    qps: f64,
    ms: [f64; 4],
}

impl Bench<'_> {
    fn ask(&self, question: &Question<'_>, number: usize) -> Result<(Answer, f64)> {
        let rows = (question.rows)(number);
        let parts = rows.parts(self.data, self.indexes);
        let request = Request {
            query: self.data.query(number),
            metric: Metric::Cosine,
            k: K,
            composite: (question.composite)(number),
            cancel: &CancelToken::default(),
        };
        let start = Instant::now();
        let answer = question.search.search(&request, &parts)?;
        Ok((answer, start.elapsed().as_secs_f64()))
    }

    /// Prints a figure; answers its recall.
    fn run(&self, question: &Question<'_>) -> Result<f64> {
        for number in 0..50.min(question.count) {
            self.ask(question, number)?;
        }
        let (mut hits, mut wanted, mut counted) = (0usize, 0usize, [0; 3]);
        for number in 0..question.count {
            let (answer, _) = self.ask(question, number)?;
            let truth = (question.truth)(number);
            let found = |row: &&i32| answer.hits.iter().any(|hit| hit.entity.0 == **row as u64);
            hits += truth.iter().filter(found).count();
            wanted += truth.len();
            let counters = answer.counters;
            let work = [counters.estimates, counters.scores, counters.distances];
            counted.iter_mut().zip(work).for_each(|(sum, work)| *sum += work);
        }
        let runs = (0..RUNS).map(|_| self.time(question)).collect::<Result<Vec<_>>>()?;
        let recall = hits as f64 / wanted.max(1) as f64;
        let middle = |of: &dyn Fn(&Figures) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let [estimates, scores, distances] = counted.map(|sum| sum / question.count);
        println!(
            "{{{}, \"recall\": {recall:.4}, \"qps\": {:.1}, \"p50_ms\": {:.4}, \"p95_ms\": {:.4}, \
             \"p99_ms\": {:.4}, \"p999_ms\": {:.4}, \"estimates\": {estimates}, \
             \"scores\": {scores}, \"distances\": {distances}, {}}}",
            question.name,
            middle(&|run| run.qps),
            middle(&|run| run.ms[0]),
            middle(&|run| run.ms[1]),
            middle(&|run| run.ms[2]),
            middle(&|run| run.ms[3]),
            self.facts,
        );
        Ok(recall)
    }

    fn time(&self, question: &Question<'_>) -> Result<Figures> {
        let times = (0..question.count).map(|number| Ok(self.ask(question, number)?.1));
        let mut times = times.collect::<Result<Vec<f64>>>()?;
        let total: f64 = times.iter().sum();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
        Ok(Figures { qps: times.len() as f64 / total, ms: [0.5, 0.95, 0.99, 0.999].map(at) })
    }

    /// The ten nearest of all rows, at growing effort.
    fn all(&self, truth: &Truth, count: usize) -> Result<()> {
        let rows = self.data.rows();
        let ask = |name: String, search: StHnsw, count: usize| {
            self.run(&Question {
                name,
                search,
                count,
                rows: &|_| Rows::Between(0..rows),
                composite: &|_| None,
                truth: &|q| truth.of(q).collect(),
            })
        };
        for ef in EFFORTS {
            let search = StHnsw { ef, ..StHnsw::default() };
            let name = format!("\"what\": \"all\", \"effort\": {ef}");
            if ask(name, search, count)? >= ENOUGH {
                return Ok(());
            }
        }
        let search = StHnsw { roads: Roads::Sift, ..StHnsw::default() };
        ask("\"what\": \"all\", \"effort\": \"sift\"".to_owned(), search, count.min(200))?;
        Ok(())
    }

    fn stretches(&self, dir: &Path, count: usize) -> Result<()> {
        for share in SHARES {
            let windows = longs(dir, &format!("win_{share}.npy"))?;
            let truth = Truth::load(dir, &format!("gt_{share}.npy"))?;
            self.run(&Question {
                name: format!("\"what\": \"time\", \"share\": {share}, \"effort\": 40"),
                search: StHnsw::default(),
                count,
                rows: &|q| Rows::Between(windows[2 * q] as usize..windows[2 * q + 1] as usize),
                composite: &|_| None,
                truth: &|q| truth.of(q).collect(),
            })?;
        }
        Ok(())
    }

    /// What a condition keeps that has nothing to do with vectors or time: each row by itself.
    fn conditions(&self, count: usize) -> Result<()> {
        for share in SHARES {
            let mut rng = SmallRng::seed_from_u64(SEED);
            let keeps: f64 = share.parse()?;
            let word = |rows: usize, rng: &mut SmallRng| {
                (0..rows).map(|bit| u64::from(rng.random_bool(keeps)) << bit).sum()
            };
            let segments = self.data.segments().map(|segment| {
                let words = (0..segment.len()).step_by(64);
                words.map(|at| word(64.min(segment.len() - at), &mut rng)).collect::<Vec<u64>>()
            });
            let words: Vec<Vec<u64>> = segments.collect();
            let truth = self.exact(&|_| Rows::Kept(&words), count)?;
            self.run(&Question {
                name: format!("\"what\": \"where\", \"share\": {share}, \"effort\": 40"),
                search: StHnsw::default(),
                count,
                rows: &|_| Rows::Kept(&words),
                composite: &|_| None,
                truth: &|q| truth[q].clone(),
            })?;
        }
        Ok(())
    }

    /// All that was there at a moment, one for each question: rows up to one that is drawn from the
    /// last nine tenths. So it is AS OF a date where nothing was ever replaced.
    fn moments(&self, count: usize) -> Result<()> {
        let (rows, mut rng) = (self.data.rows(), SmallRng::seed_from_u64(SEED));
        let ends: Vec<usize> = (0..count).map(|_| rng.random_range(rows / 10..rows)).collect();
        let until = |question: usize| Rows::Between(0..ends[question]);
        let exact = self.exact(&until, count)?;
        let truth = |question: usize| exact[question].clone();
        for effort in [10, 40] {
            self.run(&Question {
                name: format!("\"what\": \"moment\", \"effort\": {effort}"),
                search: StHnsw { ef: effort, ..StHnsw::default() },
                count,
                rows: &until,
                composite: &|_| None,
                truth: &truth,
            })?;
        }
        Ok(())
    }

    /// The right answers, by comparing all that is asked about.
    fn exact<'a>(
        &'a self,
        rows: &dyn Fn(usize) -> Rows<'a>,
        count: usize,
    ) -> Result<Vec<Vec<i32>>> {
        let cancel = CancelToken::default();
        let answer = |number| {
            let rows = rows(number);
            let parts = rows.parts(self.data, self.indexes);
            let query = self.data.query(number);
            let (metric, composite) = (Metric::Cosine, None);
            let request = Request { query, metric, k: K, composite, cancel: &cancel };
            let hits = ExactScan::default().search(&request, &parts)?.hits;
            Ok(hits.iter().map(|hit| hit.entity.0 as i32).collect())
        };
        (0..count).map(answer).collect()
    }

    fn composites(&self, dir: &Path, count: usize) -> Result<()> {
        let moments = longs(dir, "qts.npy")?;
        let truth = Truth::load(dir, "gt_comp.npy")?;
        let (rows, kept) = (self.data.rows(), COMPOSITE_QUERIES.min(moments.len()));
        for (which, tau_days, alpha) in composites() {
            self.run(&Question {
                name: format!(
                    "\"what\": \"composite\", \"alpha\": {alpha}, \"tau_days\": {tau_days}"
                ),
                search: StHnsw::default(),
                count: count.min(kept),
                rows: &|_| Rows::Between(0..rows),
                composite: &|q| {
                    let at = ValidTime(moments[q]);
                    Composite::new(alpha, at, tau_days * 86_400e6, Decay::Linear).ok()
                },
                truth: &|q| truth.of(which * kept + q).collect(),
            })?;
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |what: &'static str| args.next().context(what);
    let (dir, keep) = (next("a directory of data")?, next("a directory to keep the index in")?);
    let count: usize = next("1000").map_or(Ok(1000), |count| count.parse())?;
    let only = next("").ok();
    let quantization = next("int8").unwrap_or_else(|_| "int8".to_owned());
    let quantization = Quantization::named(&quantization).context("an unknown quantization")?;
    let dir = Path::new(&dir);
    let data = Dataset::load(dir)?;
    if only.as_deref() == Some("build") {
        return builds(&data, count, quantization);
    }
    let count = count.min(data.query_count());
    let indexes = Indexes::of(&data, Path::new(&keep), quantization)?;
    if only.as_deref() == Some("prepare") {
        return Ok(());
    }
    let known = ["all", "time", "where", "moment", "composite", "every"];
    ensure!(
        only.as_deref().is_none_or(|only| known.contains(&only)),
        "an unknown kind of question"
    );
    let asks = |what| only.as_deref().is_none_or(|only| only == what || only == "every");
    let bytes: usize = indexes.own.iter().map(SegmentIndex::bytes).sum();
    let each = (indexes.merged.bytes() + bytes) / indexes.merged.rows().max(1);
    let facts = format!(
        "\"bytes\": {each}, \"build_rows_s\": {}, \"quantization\": \"{}\", \"row_bytes\": {}, \
         \"breadth\": \"{}\"",
        indexes.rate,
        quantization.name(),
        quantization.row_bytes(data.dim),
        indexes.merged.breadth(),
    );
    let bench = Bench { data: &data, indexes: &indexes, facts };
    if asks("all") {
        bench.all(&Truth::load(dir, "gt.npy")?, count)?;
    }
    if asks("time") {
        bench.stretches(dir, count.min(500))?;
    }
    if asks("where") {
        bench.conditions(count.min(500))?;
    }
    if asks("moment") {
        bench.moments(count)?;
    }
    if asks("composite") {
        bench.composites(dir, count)?;
    }
    Ok(())
}
