//! Processes of known parameters, for the tests.

pub(crate) use crate::seeded::normal as noise;

/// Fractional Brownian motion at whole steps, exactly, by the method of Hosking 1984.
pub(crate) fn fbm(n: usize, h: f64, seed: u64) -> Vec<f64> {
    let power = |k: f64| k.abs().powf(2.0 * h);
    let covariance: Vec<f64> = (0..n)
        .map(|k| k as f64)
        .map(|k| 0.5 * (power(k + 1.0) - 2.0 * power(k) + power(k - 1.0)))
        .collect();
    let mut noise = noise(seed);
    let mut steps = vec![noise.next().unwrap()];
    let (mut phi, mut variance) = (vec![], 1.0);
    for k in 1..n {
        let ahead: f64 = phi.iter().enumerate().map(|(j, p)| p * covariance[k - 1 - j]).sum();
        let last = (covariance[k] - ahead) / variance;
        let reversed: Vec<f64> = phi.iter().rev().copied().collect();
        for (p, r) in phi.iter_mut().zip(&reversed) {
            *p -= last * r;
        }
        phi.push(last);
        variance *= 1.0 - last * last;
        let mean: f64 = phi.iter().zip(steps.iter().rev()).map(|(p, x)| p * x).sum();
        steps.push(mean + variance.sqrt() * noise.next().unwrap());
    }
    steps
        .iter()
        .scan(0.0, |at, step| {
            *at += step;
            Some(*at)
        })
        .collect()
}

/// A process that undoes half of a displacement in `half_life` steps, begun at its mean, 0.
pub(crate) fn ornstein_uhlenbeck(n: usize, half_life: f64, seed: u64) -> Vec<f64> {
    let keeps = (-std::f64::consts::LN_2 / half_life).exp();
    let walk = noise(seed).take(n).scan(0.0, |at, e| {
        *at = *at * keeps + e;
        Some(*at)
    });
    walk.collect()
}

/// Values whose variance follows `omega + alpha y^2 + beta variance`.
pub(crate) fn garch(n: usize, [omega, alpha, beta]: [f64; 3], seed: u64) -> Vec<f64> {
    let mut variance = omega / (1.0 - alpha - beta);
    let mut next = |e: f64| {
        let value = e * variance.sqrt();
        variance = omega + alpha * value * value + beta * variance;
        value
    };
    noise(seed).take(n).map(&mut next).collect()
}
