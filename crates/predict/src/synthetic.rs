//! Entities whose law of motion is known, for the tests.

use cvx_analytics::Trajectory;
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::case::Subject;

const HOUR_US: i64 = 3_600_000_000;

pub(crate) struct Walk {
    pub(crate) key: u64,
    pub(crate) ts: Vec<i64>,
    vectors: Vec<f32>,
    dim: usize,
}

impl Walk {
    /// The first points alone.
    pub(crate) fn head(&self, points: usize) -> Trajectory<'_> {
        Trajectory::new(&self.ts[..points], &self.vectors[..points * self.dim], self.dim).unwrap()
    }

    pub(crate) fn vector(&self, at: usize) -> &[f32] {
        &self.vectors[at * self.dim..][..self.dim]
    }
}

pub(crate) fn subjects(walks: &[Walk]) -> Vec<Subject<'_>> {
    walks.iter().map(|walk| Subject { key: walk.key, path: walk.head(walk.ts.len()) }).collect()
}

/// Standard normal numbers without end.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    std::iter::repeat_with(move || StandardNormal.sample(&mut rng))
}

/// Half a day to a day and a half apart.
fn uneven(points: usize, noise: &mut impl Iterator<Item = f64>) -> Vec<i64> {
    let gap = |e: f64| 12 + (24.0 * (0.5 + 0.5 * squeezed(e))) as i64;
    let gaps = noise.take(points).map(gap);
    gaps.scan(0, |at, gap| {
        *at += gap * HOUR_US;
        Some(*at)
    })
    .collect()
}

/// A number in -1 to 1.
fn squeezed(e: f64) -> f64 {
    e / (1.0 + e.abs())
}

fn days(ts: &[i64]) -> Vec<f64> {
    ts.iter().map(|ts| *ts as f64 / (24 * HOUR_US) as f64).collect()
}

/// Random walks of unit variance a day.
pub(crate) fn walks(lengths: &[usize], dim: usize, seed: u64) -> Vec<Walk> {
    let of = |(key, points): (usize, &usize)| {
        let mut noise = noise(seed * 1_000_003 + key as u64);
        let ts = uneven(*points, &mut noise);
        let mut vectors = Vec::new();
        let (mut place, mut before) = (vec![0.0; dim], 0.0);
        for day in days(&ts) {
            let spread = (day - before).sqrt();
            place.iter_mut().for_each(|value| *value += spread * noise.next().unwrap());
            vectors.extend(place.iter().map(|value| *value as f32));
            before = day;
        }
        Walk { key: key as u64, ts, vectors, dim }
    };
    lengths.iter().enumerate().map(of).collect()
}

/// Straight lines, each at its own speed.
pub(crate) fn lines(entities: usize, points: usize, dim: usize, seed: u64) -> Vec<Walk> {
    let of = |key: u64| {
        let mut noise = noise(seed * 1_000_003 + key);
        let ts = uneven(points, &mut noise);
        let law: Vec<[f64; 2]> =
            (0..dim).map(|_| [noise.next().unwrap(), noise.next().unwrap()]).collect();
        let at = |day: f64| law.iter().map(move |[start, speed]| (start + speed * day) as f32);
        let vectors = days(&ts).into_iter().flat_map(at).collect();
        Walk { key, ts, vectors, dim }
    };
    (0..entities as u64).map(of).collect()
}

/// Circles of different sizes in two planes, gone round in 20 and 31 days, turned into `dim`
/// dimensions; noise in each.
pub(crate) fn orbits(
    entities: usize,
    points: usize,
    dim: usize,
    jitter: f64,
    seed: u64,
) -> Vec<Walk> {
    // All worlds have one law: the turn does not depend on the seed.
    let turn = DMatrix::from_iterator(dim, dim, noise(4).take(dim * dim)).qr().q();
    let of = |key: u64| {
        let mut noise = noise(seed * 1_000_003 + key);
        let ts = uneven(points, &mut noise);
        let circles: Vec<[f64; 3]> = [20.0, 31.0]
            .map(|period| {
                let (size, phase) = (noise.next().unwrap(), noise.next().unwrap());
                [1.0 + 0.4 * squeezed(size), 10.0 * phase, std::f64::consts::TAU / period]
            })
            .to_vec();
        let mut vectors = Vec::new();
        for day in days(&ts) {
            let mut place = vec![0.0; dim];
            for (at, [size, phase, speed]) in circles.iter().enumerate() {
                let (sin, cos) = (phase + speed * day).sin_cos();
                place[2 * at] = size * cos;
                place[2 * at + 1] = size * sin;
            }
            let place = &turn * DMatrix::from_vec(dim, 1, place);
            vectors.extend(place.iter().map(|v| (v + jitter * noise.next().unwrap()) as f32));
        }
        Walk { key, ts, vectors, dim }
    };
    (0..entities as u64).map(of).collect()
}
