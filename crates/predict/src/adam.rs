//! Adam (Kingma and Ba 2015) with its gradient clipped to a norm of one.

use crate::mlp::Mlp;

pub(crate) struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

const DECAY_FIRST: f64 = 0.9;
const DECAY_SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;
const NORM_MAX: f64 = 1.0;

impl Adam {
    pub(crate) fn of(mlp: &Mlp) -> Self {
        let size = mlp.parameters().count();
        Self { first: vec![0.0; size], second: vec![0.0; size], steps: 0 }
    }

    /// One step down the gradient.
    pub(crate) fn step(&mut self, mlp: &mut Mlp, gradient: &Mlp, rate: f64) {
        self.steps += 1;
        let norm = gradient.parameters().map(|slope| slope * slope).sum::<f64>().sqrt();
        let clip = if norm > NORM_MAX { NORM_MAX / norm } else { 1.0 };
        let bias_first = 1.0 - DECAY_FIRST.powi(self.steps);
        let bias_second = 1.0 - DECAY_SECOND.powi(self.steps);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, slope), (first, second)) in
            mlp.parameters_mut().zip(gradient.parameters()).zip(moments)
        {
            let slope = slope * clip;
            *first = DECAY_FIRST * *first + (1.0 - DECAY_FIRST) * slope;
            *second = DECAY_SECOND * *second + (1.0 - DECAY_SECOND) * slope * slope;
            *value -= rate * (*first / bias_first) / ((*second / bias_second).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::tests::{drawn, matrix};

    #[test]
    fn a_function_is_learnt() {
        let x = matrix(2, 200, 5);
        let truth = x.map(f64::sin);
        let (mut mlp, mut loss) = (drawn(&[2, 16, 2], 3), f64::INFINITY);
        let mut adam = Adam::of(&mlp);
        for _ in 0..1_500 {
            let (y, trace) = mlp.forward(x.clone());
            let wrong = y - &truth;
            loss = wrong.norm_squared() / 400.0;
            let mut gradient = mlp.zeros();
            mlp.backward(&trace, wrong / 200.0, &mut gradient);
            adam.step(&mut mlp, &gradient, 0.01);
        }
        assert!(loss < 3e-3, "{loss}");
    }
}
