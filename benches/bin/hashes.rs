//! What hashes of meaning and time (T-LSH) would look at: rows seen until 95 of 100 of the nearest
//! are among them.
//!
//! `hashes DIR BITS`: DIR is a data set of `benches/index/datasets.py`. Each of some tables has a
//! key of BITS bits a row, 16 at most, the sides of random planes through the centre of all rows,
//! and the week of its time.
//! A query takes keys and weeks in the order in which they promise most (Lv and others 2007): the
//! squares of its distances to the planes that a key lies beyond, scaled, and the weeks between,
//! weighed as the question weighs them, up to where 95 of 100 right rows are met. What is printed
//! is a mean: rows seen, rows met (one in several tables is met several times), and keys of a week
//! asked for, with rows or without. The scale is the best for each question, and the order of all
//! tables is one: no table does better.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use anyhow::{Context, Result, ensure};
use cvx_benches::dataset::{COMPOSITE_QUERIES, Dataset, Truth, composites, longs};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use std::path::Path;

const TABLES: [usize; 2] = [4, 16];
const WEEK_US: f64 = 7.0 * 86_400e6;
/// How far beyond a plane's square a row is expected.
const SCALES: [f64; 5] = [1.0, 4.0, 16.0, 64.0, 256.0];
const ENOUGH: f64 = 0.95;

/// Planes of all tables, and where they lie.
struct Planes {
    dim: usize,
    /// Planes of a table.
    bits: usize,
    normals: Vec<f32>,
    offsets: Vec<f32>,
}

