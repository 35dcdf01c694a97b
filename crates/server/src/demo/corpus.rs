//! A small corpus that never was: documents that drift, and a few that break.
//!
//! Each topic is a direction in space. A document starts near its topic and takes a small random
//! step with each revision. One in twelve is given to another topic at one of its revisions: its
//! title says so, and its embedding jumps there.

use super::point::{Point, Points};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const DOCS: i64 = 200;
const REVISIONS: usize = 30;
const DIM: usize = 64;
/// Length of a document's offset from its topic, of a revision's step, both against length 1.
const SPREAD: f32 = 0.45;
const STEP: f32 = 0.05;
const DAY_US: i64 = 86_400_000_000;
/// 2021-01-01
const FIRST_US: i64 = 18_628 * DAY_US;

const TOPICS: [&str; 8] = [
    "tidal power",
    "battery recycling",
    "sleep medicine",
    "sourdough",
    "orbital debris",
    "medieval maps",
    "protein folding",
    "street music",
];

pub(super) fn generate(seed: u64) -> Points {
    let mut rng = StdRng::seed_from_u64(seed);
    let centers: Vec<Vec<f32>> = TOPICS.iter().map(|_| direction(&mut rng, 1.0)).collect();
    let docs: Vec<_> = (1..=DOCS).map(|id| Ok(document(id, &centers, &mut rng))).collect();
    Points {
        origin: format!("generated, seed {seed}"),
        count: DOCS.unsigned_abs() * REVISIONS as u64,
        dim: DIM,
        titled: true,
        batches: Box::new(docs.into_iter()),
    }
}

/// All revisions of one document.
fn document(doc_id: i64, centers: &[Vec<f32>], rng: &mut StdRng) -> Vec<Point> {
    let mut topic = rng.random_range(0..TOPICS.len());
    let breaks_at = (doc_id % 12 == 0).then(|| rng.random_range(REVISIONS / 3..REVISIONS - 5));
    let mut offset = direction(rng, SPREAD);
    let mut ts_us = FIRST_US + rng.random_range(0..400 * DAY_US);
    let mut points = Vec::with_capacity(REVISIONS);
    for revision in 0..REVISIONS {
        if breaks_at == Some(revision) {
            topic = (topic + rng.random_range(1..TOPICS.len())) % TOPICS.len();
        }
        add(&mut offset, &direction(rng, STEP));
        let mut embedding = centers[topic].clone();
        add(&mut embedding, &offset);
        normalise(&mut embedding, 1.0);
        let title = Some(format!("{} #{doc_id}", TOPICS[topic]));
        points.push(Point { doc_id, ts_us, title, embedding });
        ts_us += rng.random_range(20 * DAY_US..50 * DAY_US);
    }
    points
}

/// A vector of this length, every direction as likely.
fn direction(rng: &mut StdRng, length: f32) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..DIM).map(|_| normal(rng)).collect();
    normalise(&mut vector, length);
    vector
}

/// Box and Muller's normal deviate (1958).
fn normal(rng: &mut StdRng) -> f32 {
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

fn add(to: &mut [f32], other: &[f32]) {
    to.iter_mut().zip(other).for_each(|(x, y)| *x += y);
}

fn normalise(vector: &mut [f32], length: f32) {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x *= length / norm);
}

#[cfg(test)]
mod tests {
    use super::super::point::Watch;
    use super::*;

    fn all(seed: u64) -> Vec<Point> {
        generate(seed).batches.flat_map(Result::unwrap).collect()
    }

    #[test]
    fn a_seed_is_a_corpus() {
        assert_eq!(all(3), all(3));
        assert_ne!(all(3), all(4));
        assert_eq!(all(3).len() as u64, generate(3).count);
    }

    #[test]
    fn the_largest_step_is_a_planted_break() {
        for seed in 0..5 {
            let mut watch = Watch::default();
            all(seed).iter().for_each(|point| watch.see(point));
            let largest = watch.largest.unwrap();
            assert!(largest.doc_id % 12 == 0 && largest.step > 0.5, "seed {seed}: {largest:?}");
        }
    }
}
