//! Nearest neighbours over a data set on disk: recall and time at several efforts.
//!
//! `neighbours DIR [segment_rows [metric [ef_construction [KEEP]]]]`: indexes are kept in KEEP and
//! taken from there; DIR holds `base.npy`, `ts.npy`, `query.npy`, `gt.npy`
//! and, for time windows, `win_S.npy` and `gt_S.npy` (f32 rows, i64 microseconds, i32 answers).
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Context, Result, ensure};
use cvx_core::{CancelToken, Composite, Decay, Metric, ValidTime};
use cvx_index::{
    Answer, Block, BuildOptions, ExactScan, Part, Request, Roads, Search, SegmentIndex, Selection,
    Seqs, StHnsw, build_index,
};
use std::path::Path;
use std::time::Instant;

const DIM: usize = 768;
const K: usize = 10;

/// The bytes of an array as numpy saves it.
fn npy(dir: &Path, name: &str) -> Result<Vec<u8>> {
    let path = dir.join(name);
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(bytes.starts_with(b"\x93NUMPY\x01"), "{}: no array", path.display());
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    Ok(bytes[start..].to_vec())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn longs(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

fn ints(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect()
}

struct Data {
    base: Vec<f32>,
    ts: Vec<i64>,
    entities: Vec<u64>,
    queries: Vec<f32>,
    segment_rows: usize,
    indexes: Vec<SegmentIndex>,
    metric: Metric,
}

impl Data {
    fn load(dir: &Path, segment_rows: usize, metric: Metric) -> Result<Self> {
        let base = floats(&npy(dir, "base.npy")?);
        let ts = longs(&npy(dir, "ts.npy")?);
        let queries = floats(&npy(dir, "query.npy")?);
        let entities = (0..ts.len() as u64).collect();
        let indexes = Vec::new();
        Ok(Self { base, ts, entities, queries, segment_rows, indexes, metric })
    }

    fn block(&self, segment: usize) -> Block<'_> {
        let first = segment * self.segment_rows;
        let last = self.ts.len().min(first + self.segment_rows);
        Block {
            dim: DIM,
            vectors: &self.base[first * DIM..last * DIM],
            present: None,
            entities: &self.entities[first..last],
            ts: &self.ts[first..last],
            seqs: Seqs::One(1),
            time_ordered: true,
        }
    }

    fn build(&mut self, ef_construction: usize, keep: Option<&Path>) -> Result<()> {
        let start = Instant::now();
        let mut bytes = 0;
        for segment in 0..self.ts.len().div_ceil(self.segment_rows) {
            let options = BuildOptions {
                parallel: true,
                ef_construction,
                ..BuildOptions::standard(&|| true)
            };
            let kept = keep.map(|dir| dir.join(format!("{segment}.idx")));
            let image = match kept.as_ref().and_then(|path| std::fs::read(path).ok()) {
                Some(image) => image,
                None => build_index(&self.block(segment), self.metric, &options)?,
            };
            if let Some(path) = kept {
                std::fs::write(path, &image)?;
            }
            bytes += image.len();
            let index = SegmentIndex::open(image)?;
            println!(
                "  segment {segment}: {} nodes, {:.1} links, {} layers, {} unreachable",
                index.nodes(),
                index.edges() as f64 / index.nodes() as f64,
                index.layers(),
                index.unreachable()
            );
            self.indexes.push(index);
        }
        let (rows, took) = (self.ts.len(), start.elapsed().as_secs_f64());
        println!("built {:.0} rows/s, {} bytes a row", rows as f64 / took, bytes / rows);
        Ok(())
    }

    fn query(&self, number: usize) -> &[f32] {
        &self.queries[number * DIM..][..DIM]
    }

    /// The rows of a stretch, as parts.
    fn parts(&self, rows: std::ops::Range<usize>) -> Vec<Part<'_>> {
        let segments = self.indexes.iter().enumerate();
        let part = |(segment, index)| {
            let first = segment * self.segment_rows;
            let block = self.block(segment);
            let from = rows.start.max(first) - first;
            let to = rows.end.min(first + block.rows()).max(first) - first;
            let rows = Selection::Range(from..to);
            (from < to).then_some(Part { block, rows, index: Some(index) })
        };
        segments.filter_map(part).collect()
    }
}

/// What the calling thread has had of a processor: a busy machine changes it less than the time.
fn cpu_ns() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = stat.split_whitespace().next().context("no schedstat")?;
    Ok(first.parse()?)
}

