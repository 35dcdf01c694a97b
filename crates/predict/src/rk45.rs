//! Dormand and Prince's pair of orders 5 and 4 (1980) with steps of its own choosing.
//!
//! ```text
//!   y' = f(t, y)
//!
//!   7 slopes a step; the last is the first of the next (FSAL), so 6 evaluations
//!   y5 - y4 estimates the error; a step is taken if |error / (atol + rtol |y|)| < 1 (RMS)
//!   next step = step x 0.9 error^(-1/5), within 0.2 and 10; not growing after a refusal
//! ```
//!
//! Between the ends of a step the solution is Shampine's polynomial of degree 4 (1986, from the
//! slopes already at hand), so it can be read at any moment. First step after Hairer, Nørsett and
//! Wanner (1993, II.4). Controller, coefficients and interpolant are those of scipy's `RK45`, with
//! which the solutions agree (`tests/reference`). The error kept is that of order 4 while order 5
//! goes on (local extrapolation), as there.

use crate::Error;

/// How small the error of a step must be: `atol + rtol |y|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

/// After so many steps a solution is given up: the equation is stiff, or explodes.
const STEPS_MAX: usize = 10_000;

const NODES: [f64; 6] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0];
const STAGES: [&[f64]; 6] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
];
const FIFTH: [f64; 6] =
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0];
/// Fifth order less fourth.
const ERROR: [f64; 7] = [
    -71.0 / 57600.0,
    0.0,
    71.0 / 16695.0,
    -71.0 / 1920.0,
    17253.0 / 339_200.0,
    -22.0 / 525.0,
    1.0 / 40.0,
];
/// Row: a slope. Column: what it adds to the coefficient of a power of the place within the step.
const DENSE: [[f64; 4]; 7] = [
    [
        1.0,
        -8_048_581_381.0 / 2_820_520_608.0,
        8_663_915_743.0 / 2_820_520_608.0,
        -12_715_105_075.0 / 11_282_082_432.0,
    ],
    [0.0; 4],
    [
        0.0,
        131_558_114_200.0 / 32_700_410_799.0,
        -68_118_460_800.0 / 10_900_136_933.0,
        87_487_479_700.0 / 32_700_410_799.0,
    ],
    [
        0.0,
        -1_754_552_775.0 / 470_086_768.0,
        14_199_869_525.0 / 1_410_260_304.0,
        -10_690_763_975.0 / 1_880_347_072.0,
    ],
    [
        0.0,
        127_303_824_393.0 / 49_829_197_408.0,
        -318_862_633_887.0 / 49_829_197_408.0,
        701_980_252_875.0 / 199_316_789_632.0,
    ],
    [
        0.0,
        -282_668_133.0 / 205_662_961.0,
        2_019_193_451.0 / 616_988_883.0,
        -1_453_857_185.0 / 822_651_844.0,
    ],
    [0.0, 40_617_522.0 / 29_380_423.0, -110_615_467.0 / 29_380_423.0, 69_997_945.0 / 29_380_423.0],
];

/// A solved equation, readable at any moment between its ends.
#[derive(Clone, Debug)]
pub struct Solution {
    steps: Vec<Step>,
    end: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Step {
    start: f64,
    length: f64,
    from: Vec<f64>,
    /// Of the interpolant, four a component.
    powers: Vec<[f64; 4]>,
}

/// Solves `y' = f(t, y)` from `y` at `start` to `end`, forwards or backwards; `f` writes y' into
/// its last argument.
pub fn solve(
    f: impl FnMut(f64, &[f64], &mut [f64]),
    start: f64,
    y: &[f64],
    end: f64,
    tolerance: Tolerance,
) -> Result<Solution, Error> {
    let positive = |value: f64| value > 0.0 && value.is_finite();
    if !positive(tolerance.rtol) || !positive(tolerance.atol) {
        return Err(Error::Invalid("tolerances are positive numbers"));
    }
    if ![start, end].iter().chain(y).all(|value| value.is_finite()) {
        return Err(Error::Invalid("an equation begins and ends at finite numbers"));
    }
    let mut stepper = Stepper::at(f, start, y, end, tolerance);
    let mut steps = Vec::new();
    while stepper.t != end {
        if steps.len() == STEPS_MAX {
            return Err(Error::Unsolved("too many steps: it is stiff, or the span too long"));
        }
        steps.push(stepper.step()?);
    }
    Ok(Solution { steps, end: stepper.y })
}

impl Solution {
    /// The values at the end.
    #[must_use]
    pub fn end(&self) -> &[f64] {
        &self.end
    }

