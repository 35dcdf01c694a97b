//! A multilayer perceptron and its gradient, for a batch at once.
//!
//! ```text
//!   x (inputs x batch)  ->  tanh(W1 x + b1)  ->  tanh(W2 . + b2)  ->  W3 . + b3 + A x
//! ```
//!
//! A is the linear part: what a straight line, a pull or a damping need, at any distance, where
//! tanh has long gone flat.
//!
//! Written out rather than taken from a framework: it is one kind of layer, forwards and
//! backwards, and its gradient is tested against finite differences (docs/adr).

use nalgebra::{DMatrix, DVector};
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Weights, or anything of their shape: their gradients, say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mlp {
    pub(crate) layers: Vec<Layer>,
    /// A.
    pub(crate) linear: DMatrix<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    pub(crate) weights: DMatrix<f64>,
    pub(crate) bias: DVector<f64>,
}

/// What each layer was given, kept for the way back.
pub(crate) struct Trace {
    given: Vec<DMatrix<f64>>,
}

impl Mlp {
    /// Widths from the input to the output. Weights are Glorot and Bengio's (2010); those of the
    /// last layer are zero, so that a new network says A x.
    pub(crate) fn new(widths: &[usize], linear: DMatrix<f64>, rng: &mut ChaCha8Rng) -> Self {
        let last = widths.len() - 2;
        let layer = |(at, pair): (usize, &[usize])| {
            let deviation = (2.0 / (pair[0] + pair[1]) as f64).sqrt();
            let scale = if at == last { 0.0 } else { deviation };
            let mut draw = || -> f64 { StandardNormal.sample(rng) };
            let weights = DMatrix::from_fn(pair[1], pair[0], |_, _| scale * draw());
            Layer { weights, bias: DVector::zeros(pair[1]) }
        };
        Self { layers: widths.windows(2).enumerate().map(layer).collect(), linear }
    }

    /// Zeros of the same shape.
    pub(crate) fn zeros(&self) -> Self {
        let zero = |layer: &Layer| Layer {
            weights: DMatrix::zeros(layer.weights.nrows(), layer.weights.ncols()),
            bias: DVector::zeros(layer.bias.len()),
        };
        let linear = DMatrix::zeros(self.linear.nrows(), self.linear.ncols());
        Self { layers: self.layers.iter().map(zero).collect(), linear }
    }

    pub(crate) fn forward(&self, x: DMatrix<f64>) -> (DMatrix<f64>, Trace) {
        let mut trace = Trace { given: Vec::with_capacity(self.layers.len()) };
        let straight = &self.linear * &x;
        let mut x = x;
        for (at, layer) in self.layers.iter().enumerate() {
            let mut y = &layer.weights * &x;
            y.column_iter_mut().for_each(|mut column| column += &layer.bias);
            if at + 1 < self.layers.len() {
                y.apply(|value| *value = value.tanh());
            }
            trace.given.push(std::mem::replace(&mut x, y));
        }
        (x + straight, trace)
    }

    /// Adds to `gradient` that of a loss whose gradient by the output is `delta`; returns the
    /// gradient by the input.
    pub(crate) fn backward(
        &self,
        trace: &Trace,
        delta: DMatrix<f64>,
        gradient: &mut Self,
    ) -> DMatrix<f64> {
        let input = &trace.given[0];
        gradient.linear += &delta * input.transpose();
        let straight = self.linear.transpose() * &delta;
        let mut delta = delta;
        for at in (0..self.layers.len()).rev() {
            let given = &trace.given[at];
            let into = &mut gradient.layers[at];
            into.weights += &delta * given.transpose();
            into.bias += delta.column_sum();
            delta = self.layers[at].weights.transpose() * delta;
            if at > 0 {
                // The layer was given tanh of something, whose slope is 1 - tanh^2.
                delta.zip_apply(given, |delta, tanh| *delta *= 1.0 - tanh * tanh);
            }
        }
        delta + straight
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &f64> {
        let layers = self.layers.iter();
        let layers = layers.flat_map(|layer| layer.weights.iter().chain(layer.bias.iter()));
        layers.chain(self.linear.iter())
    }

    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let layers = self.layers.iter_mut();
        let layers = layers.flat_map(|layer| layer.weights.iter_mut().chain(layer.bias.iter_mut()));
        layers.chain(self.linear.iter_mut())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::SeedableRng;

    use super::*;

    /// A network whose every weight is drawn, the last layer's too.
    pub(crate) fn drawn(widths: &[usize], seed: u64) -> Mlp {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let linear = DMatrix::zeros(widths[widths.len() - 1], widths[0]);
        let mut mlp = Mlp::new(widths, linear, &mut rng);
        mlp.parameters_mut().for_each(|value| {
            let draw: f64 = StandardNormal.sample(&mut rng);
            *value = 0.5 * draw;
        });
        mlp
    }

    pub(crate) fn matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        DMatrix::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
    }

    /// The derivative of a function of the parameters by each of them, by two evaluations.
    pub(crate) fn by_differences(mlp: &Mlp, loss: impl Fn(&Mlp) -> f64) -> Vec<f64> {
        let step = 1e-5;
        let nudged = |at: usize, by: f64| {
            let mut mlp = mlp.clone();
            *mlp.parameters_mut().nth(at).unwrap() += by;
            loss(&mlp)
        };
        let slope = |at| (nudged(at, step) - nudged(at, -step)) / (2.0 * step);
        (0..mlp.parameters().count()).map(slope).collect()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (mlp, x, weights) = (drawn(&[3, 5, 4, 2], 1), matrix(3, 6, 2), matrix(2, 6, 3));
        let loss = |mlp: &Mlp, x: &DMatrix<f64>| mlp.forward(x.clone()).0.dot(&weights);
        let (_, trace) = mlp.forward(x.clone());
        let mut gradient = mlp.zeros();
        let by_input = mlp.backward(&trace, weights.clone(), &mut gradient);
        let expected = by_differences(&mlp, |mlp| loss(mlp, &x));
        for (got, expected) in gradient.parameters().zip(expected) {
            assert!((got - expected).abs() < 1e-7, "{got} {expected}");
        }
        for at in 0..x.len() {
            let nudged = |by: f64| {
                let mut x = x.clone();
                x[at] += by;
                loss(&mlp, &x)
            };
            let expected = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
            assert!((by_input[at] - expected).abs() < 1e-7, "{} {expected}", by_input[at]);
        }
    }

    #[test]
    fn a_new_network_is_its_linear_part() {
        let (linear, x) = (matrix(2, 4, 9), matrix(4, 3, 1));
        let mlp = Mlp::new(&[4, 8, 8, 2], linear.clone(), &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(mlp.forward(x.clone()).0, linear * x);
    }
}
