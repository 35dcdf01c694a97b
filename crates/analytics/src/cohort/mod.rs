//! How a population moved between two moments.
//!
//! ```text
//!   shift.rs       the means, the spread about them, and who moved most
//!   mmd.rs         are the two distributions the same? Maximum mean discrepancy and its p-value
//!   transport.rs   how far must its numbers be carried? The Wasserstein distance
//!   classifier.rs  how well can a point's moment be guessed? The AUC of a linear classifier
//! ```
//!
//! Populations overlap: most entities are there at both moments. The first [`Cohort::paired`] rows
//! of both sides are of the same entities, row by row, and every test here respects that: labels
//! are exchanged within pairs, and a pair is never split between training and judging. A test that
//! took pairs for strangers would be deaf: what two points of one entity share hides the change.

mod classifier;
mod mmd;
mod shift;
mod transport;

pub use classifier::classifier_auc;
pub use mmd::{Mmd, mmd};
pub use shift::{Mover, Shift, shift, top_movers};
pub use transport::wasserstein;

use crate::rows::same_dimension;
use crate::{Error, Rows};

/// A population at two moments.
#[derive(Clone, Copy, Debug)]
pub struct Cohort<'a> {
    before: Rows<'a>,
    after: Rows<'a>,
    paired: usize,
}

impl<'a> Cohort<'a> {
    /// The first `paired` rows of both sides are the same entities, row by row.
    pub fn new(before: Rows<'a>, after: Rows<'a>, paired: usize) -> Result<Self, Error> {
        same_dimension(before.dim(), after.dim())?;
        if paired > before.len().min(after.len()) {
            return Err(Error::Invalid("more pairs than rows"));
        }
        Ok(Self { before, after, paired })
    }

    #[must_use]
    pub fn before(&self) -> Rows<'a> {
        self.before
    }

    #[must_use]
    pub fn after(&self) -> Rows<'a> {
        self.after
    }

    #[must_use]
    pub fn paired(&self) -> usize {
        self.paired
    }

    #[must_use]
    pub fn dim(&self) -> usize {
        self.before.dim()
    }

    /// Rows of both moments.
    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// All rows, those before first.
    fn iter(&self) -> impl Iterator<Item = &'a [f32]> + Clone + use<'a> {
        self.before.iter().chain(self.after.iter())
    }

    fn row(&self, at: usize) -> &'a [f32] {
        match at.checked_sub(self.before.len()) {
            None => self.before.row(at),
            Some(at) => self.after.row(at),
        }
    }

    fn check(&self, needed: usize) -> Result<(), Error> {
        let have = self.before.len().min(self.after.len());
        if have < needed { Err(Error::InsufficientData { needed, have }) } else { Ok(()) }
    }
}