impl Planes {
    fn new(base: &[f32], dim: usize, (tables, bits): (usize, usize)) -> Self {
        let mut rng = SmallRng::seed_from_u64(3);
        let count = tables * bits * dim;
        // The sum of some even numbers is as good as a normal one.
        let mut normal = || (0..6).map(|_| rng.random_range(-1.0f32..1.0)).sum();
        let mut normals: Vec<f32> = (0..count).map(|_| normal()).collect();
        cvx_benches::scale_rows(&mut normals, dim, 1.0);
        let mut mean = vec![0.0f32; dim];
        let share = dim as f32 / base.len() as f32;
        for row in base.chunks_exact(dim) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * share);
        }
        let offsets = normals.chunks_exact(dim).map(|normal| dot(normal, &mean)).collect();
        Self { dim, bits, normals, offsets }
    }

    /// How far a vector is from each plane.
    fn sides(&self, vector: &[f32]) -> Vec<f32> {
        let normals = self.normals.chunks_exact(self.dim);
        normals.zip(&self.offsets).map(|(normal, offset)| dot(normal, vector) - offset).collect()
    }

    fn keys(&self, vector: &[f32]) -> Vec<u16> {
        let sides = self.sides(vector);
        let key = |sides: &[f32]| {
            (0..).zip(sides).fold(0, |key, (at, side)| key | u16::from(*side > 0.0) << at)
        };
        sides.chunks_exact(self.bits).map(key).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Of each key of a table, the squares of the planes that it is beyond.
fn costs(key: u16, sides: &[f32]) -> Vec<f32> {
    let beyond = |other: u16| {
        let apart = other ^ key;
        let planes = (0..sides.len()).filter(|at| apart >> at & 1 == 1);
        planes.map(|at| sides[at] * sides[at]).sum()
    };
    (0..=u16::MAX >> (16 - sides.len())).map(beyond).collect()
}

struct Data {
    ts: Vec<i64>,
    /// One array a table.
    keys: Vec<Vec<u16>>,
    planes: Planes,
    queries: Vec<f32>,
    moments: Vec<i64>,
}

impl Data {
    fn load(dir: &Path, bits: usize) -> Result<Self> {
        let Dataset { dim, base, ts, queries, .. } = Dataset::load(dir)?;
        let planes = Planes::new(&base, dim, (TABLES[TABLES.len() - 1], bits));
        let of_rows: Vec<Vec<u16>> =
            base.par_chunks_exact(dim).map(|row| planes.keys(row)).collect();
        let table = |at: usize| of_rows.iter().map(|keys| keys[at]).collect();
        let keys = (0..TABLES[TABLES.len() - 1]).map(table).collect();
        Ok(Self { ts, keys, planes, queries, moments: longs(dir, "qts.npy")? })
    }

    /// Of each row the least that some tables promise of its meaning, for a query.
    fn promised(&self, query: usize, tables: usize) -> Vec<f32> {
        let vector = &self.queries[query * self.planes.dim..][..self.planes.dim];
        let (sides, keys) = (self.planes.sides(vector), self.planes.keys(vector));
        let bits = self.planes.bits;
        let mut least = vec![f32::INFINITY; self.ts.len()];
        for table in 0..tables {
            let costs = costs(keys[table], &sides[table * bits..][..bits]);
            let rows = least.iter_mut().zip(&self.keys[table]);
            rows.for_each(|(least, key)| *least = least.min(costs[usize::from(*key)]));
        }
        least
    }

    /// The weeks between a row and a query's moment that a row has for sure.
    fn weeks(&self, query: usize, row: usize) -> f64 {
        let week = |ts: i64| (ts as f64 / WEEK_US).floor();
        // A row of the week beside may be as near as this one's.
        ((week(self.ts[row]) - week(self.moments[query])).abs() - 1.0).max(0.0)
    }

    /// What rows promise, of so much by their keys.
    fn rank(&self, (query, row): (usize, usize), promised: f32, how: How) -> f64 {
        how.alpha * how.scale * f64::from(promised) + how.time(self.weeks(query, row))
    }

    /// Rows met in some tables, and keys of a week asked for, up to a rank.
    fn met(&self, query: usize, tables: usize, how: How, limit: f64) -> [usize; 2] {
        let vector = &self.queries[query * self.planes.dim..][..self.planes.dim];
        let (sides, keys) = (self.planes.sides(vector), self.planes.keys(vector));
        let bits = self.planes.bits;
        let mut sum = [0; 2];
        for table in 0..tables {
            let mut costs = costs(keys[table], &sides[table * bits..][..bits]);
            let rows = self.keys[table].iter().enumerate().filter(|(row, key)| {
                self.rank((query, *row), costs[usize::from(**key)], how) <= limit
            });
            sum[0] += rows.count();
            costs.sort_unstable_by(f32::total_cmp);
            for week in 0..WEEKS {
                let left = (limit - how.time((week as f64 - 1.0).max(0.0))) / how.alpha / how.scale;
                let sides = if week == 0 { 1 } else { 2 };
                sum[1] += sides * costs.partition_point(|cost| f64::from(*cost) <= left);
            }
        }
        sum
    }
}

/// Weeks on either side of a moment in the middle of a year.
const WEEKS: usize = 26;

#[derive(Clone, Copy)]
struct How {
    alpha: f64,
    tau_days: f64,
    scale: f64,
}

impl How {
    fn time(self, weeks: f64) -> f64 {
        (1.0 - self.alpha) * weeks * WEEK_US / (self.tau_days * 86_400e6)
    }
}

/// Means over all queries.
#[derive(Debug)]
struct Means {
    seen: usize,
    met: usize,
    asked: usize,
}

struct Bench {
    data: Data,
    truth: Truth,
    kept: usize,
}

impl Bench {
    fn load(dir: &Path, bits: usize) -> Result<Self> {
        let data = Data::load(dir, bits)?;
        let truth = Truth::load(dir, "gt_comp.npy")?;
        let kept = COMPOSITE_QUERIES.min(data.moments.len());
        Ok(Self { data, truth, kept })
    }

    /// The rank up to which enough of the right rows are, and how many rows are seen up to there.
    fn reach(&self, promised: &[Vec<f32>], which: usize, how: How) -> (usize, f64) {
        let rank =
            |query: usize, row: usize| self.data.rank((query, row), promised[query][row], how);
        let right = |query: usize| {
            let right = self.truth.of(which * self.kept + query);
            right.map(move |row| rank(query, row as usize))
        };
        let mut ranks: Vec<f64> = (0..self.kept).flat_map(right).collect();
        ranks.sort_unstable_by(f64::total_cmp);
        let limit = ranks[((ranks.len() as f64 * ENOUGH) as usize).min(ranks.len() - 1)];
        let seen = |query| (0..self.data.ts.len()).filter(|row| rank(query, *row) <= limit).count();
        let seen: usize = (0..self.kept).into_par_iter().map(seen).sum();
        (seen / self.kept, limit)
    }

    fn figure(&self, tables: usize, promised: &[Vec<f32>], which: usize, how: How) -> Means {
        let reaches = SCALES.into_iter().map(|scale| {
            let how = How { scale, ..how };
            (self.reach(promised, which, how), how)
        });
        let least = reaches.min_by_key(|((seen, _), _)| *seen);
        let Some(((seen, limit), how)) = least else { return Means { seen: 0, met: 0, asked: 0 } };
        let met = |query| self.data.met(query, tables, how, limit);
        let add = |a: [usize; 2], b: [usize; 2]| [a[0] + b[0], a[1] + b[1]];
        let [met, asked] = (0..self.kept).into_par_iter().map(met).reduce(|| [0; 2], add);
        Means { seen, met: met / self.kept, asked: asked / self.kept }
    }
}

fn main() -> Result<()> {
    let dir = std::env::args().nth(1).context("a directory of data")?;
    let bits = std::env::args().nth(2).context("how many bits a key")?.parse()?;
    ensure!((1..=16).contains(&bits), "1 to 16 bits a key");
    let bench = Bench::load(Path::new(&dir), bits)?;
    for tables in TABLES {
        let promised = |query| bench.data.promised(query, tables);
        let promised: Vec<Vec<f32>> = (0..bench.kept).into_par_iter().map(promised).collect();
        for (which, tau_days, alpha) in composites().filter(|(.., alpha)| *alpha > 0.0) {
            let how = How { alpha, tau_days, scale: 1.0 };
            let Means { seen, met, asked } = bench.figure(tables, &promised, which, how);
            println!(
                "{{\"bits\": {bits}, \"tables\": {tables}, \"tau_days\": {tau_days}, \
                 \"alpha\": {alpha}, \
                 \"rows\": {}, \"seen\": {seen}, \"met\": {met}, \"keys\": {asked}}}",
                bench.data.ts.len()
            );
        }
    }
    Ok(())
}