fn run(
    name: &str,
    data: &Data,
    search: &dyn Search,
    count: usize,
    window: impl Fn(usize) -> std::ops::Range<usize>,
    truth: impl Fn(usize) -> Vec<i32>,
    composite: impl Fn(usize) -> Option<Composite>,
) -> Result<()> {
    let cancel = CancelToken::default();
    let ask = |number: usize| -> Result<(Answer, f64)> {
        let parts = data.parts(window(number));
        let request = Request {
            query: data.query(number),
            metric: data.metric,
            k: K,
            composite: composite(number),
            cancel: &cancel,
        };
        let start = Instant::now();
        let answer = search.search(&request, &parts)?;
        Ok((answer, start.elapsed().as_secs_f64()))
    };
    for number in 0..50.min(count) {
        ask(number)?;
    }
    let (mut hits, mut wanted, mut times) = (0usize, 0usize, Vec::new());
    let (mut scores, mut estimates, mut distances) = (0, 0, 0);
    let before = cpu_ns()?;
    for number in 0..count {
        let (answer, took) = ask(number)?;
        times.push(took);
        let truth = truth(number);
        wanted += truth.len();
        let found = |row: &&i32| answer.hits.iter().any(|hit| hit.entity.0 == **row as u64);
        hits += truth.iter().filter(found).count();
        scores += answer.counters.scores;
        estimates += answer.counters.estimates;
        distances += answer.counters.distances;
    }
    let cpu_us = (cpu_ns()? - before) as f64 / count as f64 / 1e3;
    let total: f64 = times.iter().sum();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    println!(
        "{name}: recall {:.4} qps {:.0} p50 {:.3} p99 {:.3} ms, CPU {cpu_us:.0} us; \
         {} estimates {} scores {} rows",
        hits as f64 / wanted as f64,
        count as f64 / total,
        at(0.5),
        at(0.99),
        estimates / count,
        scores / count,
        distances / count,
    );
    Ok(())
}

/// Composite searches over the weights and scales, against exact answers.
fn composites(dir: &Path, data: &Data) -> Result<()> {
    let moments = longs(&npy(dir, "qts.npy")?);
    let (count, rows) = (100, data.ts.len());
    for days in [7.0, 30.0, 365.0] {
        for alpha in [0.9, 0.5, 0.1] {
            let of = |q: usize| {
                let at = ValidTime(moments[q]);
                Composite::new(alpha, at, days * 86_400e6, Decay::Linear).ok()
            };
            let truth = (0..count).map(|q| {
                let cancel = CancelToken::default();
                let request = Request {
                    query: data.query(q),
                    metric: data.metric,
                    k: K,
                    composite: of(q),
                    cancel: &cancel,
                };
                let answer = ExactScan::default().search(&request, &data.parts(0..rows))?;
                Ok(answer.hits.iter().map(|hit| hit.entity.0 as i32).collect())
            });
            let truth = truth.collect::<Result<Vec<Vec<i32>>>>()?;
            let name = format!("composite alpha {alpha} tau {days} d");
            let search = StHnsw::default();
            run(&name, data, &search, count, |_| 0..rows, |q| truth[q].clone(), of)?;
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().context("a directory of data")?;
    let dir = Path::new(&dir);
    let segment_rows = args.next().map_or(Ok(65_536), |rows| rows.parse())?;
    let metric = match args.next().as_deref() {
        Some("l2") => Metric::L2,
        Some("ip") => Metric::InnerProduct,
        _ => Metric::Cosine,
    };
    let ef_construction = args.next().map_or(Ok(64), |ef| ef.parse())?;
    let mut data = Data::load(dir, segment_rows, metric)?;
    let keep = args.next();
    data.build(ef_construction, keep.as_deref().map(Path::new))?;
    let truth = ints(&npy(dir, "gt.npy")?);
    let rows = data.ts.len();
    for ef in [10, 20, 30, 40, 60, 80, 120, 200] {
        let search = StHnsw { ef, ..StHnsw::default() };
        let name = format!("all, ef {ef}");
        run(
            &name,
            &data,
            &search,
            1000,
            |_| 0..rows,
            |q| truth[q * 100..][..K].to_vec(),
            |_| None,
        )?;
    }
    for share in ["0.1", "0.01", "0.001"] {
        let windows = longs(&npy(dir, &format!("win_{share}.npy"))?);
        let truth = ints(&npy(dir, &format!("gt_{share}.npy"))?);
        for sigmas in [1.0, 1.5, 1.9, 3.0] {
            let search = StHnsw { sigmas, ..StHnsw::default() };
            let window = |q: usize| windows[2 * q] as usize..windows[2 * q + 1] as usize;
            let of = |q: usize| truth[q * K..][..K].iter().copied().filter(|t| *t >= 0).collect();
            run(
                &format!("window {share}, sigmas {sigmas}"),
                &data,
                &search,
                500,
                window,
                of,
                |_| None,
            )?;
        }
    }
    composites(dir, &data)?;
    let search = StHnsw { roads: Roads::Sift, ..StHnsw::default() };
    let truth_of = |q: usize| truth[q * 100..][..K].to_vec();
    run("sift all", &data, &search, 200, |_| 0..rows, truth_of, |_| None)
}
