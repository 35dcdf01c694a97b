//! How well and how fast change points are found, as tables for the documentation.
//!
//! ```text
//! cargo run -p cvx-analytics --example changepoints
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for its output")]

use std::time::Instant;

use cvx_analytics::changepoints::{Method, Search};
use cvx_analytics::{Bocpd, Trajectory, bocpd, changepoints};
use cvx_core::CancelToken;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

struct Series {
    ts: Vec<i64>,
    vectors: Vec<f32>,
    dim: usize,
    breaks: Vec<usize>,
}

impl Series {
    /// Unit noise; at each break every dimension's mean moves by `shift` up or down.
    fn new(seed: u64, n: usize, dim: usize, count: usize, shift: f32) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let breaks: Vec<usize> =
            (1..=count).map(|at| at * n / (count + 1) + rng.random_range(0..=n / 20)).collect();
        let (mut mean, mut vectors) = (vec![0.0f32; dim], Vec::with_capacity(n * dim));
        for row in 0..n {
            if breaks.contains(&row) {
                mean.iter_mut().for_each(|x| *x += if rng.random() { shift } else { -shift });
            }
            vectors.extend(mean.iter().map(|mean| mean + normal(&mut rng)));
        }
        Self { ts: (0..n as i64).collect(), vectors, dim, breaks }
    }

    fn found(&self, method: Method) -> Vec<usize> {
        let trajectory = Trajectory::new(&self.ts, &self.vectors, self.dim).unwrap();
        let search = Search { method, ..Search::default() };
        let found = changepoints(&trajectory, &search, &CancelToken::default()).unwrap();
        found.iter().map(|point| point.at).collect()
    }

    fn watched(&self) -> Vec<bocpd::Event> {
        let mut detector = Bocpd::new(self.dim, bocpd::Settings::default()).unwrap();
        self.vectors
            .chunks_exact(self.dim)
            .filter_map(|vector| detector.see(vector).unwrap())
            .collect()
    }
}

/// The sum of four uniforms: near enough to normal, and quick.
fn normal(rng: &mut StdRng) -> f32 {
    let bits: u64 = rng.random();
    let sum: u64 = (0..4).map(|at| (bits >> (16 * at)) & 0xffff).sum();
    (sum as f32 / 65_536.0 - 2.0) * 3f32.sqrt()
}

fn f1(found: &[usize], truth: &[usize], tolerance: usize) -> f64 {
    if found.is_empty() && truth.is_empty() {
        return 1.0;
    }
    let near = |at: &&usize| found.iter().any(|got| got.abs_diff(**at) <= tolerance);
    2.0 * truth.iter().filter(near).count() as f64 / (found.len() + truth.len()) as f64
}

fn accuracy() {
    println!("| n | D | shift (sigma a dimension) | F1, 1, 3, 5 breaks | exact | false alarms |");
    println!("|---|---|---|---|---|---|");
    for (n, runs) in [(100, 20), (1_000, 10), (10_000, 3)] {
        for dim in [8, 64, 768] {
            for shift in [0.5, 1.0, 2.0, 4.0] {
                let (mut grid, mut exact, mut cases) = (0.0, 0.0, 0.0);
                for (seed, count) in (0..runs).flat_map(|s| [(s, 1), (s, 3), (s, 5)]) {
                    let series = Series::new(seed * 10 + count, n, dim, count as usize, shift);
                    let of = |method| f1(&series.found(method), &series.breaks, n / 100);
                    grid += of(Method::Pelt);
                    exact += if n <= 1_000 { of(Method::Exact) } else { f64::NAN };
                    cases += 1.0;
                }
                let alarms = (0..runs)
                    .filter(|s| !Series::new(*s, n, dim, 0, 0.0).found(Method::Pelt).is_empty())
                    .count();
                let (grid, exact) = (grid / cases, exact / cases);
                println!("| {n} | {dim} | {shift} | {grid:.3} | {exact:.3} | {alarms} of {runs} |");
            }
        }
    }
}

fn agreement() {
    println!("\n| n | D | spacing | same breaks as exact PELT (within 1) |\n|---|---|---|---|");
    for (n, dim) in [(5_000, 8), (10_000, 8), (10_000, 64)] {
        let (mut same, runs) = (0, 10);
        for seed in 0..runs {
            let series = Series::new(seed, n, dim, 4, 0.5 + 0.1 * seed as f32);
            let (grid, exact) = (series.found(Method::Pelt), series.found(Method::Exact));
            let near = grid.iter().zip(&exact).all(|(a, b)| a.abs_diff(*b) <= 1);
            same += u64::from(grid.len() == exact.len() && near);
        }
        println!("| {n} | {dim} | {} | {same} of {runs} |", n.div_ceil(1_600));
    }
}

fn speed() {
    println!("\n| n | D | breaks | ms (best of 3) | of them on the processor |");
    println!("|---|---|---|---|---|");
    for (n, dim) in [(1_000, 32), (1_000, 768), (10_000, 768), (100_000, 32), (100_000, 768)] {
        for count in [0, 3] {
            let series = Series::new(1, n, dim, count, 1.0);
            let time = |_| {
                let (began, cpu_began) = (Instant::now(), processor_ms());
                let found = series.found(Method::Pelt).len();
                assert_eq!(found, count, "{n} x {dim}");
                (began.elapsed().as_secs_f64() * 1e3, processor_ms() - cpu_began)
            };
            let times: Vec<(f64, f64)> = (0..3).map(time).collect();
            let least =
                |of: fn(&(f64, f64)) -> f64| times.iter().map(of).fold(f64::INFINITY, f64::min);
            let (wall, cpu) = (least(|time| time.0), least(|time| time.1));
            println!("| {n} | {dim} | {count} | {wall:.1} | {cpu:.1} |");
        }
    }
}

/// What this thread has had of a processor; other work on the machine does not count. Linux only.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

fn online() {
    println!("\n| D | shift | noticed within 10 | false alarms a stream of 300 | us a point |");
    println!("|---|---|---|---|---|");
    for dim in [1, 8, 64, 768] {
        for shift in [1.0, 2.0, 4.0] {
            let (mut noticed, mut alarms, runs) = (0, 0, 50);
            let began = Instant::now();
            for seed in 0..runs {
                let series = Series::new(seed, 300, dim, 1, shift);
                let at = series.breaks[0] as u64;
                let hit = |e: &bocpd::Event| e.at.abs_diff(at) <= 5 && e.noticed_at <= at + 10;
                noticed += u64::from(series.watched().iter().any(hit));
                let still = Series::new(seed, 300, dim, 0, 0.0);
                alarms += u64::from(!still.watched().is_empty());
            }
            let us = began.elapsed().as_secs_f64() * 1e6 / (600 * runs) as f64;
            println!("| {dim} | {shift} | {noticed} of {runs} | {alarms} of {runs} | {us:.1} |");
        }
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let parts: [(&str, fn()); 4] =
        [("accuracy", accuracy), ("agreement", agreement), ("speed", speed), ("online", online)];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            part();
        }
    }
}
