//! Links as they lie in an index: a fixed number of places a node, the rest `NONE`.

pub(crate) const NONE: u32 = u32::MAX;

/// One layer's links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges<'a> {
    pub(crate) stride: usize,
    pub(crate) places: &'a [u32],
}

impl<'a> Edges<'a> {
    /// Where a node's links lead.
    #[inline]
    pub(crate) fn of(self, node: u32) -> impl Iterator<Item = u32> + 'a {
        let places = &self.places[node as usize * self.stride..][..self.stride];
        places.iter().copied().take_while(|edge| *edge != NONE)
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

    /// The row from which a search of the lowest layer starts: where one goes by always taking
    /// the nearest neighbour, layer by layer.
    pub(crate) fn descend(&self, scores: impl FnMut(&[u32], &mut Vec<f32>)) -> u32 {
        let upper = self.layers.get(1..).unwrap_or_default();
        match descend(upper, self.order, scores) {
            Some(node) => self.order[node as usize],
            None => self.entry,
        }
    }
}

/// The node of the lowest of some upper layers that greedy steps lead to; `None` without layers.
pub(super) fn descend(
    upper: &[Edges<'_>],
    order: &[u32],
    mut scores: impl FnMut(&[u32], &mut Vec<f32>),
) -> Option<u32> {
    if upper.is_empty() {
        return None;
    }
    let (mut rows, mut out) = (vec![order[0]], Vec::new());
    scores(&rows, &mut out);
    let (mut node, mut best) = (0u32, out[0]);
    for layer in upper.iter().rev() {
        loop {
            let from = node;
            rows.clear();
            rows.extend(layer.of(from).map(|edge| order[edge as usize]));
            scores(&rows, &mut out);
            for (edge, score) in layer.of(from).zip(&out) {
                if *score < best {
                    (node, best) = (edge, *score);
                }
            }
            if node == from {
                break;
            }
        }
    }
    Some(node)
}