    /// How many steps were taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The values at a moment between the ends; beyond them, those at the nearer end.
    #[must_use]
    pub fn at(&self, t: f64) -> Vec<f64> {
        let after = |step: &Step| (t - step.start) * step.length.signum() >= 0.0;
        let Some(step) = self.steps.iter().rev().find(|step| after(step)).or(self.steps.first())
        else {
            return self.end.clone();
        };
        let place = ((t - step.start) / step.length).clamp(0.0, 1.0);
        let value = |(from, powers): (&f64, &[f64; 4])| {
            from + step.length * powers.iter().rev().fold(0.0, |sum, power| (sum + power) * place)
        };
        step.from.iter().zip(&step.powers).map(value).collect()
    }
}

struct Stepper<F> {
    f: F,
    t: f64,
    y: Vec<f64>,
    end: f64,
    tolerance: Tolerance,
    /// Of the next step, positive.
    length: f64,
    slopes: [Vec<f64>; 7],
}

impl<F: FnMut(f64, &[f64], &mut [f64])> Stepper<F> {
    fn at(mut f: F, t: f64, y: &[f64], end: f64, tolerance: Tolerance) -> Self {
        let mut slopes: [Vec<f64>; 7] = std::array::from_fn(|_| vec![0.0; y.len()]);
        f(t, y, &mut slopes[0]);
        let mut stepper = Self { f, t, y: y.to_vec(), end, tolerance, length: 0.0, slopes };
        stepper.length = stepper.first_length();
        stepper
    }

    fn first_length(&mut self) -> f64 {
        let span = (self.end - self.t).abs();
        let scale: Vec<f64> = self.y.iter().map(|y| self.scale(*y, *y)).collect();
        let rms = |values: &[f64]| rms(values.iter().zip(&scale).map(|(v, s)| v / s));
        let (value, slope) = (rms(&self.y), rms(&self.slopes[0]));
        let tiny = value < 1e-5 || slope < 1e-5;
        let probe = if tiny { 1e-6 } else { 0.01 * value / slope }.min(span);
        let forward = probe * (self.end - self.t).signum();
        let moved: Vec<f64> =
            self.y.iter().zip(&self.slopes[0]).map(|(y, k)| y + forward * k).collect();
        let mut there = vec![0.0; self.y.len()];
        (self.f)(self.t + forward, &moved, &mut there);
        let change: Vec<f64> = there.iter().zip(&self.slopes[0]).map(|(a, b)| a - b).collect();
        let curve = rms(&change) / probe;
        let flat = slope <= 1e-15 && curve <= 1e-15;
        let likely =
            if flat { (probe * 1e-3).max(1e-6) } else { (0.01 / slope.max(curve)).powf(0.2) };
        (100.0 * probe).min(likely).min(span)
    }

    fn scale(&self, before: f64, after: f64) -> f64 {
        self.tolerance.atol + self.tolerance.rtol * before.abs().max(after.abs())
    }

    /// One accepted step.
    fn step(&mut self) -> Result<Step, Error> {
        let direction = (self.end - self.t).signum();
        let least = 10.0 * (self.t.abs() * f64::EPSILON).max(f64::MIN_POSITIVE);
        let mut refused = false;
        loop {
            // A length is NaN after an f that is.
            if self.length.is_nan() || self.length < least {
                return Err(Error::Unsolved("steps became too small: the solution explodes"));
            }
            let left = self.end - self.t;
            let last = self.length >= left.abs();
            let h = if last { left } else { self.length * direction };
            let (y, error) = self.attempt(h);
            if error < 1.0 {
                let grown = if error == 0.0 { 10.0 } else { (0.9 * error.powf(-0.2)).min(10.0) };
                self.length = h.abs() * if refused { grown.min(1.0) } else { grown };
                return Ok(self.accept(h, y, last));
            }
            let shrunk = if error.is_finite() { (0.9 * error.powf(-0.2)).max(0.2) } else { 0.2 };
            self.length = h.abs() * shrunk;
            refused = true;
        }
    }

