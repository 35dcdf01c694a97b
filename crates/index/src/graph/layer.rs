//! Links as they lie in an index: a fixed number of places a node, the rest `NONE`.

use super::descent::{Start, starts};
use super::walk::{Beam, Guess, Visited};

pub(crate) const NONE: u32 = u32::MAX;

/// One layer's links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges<'a> {
    pub(crate) stride: usize,
    pub(crate) places: &'a [u32],
}

impl<'a> Edges<'a> {
    /// Where a node's links lead. Places that are not taken are the last.
    #[inline]
    pub(crate) fn of(self, node: u32) -> &'a [u32] {
        let places = &self.places[node as usize * self.stride..][..self.stride];
        &places[..places.iter().filter(|edge| **edge != NONE).count()]
    }

    /// Asks memory for a node's links.
    #[inline]
    pub(crate) fn prefetch(self, node: u32) {
        cvx_core::code::prefetch(&self.places[node as usize * self.stride..][..self.stride]);
    }

    pub(crate) fn nodes(self) -> usize {
        self.places.len() / self.stride
    }
}

/// A whole graph.
#[derive(Clone, Debug)]
pub(crate) struct Graph<'a> {
    /// A row: where to start in a graph of one layer.
    entry: u32,
    /// The rows of upper nodes.
    order: &'a [u32],
    /// From the lowest.
    layers: Vec<Edges<'a>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(degree: usize, entry: u32, order: &'a [u32], layers: Vec<&'a [u32]>) -> Self {
        let layer = |(number, places)| {
            let stride = if number == 0 { 2 * degree } else { degree };
            Edges { stride, places }
        };
        Self { entry, order, layers: layers.into_iter().enumerate().map(layer).collect() }
    }

    pub(crate) fn lowest(&self) -> Option<Edges<'a>> {
        self.layers.first().copied()
    }

    /// The rows from which a search of the lowest layer starts. The entry, from which every row is
    /// reached, is one of them: the nearest may all lie where no link leads out, and a search that
    /// has not found enough there goes on elsewhere.
    pub(crate) fn starts(
        &self,
        room: (&mut Beam, &mut Visited),
        guess: &mut impl Guess,
    ) -> Vec<Start> {
        let upper = self.layers.get(1..).unwrap_or_default();
        let mut starts = starts(upper, self.order, room, guess);
        starts.iter_mut().for_each(|start| start.node = self.order[start.node as usize]);
        if starts.is_empty() {
            return vec![Start::blind(self.entry)];
        }
        if starts.iter().all(|start| start.node != self.entry) {
            let mut out = Vec::new();
            guess.guess(&[self.entry], f32::INFINITY, &mut out);
            starts.extend(out.first().map(|guess| Start { node: self.entry, guess: *guess }));
        }
        starts
    }
}
