//! What the codes of an index are relative to: a rotation, a centre, and of L1 a grid.

use super::Space;
use super::rows::Rows;
use crate::vectors::Room;
use cvx_core::code::{Rotation, step_to};

/// Sketches with one frame go together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) space: Space,
    pub(super) rotation: &'a Rotation,
    pub(super) centre: &'a [f32],
    /// Of L1, a step of the grid; 1 of others.
    pub(super) step: f32,
}

/// One row in so many may reach beyond the grid: those are few enough to be compared if they may be
/// near, and one that is a million times longer would leave a single step to all others.
const BEYOND: usize = 256;

impl<'a> Frame<'a> {
    /// Around this centre, with the grid that the rows want.
    pub(super) fn new(
        space: Space,
        rotation: &'a Rotation,
        centre: &'a [f32],
        rows: &Rows<'_>,
        factors: &[Option<f32>],
    ) -> Self {
        let frame = Self { space, rotation, centre, step: 1.0 };
        let step = (!space.has_bits()).then(|| frame.step_of(rows, factors));
        Self { step: step.unwrap_or(1.0), ..frame }
    }

    fn step_of(&self, rows: &Rows<'_>, factors: &[Option<f32>]) -> f32 {
        let (mut residual, mut room) = (vec![0.0; self.centre.len()], Room::default());
        let mut reaches = Vec::new();
        for (row, factor) in factors.iter().enumerate() {
            let Some((vector, factor)) = rows.vector(row, &mut room).zip(*factor) else { continue };
            self.residual(vector, factor, &mut residual);
            reaches.push(residual.iter().fold(0.0f32, |most, x| most.max(x.abs())));
        }
        let Some(last) = reaches.len().checked_sub(1) else { return 1.0 };
        let place = last - last / BEYOND;
        let (_, reach, _) = reaches.select_nth_unstable_by(place, f32::total_cmp);
        step_to(*reach)
    }

    /// Writes what is encoded of a vector.
    pub(super) fn residual(&self, vector: &[f32], factor: f32, out: &mut [f32]) {
        self.space.lay(self.rotation, vector, factor, out);
        out.iter_mut().zip(self.centre).for_each(|(x, c)| *x -= c);
    }
}
