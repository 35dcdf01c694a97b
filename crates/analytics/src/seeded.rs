//! Random numbers that are the same always: ChaCha8 by seed, whose stream is fixed by its crate.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Standard normal numbers without end.
pub(crate) fn normal(seed: u64) -> impl Iterator<Item = f64> {
    let mut rng = rng(seed);
    std::iter::repeat_with(move || StandardNormal.sample(&mut rng))
}

pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    items.shuffle(rng);
}

pub(crate) fn coin(rng: &mut ChaCha8Rng) -> bool {
    rng.random()
}

/// Below `end`, which is not 0.
pub(crate) fn below(end: usize, rng: &mut ChaCha8Rng) -> usize {
    rng.random_range(0..end)
}