    /// The values after a step of `h`, and the size of their error in tolerances.
    fn attempt(&mut self, h: f64) -> (Vec<f64>, f64) {
        for stage in 1..6 {
            let (done, rest) = self.slopes.split_at_mut(stage);
            let place = moved(&self.y, done, STAGES[stage], h);
            (self.f)(self.t + NODES[stage] * h, &place, &mut rest[0]);
        }
        let y = moved(&self.y, &self.slopes, &FIFTH, h);
        (self.f)(self.t + h, &y, &mut self.slopes[6]);
        let zero = vec![0.0; y.len()];
        let error = moved(&zero, &self.slopes, &ERROR, h);
        let scaled = error.iter().zip(self.y.iter().zip(&y));
        let size = rms(scaled.map(|(error, (before, after))| error / self.scale(*before, *after)));
        (y, if size.is_nan() { f64::INFINITY } else { size })
    }

    fn accept(&mut self, h: f64, y: Vec<f64>, last: bool) -> Step {
        let powers = (0..y.len()).map(|at| {
            std::array::from_fn(|power| {
                self.slopes.iter().zip(&DENSE).map(|(slope, row)| slope[at] * row[power]).sum()
            })
        });
        let powers = powers.collect();
        let start = self.t;
        let from = std::mem::replace(&mut self.y, y);
        self.t = if last { self.end } else { start + h };
        self.slopes.swap(0, 6);
        Step { start, length: h, from, powers }
    }
}

/// `y + h (w1 k1 + w2 k2 + ...)`.
fn moved(y: &[f64], slopes: &[Vec<f64>], weights: &[f64], h: f64) -> Vec<f64> {
    let mut place = y.to_vec();
    for (slope, weight) in slopes.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
        for (value, slope) in place.iter_mut().zip(slope) {
            *value += h * weight * slope;
        }
    }
    place
}

fn rms(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    (values.map(|value| value * value).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FINE: Tolerance = Tolerance { rtol: 1e-8, atol: 1e-10 };

    proptest! {
        /// x'' = -w^2 x, forwards and backwards, at the end and in between.
        #[test]
        fn a_spring_swings(w in 0.1..10.0f64, span in -20.0..20.0f64, share in 0.0..1.0) {
            let spring = |_: f64, y: &[f64], out: &mut [f64]| {
                out[0] = y[1];
                out[1] = -w * w * y[0];
            };
            let solved = solve(spring, 0.0, &[1.0, 0.0], span, FINE).unwrap();
            for t in [share * span, span] {
                let x = solved.at(t)[0];
                prop_assert!((x - (w * t).cos()).abs() < 1e-5, "{x} at {t}");
            }
            for (between, end) in solved.at(span).iter().zip(solved.end()) {
                prop_assert!((between - end).abs() < 1e-12 * (1.0 + w));
            }
        }

        /// An equation of time alone is an integral, and exact for what degree 4 holds.
        #[test]
        fn a_polynomial_is_integrated_exactly(a in -5.0..5.0f64, b in -5.0..5.0f64) {
            let rate = |t: f64, _: &[f64], out: &mut [f64]| out[0] = a + b * t * t * t;
            let solved = solve(rate, 0.0, &[2.0], 3.0, FINE).unwrap();
            let exact = |t: f64| 2.0 + a * t + b * t.powi(4) / 4.0;
            for t in [0.0, 0.7, 1.9, 3.0] {
                prop_assert!((solved.at(t)[0] - exact(t)).abs() < 1e-9 * (1.0 + exact(t).abs()));
            }
        }
    }

    #[test]
    fn no_span_is_no_step() {
        let solved = solve(|_, _, out| out[0] = 1.0, 4.0, &[7.0], 4.0, FINE).unwrap();
        assert_eq!((solved.steps(), solved.end(), solved.at(4.0)), (0, &[7.0][..], vec![7.0]));
    }

    /// y' = y^2 from 1 leaves the numbers at t = 1.
    #[test]
    fn what_explodes_is_an_error() {
        let explode = |_: f64, y: &[f64], out: &mut [f64]| out[0] = y[0] * y[0];
        let solved = solve(explode, 0.0, &[1.0], 2.0, FINE);
        assert!(matches!(solved, Err(Error::Unsolved(_))));
        let nan = solve(|_, _, out| out[0] = f64::NAN, 0.0, &[1.0], 2.0, FINE);
        assert!(matches!(nan, Err(Error::Unsolved(_))));
        let infinite = solve(|_, _, out| out[0] = 1.0, 0.0, &[1.0], f64::INFINITY, FINE);
        assert!(matches!(infinite, Err(Error::Invalid(_))));
        let loose = Tolerance { rtol: 0.0, atol: 1.0 };
        let loose = solve(|_, _, out| out[0] = 1.0, 0.0, &[1.0], 1.0, loose);
        assert!(matches!(loose, Err(Error::Invalid(_))));
    }
}
