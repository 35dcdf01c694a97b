//! Nearest neighbours over a data set on disk, in this process: recall, time and counted work.
//!
//! `neighbours DIR KEEP [QUERIES [prepare | all | time | composite | every [QUANTIZATION]]]`: DIR
//! is a data set of `benches/index/datasets.py`. The indexes, one over all segments as the server
//! merges them and one of each segment, are kept in KEEP and taken from there; rows are scored by
//! the quantization that they were built with (int8, fp16, rabitq4, pq), so each has a KEEP of its
//! own. Each figure is a line of JSON, the median of three runs; `prepare` only builds what is
//! missing, the other words measure one kind of question, `every` all of them.
//! `neighbours DIR KEEP ROWS build` builds the first ROWS and keeps nothing: the sketch that new
//! rows get, and the graph with its codes that follows.
//! `RAYON_NUM_THREADS=1` keeps comparisons of rows on one thread too.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Context, Result, ensure};
use cvx_core::{CancelToken, Composite, Decay, Metric, ValidTime};
use cvx_index::{
    Answer, Block, BuildOptions, Indexed, Part, Quantization, Request, Roads, Search, SegmentIndex,
    Selection, Seqs, StHnsw, Vectors, build_index, merge_index, sketch_block,
};
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

const K: usize = 10;
const SEGMENT_ROWS: usize = 65_536;
const RUNS: usize = 3;
/// Half an octave apart, as `benches/index/rivals.py` has them for all.
const EFFORTS: [usize; 11] = [10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320];
const SHARES: [&str; 4] = ["0.5", "0.1", "0.01", "0.001"];
const TAU_DAYS: [f64; 3] = [7.0, 30.0, 365.0];
const ALPHAS: [f64; 7] = [1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0];
const COMPOSITE_QUERIES: usize = 200;
/// A sweep ends at the first effort beyond this recall.
const ENOUGH: f64 = 0.985;

/// An array as numpy saves it: its shape and bytes.
fn npy(dir: &Path, name: &str) -> Result<(Vec<usize>, Vec<u8>)> {
    let path = dir.join(name);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(bytes.starts_with(b"\x93NUMPY\x01"), "{}: no array", path.display());
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let head = std::str::from_utf8(&bytes[10..start])?;
    let shape = head.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let shape = shape.context("an array without a shape")?.0.split(',');
    let shape: Vec<usize> = shape.filter_map(|side| side.trim().parse().ok()).collect();
    Ok((shape, bytes[start..].to_vec()))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn longs(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

/// Answers, so many to a query; -1 where there are fewer.
struct Truth {
    width: usize,
    ids: Vec<i32>,
}

impl Truth {
    fn load(dir: &Path, name: &str) -> Result<Self> {
        let (shape, bytes) = npy(dir, name)?;
        let ids = bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect();
        Ok(Self { width: *shape.last().context("an array without a side")?, ids })
    }

    fn of(&self, row: usize) -> impl Iterator<Item = i32> {
        self.ids[row * self.width..][..self.width.min(K)].iter().copied().filter(|id| *id >= 0)
    }
}

struct Data {
    dim: usize,
    base: Vec<f32>,
    ts: Vec<i64>,
    entities: Vec<u64>,
    queries: Vec<f32>,
}

impl Data {
    fn load(dir: &Path) -> Result<Self> {
        let (shape, base) = npy(dir, "base.npy")?;
        let dim = *shape.last().context("rows without a dimension")?;
        let ts = longs(&npy(dir, "ts.npy")?.1);
        let queries = floats(&npy(dir, "query.npy")?.1);
        let entities = (0..ts.len() as u64).collect();
        Ok(Self { dim, base: floats(&base), ts, entities, queries })
    }

    fn segments(&self) -> impl Iterator<Item = Range<usize>> {
        let rows = self.ts.len();
        (0..rows).step_by(SEGMENT_ROWS).map(move |first| first..rows.min(first + SEGMENT_ROWS))
    }

    fn block(&self, rows: Range<usize>) -> Block<'_> {
        Block {
            dim: self.dim,
            vectors: Vectors::Floats(&self.base[rows.start * self.dim..rows.end * self.dim]),
            present: None,
            entities: &self.entities[rows.clone()],
            ts: &self.ts[rows],
            seqs: Seqs::One(1),
            time_ordered: true,
        }
    }

    /// The index over all segments, built before if its file is not there, and rows built a second;
    /// and each segment's own.
    fn indexes(&self, keep: &Path, quantization: Quantization) -> Result<Indexes> {
        let (path, facts) = (keep.join("merged.idx"), keep.join("built"));
        let standard = BuildOptions::standard(&|| true);
        let options = BuildOptions { parallel: true, quantization, ..standard };
        let own = self.segments().enumerate().map(|(at, rows)| {
            let path = keep.join(format!("own-{at}.idx"));
            if !path.exists() {
                std::fs::write(&path, build_index(&self.block(rows), Metric::Cosine, &options)?)?;
            }
            Ok(SegmentIndex::open(std::fs::read(path)?)?)
        });
        let own = own.collect::<Result<Vec<_>>>()?;
        if !facts.exists() {
            let blocks: Vec<_> = self.segments().map(|rows| (0, self.block(rows))).collect();
            let start = Instant::now();
            let built = merge_index(&blocks, Metric::Cosine, &options)?;
            let rate = self.ts.len() as f64 / start.elapsed().as_secs_f64();
            std::fs::write(path.clone(), built.to_bytes())?;
            std::fs::write(&facts, format!("{rate:.0}"))?;
        }
        let merged = SegmentIndex::open(std::fs::read(path)?)?;
        let same = merged.quantization() == quantization;
        ensure!(same, "{} holds {}", keep.display(), merged.quantization().name());
        Ok(Indexes { merged, own, rate: std::fs::read_to_string(facts)? })
    }

    /// Prints how many of the first rows are built a second: sketched, and put into a graph.
    fn builds(&self, rows: usize, quantization: Quantization) -> Result<()> {
        let block = self.block(0..rows.min(self.ts.len()));
        let standard = BuildOptions::standard(&|| true);
        let options = BuildOptions { parallel: true, quantization, ..standard };
        let told = |what: &str, start: Instant| {
            let rate = block.ts.len() as f64 / start.elapsed().as_secs_f64();
            println!(
                "{{\"what\": \"{what}\", \"rows\": {}, \"rows_s\": {rate:.0}}}",
                block.ts.len()
            );
        };
        let start = Instant::now();
        let sketch = sketch_block(&block, Metric::Cosine, None)?;
        told("sketch", start);
        ensure!(sketch.rows() == block.ts.len(), "rows are missing in the sketch");
        let start = Instant::now();
        let image = build_index(&block, Metric::Cosine, &options)?;
        told("graph", start);
        ensure!(SegmentIndex::open(image)?.nodes() > 0, "a graph without nodes");
        Ok(())
    }

    /// The rows of a stretch, as parts of the index.
    fn parts<'a>(&'a self, indexes: &'a Indexes, rows: &Range<usize>) -> Vec<Part<'a>> {
        let part = |(segment, own): (Range<usize>, &'a SegmentIndex)| {
            let first = segment.start;
            let from = rows.start.max(first) - first;
            let to = rows.end.min(segment.end).max(first) - first;
            let block = self.block(segment);
            let index = Some(Indexed { index: &indexes.merged, first, own: Some(own) });
            (from < to).then_some(Part { block, rows: Selection::Range(from..to), index })
        };
        self.segments().zip(&indexes.own).filter_map(part).collect()
    }
}

/// The index over all rows, each segment's own, and how many rows of the first were built a second.
struct Indexes {
    merged: SegmentIndex,
    own: Vec<SegmentIndex>,
    rate: String,
}

/// What is asked: how, within which rows, near which moment, and what is right.
struct Question<'a> {
    /// The figure's own fields, as JSON.
    name: String,
    search: StHnsw,
    count: usize,
    window: &'a dyn Fn(usize) -> Range<usize>,
    composite: &'a dyn Fn(usize) -> Option<Composite>,
    truth: &'a dyn Fn(usize) -> Vec<i32>,
}

struct Bench<'a> {
    data: &'a Data,
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
        let parts = self.data.parts(self.indexes, &(question.window)(number));
        let request = Request {
            query: &self.data.queries[number * self.data.dim..][..self.data.dim],
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
        let rows = self.data.ts.len();
        let ask = |name: String, search: StHnsw, count: usize| {
            self.run(&Question {
                name,
                search,
                count,
                window: &|_| 0..rows,
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
            let windows = longs(&npy(dir, &format!("win_{share}.npy"))?.1);
            let truth = Truth::load(dir, &format!("gt_{share}.npy"))?;
            self.run(&Question {
                name: format!("\"what\": \"time\", \"share\": {share}, \"effort\": 40"),
                search: StHnsw::default(),
                count,
                window: &|q| windows[2 * q] as usize..windows[2 * q + 1] as usize,
                composite: &|_| None,
                truth: &|q| truth.of(q).collect(),
            })?;
        }
        Ok(())
    }

    fn composites(&self, dir: &Path, count: usize) -> Result<()> {
        let moments = longs(&npy(dir, "qts.npy")?.1);
        let truth = Truth::load(dir, "gt_comp.npy")?;
        let (rows, kept) = (self.data.ts.len(), COMPOSITE_QUERIES.min(moments.len()));
        for (tau, days) in TAU_DAYS.into_iter().enumerate() {
            for (place, alpha) in ALPHAS.into_iter().enumerate() {
                let which = tau * ALPHAS.len() + place;
                self.run(&Question {
                    name: format!(
                        "\"what\": \"composite\", \"alpha\": {alpha}, \"tau_days\": {days}"
                    ),
                    search: StHnsw::default(),
                    count: count.min(kept),
                    window: &|_| 0..rows,
                    composite: &|q| {
                        let at = ValidTime(moments[q]);
                        Composite::new(alpha, at, days * 86_400e6, Decay::Linear).ok()
                    },
                    truth: &|q| truth.of(which * kept + q).collect(),
                })?;
            }
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
    let data = Data::load(dir)?;
    if only.as_deref() == Some("build") {
        return data.builds(count, quantization);
    }
    let count = count.min(data.queries.len() / data.dim);
    let indexes = data.indexes(Path::new(&keep), quantization)?;
    if only.as_deref() == Some("prepare") {
        return Ok(());
    }
    let known = ["all", "time", "composite", "every"];
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
    if asks("composite") {
        bench.composites(dir, count)?;
    }
    Ok(())
}
