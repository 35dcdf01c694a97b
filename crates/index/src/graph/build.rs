//! Building a graph, layer by layer from the top, batch by batch.

mod breadth;

pub(crate) use breadth::Breadth;

use super::descent::{Start, starts};
use super::layer::{Edges, NONE};
use super::walk::{Beam, Guess, Guide, Visited, walk};
use crate::segment::{BuildError, Codes, GATE, Lead, Space, passing, spread_scores};
use breadth::Whole;
use cvx_core::code::{BitQuery, ByteFactors, ByteQuery, Kernel, StepQuery};
use rayon::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphOptions {
    pub(crate) degree: usize,
    pub(crate) ef: usize,
    pub(crate) parallel: bool,
    pub(crate) space: Space,
    /// How wide it is to be walked if it is like others.
    pub(crate) width: usize,
}

/// A graph as numbers.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) entry: u32,
    pub(crate) order: Vec<u32>,
    pub(crate) edges: Vec<Vec<u32>>,
    pub(crate) unreachable: Vec<u32>,
    pub(crate) lead: Lead,
    pub(crate) breadth: Breadth,
}

impl Built {
    fn of_nothing() -> Self {
        let (order, edges, unreachable) = (Vec::new(), Vec::new(), Vec::new());
        let (entry, lead, breadth) = (0, Lead::Bytes, Breadth::default());
        Self { entry, order, edges, unreachable, lead, breadth }
    }
}

/// Coordinates up to which bits save nothing.
const BYTES_WIDTH: usize = 64;
/// Members of a batch: enough to keep threads busy, few against those before.
const BATCH: usize = 512;
const BATCH_SHARE: usize = 32;
/// Kept links that a candidate is compared with at a time.
const COMPARED: usize = 8;

/// Builds the graph of some rows.
pub(crate) fn build(
    codes: &Codes<'_>,
    rows: &[u32],
    options: &GraphOptions,
    go_on: &(dyn Fn() -> Result<(), BuildError> + Sync),
) -> Result<Built, BuildError> {
    let mut shuffled = rows.to_vec();
    shuffled.sort_unstable_by_key(|row| (shuffle(*row), *row));
    let Some(entry) = shuffled.first().copied() else { return Ok(Built::of_nothing()) };
    let measure = Measure::new(codes, rows, options.space);
    let builder = Builder { codes, options, measure, go_on };
    let mut sizes = vec![shuffled.len()];
    while let Some(size) = sizes.last().map(|size| size / options.degree).filter(|size| *size > 0) {
        sizes.push(size);
    }
    let order = &shuffled[..sizes.get(1).copied().unwrap_or(0)];
    let mut upper: Vec<Vec<u32>> = Vec::new();
    for size in sizes[1..].iter().rev() {
        let members: Vec<u32> = (0..*size as u32).collect();
        let plan =
            Plan { members: &members, rows: order, order, degree: options.degree, lowest: false };
        upper.insert(0, builder.layer(&plan, &upper)?);
    }
    let every: Vec<u32> = (0..codes.rows() as u32).collect();
    let (members, degree) = (&shuffled, 2 * options.degree);
    let plan = Plan { members, rows: &every, order, degree, lowest: true };
    let mut lowest = builder.layer(&plan, &upper)?;
    let unreachable = builder.connect(&mut lowest, entry, rows, &every);
    let edges = Edges { stride: 2 * options.degree, places: &lowest };
    let above: Vec<Edges<'_>> =
        upper.iter().map(|places| Edges { stride: options.degree, places }).collect();
    let ways = Ways { above: &above, order, lowest: true, first: entry };
    let lead = builder.lead_of(edges, &shuffled, &every, &ways);
    let whole = Whole { edges, rows: &shuffled, every: &every, ways: &ways, lead };
    let breadth = builder.breadth(&whole)?;
    let mut edges = vec![lowest];
    edges.append(&mut upper);
    Ok(Built { entry, order: order.to_vec(), edges, unreachable, lead, breadth })
}

/// A number for each row that has nothing to do with its time.
fn shuffle(row: u32) -> u32 {
    let mut x = u64::from(row).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 31;
    (x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

/// How squared distances follow from what codes say of two rows: `|r|^2 + |p|^2 - 2<r,p>`.
///
/// For inner products rows get one more coordinate that makes all norms equal, after which the
/// nearest row is the one with the largest product (Bachrach and others 2014): `2M^2 - 2<x,y>`, M
/// the largest norm, where `-<x,y> = base(x) + base(y) + |c|^2 - <r,p>`. Of L1 it is the distance
/// itself, of Poincaré `a b |x-y|^2 = 2ab - a - b - 2<ax,by>`, in which its distance grows.
#[derive(Clone, Copy)]
struct Measure {
    weight: f32,
    /// Of the product of both bases.
    mixed: f32,
    constant: f32,
    /// Of what codes sum.
    of_sum: f32,
}

impl Measure {
    fn new(codes: &Codes<'_>, rows: &[u32], space: Space) -> Self {
        let plain = Self { weight: 1.0, mixed: 0.0, constant: 0.0, of_sum: -2.0 };
        match space {
            Space::L2 | Space::Cosine => plain,
            Space::L1 => Self { of_sum: 1.0, ..plain },
            Space::Poincare => Self { weight: -1.0, mixed: 2.0, ..plain },
            Space::InnerProduct => Self { weight: 2.0, constant: Self::lift(codes, rows), ..plain },
        }
    }

    fn lift(codes: &Codes<'_>, rows: &[u32]) -> f32 {
        let centre: f32 = codes.centre.iter().map(|c| c * c).sum();
        let square = |row: &u32| {
            let [_, norm, _, base] = codes.behind_bytes(*row);
            // |x|^2 = |r|^2 + 2<r,c> + |c|^2, and the base is -(<r,c> + |c|^2).
            norm * norm - 2.0 * base - centre
        };
        let largest = rows.iter().map(square).fold(0.0, f32::max);
        2.0 * (largest + centre)
    }

    #[inline]
    fn distance(self, [base, other]: [f32; 2], product: f32) -> f32 {
        let bases = self.weight * (base + other) + self.mixed * base * other;
        self.constant + bases + self.of_sum * product
    }
}

/// Nodes of a growing graph that are first asked which lead serves; again whenever they have
/// doubled.
const PROBED_FROM: usize = 4_096;
/// Rows that are looked for to see which lead serves, and how wide: as searches are by default.
const PROBES: usize = 64;
const PROBE_WIDTH: usize = 40;
/// The nearest that are looked for, and the share that bits must find of those that bytes do.
const PROBED: usize = 10;
const BITS_FIND: f64 = 0.97;

struct Builder<'a> {
    codes: &'a Codes<'a>,
    options: &'a GraphOptions,
    measure: Measure,
    go_on: &'a (dyn Fn() -> Result<(), BuildError> + Sync),
}

/// A layer to be built: which nodes are linked, in which order, and whose they are.
struct Plan<'a> {
    members: &'a [u32],
    /// The rows of nodes: of the lowest layer, the number itself.
    rows: &'a [u32],
    order: &'a [u32],
    degree: usize,
    lowest: bool,
}

/// How a layer is entered: by the layers above it, if there are any, else by its first node.
#[derive(Clone, Copy)]
struct Ways<'a> {
    above: &'a [Edges<'a>],
    order: &'a [u32],
    lowest: bool,
    first: u32,
}

/// What is near to which row is looked for, and where from; one node may be hidden.
#[derive(Clone, Copy)]
struct From<'a> {
    row: u32,
    starts: &'a [Start],
    hidden: Option<u32>,
}

/// One layer while it grows: room for half more links than a node may keep.
struct Growing {
    degree: usize,
    stride: usize,
    places: Vec<u32>,
}

impl Growing {
    fn new(plan: &Plan<'_>) -> Self {
        let stride = plan.degree + plan.degree / 2;
        let nodes = if plan.lowest { plan.rows.len() } else { plan.members.len() };
        Self { degree: plan.degree, stride, places: vec![NONE; nodes * stride] }
    }

    fn edges(&self) -> Edges<'_> {
        Edges { stride: self.stride, places: &self.places }
    }

    fn set(&mut self, node: u32, links: &[u32]) {
        let places = &mut self.places[node as usize * self.stride..][..self.stride];
        places.fill(NONE);
        places[..links.len()].copy_from_slice(links);
    }

    /// With as many places as links are allowed.
    fn finish(self) -> Vec<u32> {
        let nodes = self.places.chunks_exact(self.stride);
        nodes.flat_map(|places| places[..self.degree].iter().copied()).collect()
    }
}

impl Builder<'_> {
    /// Links the members of a layer. Those of the layer above come first, and are looked for from
    /// the first of all; the others from where the layers above lead, which then is linked.
    fn layer(&self, plan: &Plan<'_>, upper: &[Vec<u32>]) -> Result<Vec<u32>, BuildError> {
        let mut growing = Growing::new(plan);
        let above: Vec<Edges<'_>> =
            upper.iter().map(|places| Edges { stride: self.options.degree, places }).collect();
        let known = above.first().map_or(0, |layer| layer.nodes());
        let (mut done, all) = (1, plan.members.len());
        let (mut lead, mut probed) = (self.lead(), PROBED_FROM);
        let (order, lowest, first) = (plan.order, plan.lowest, plan.members[0]);
        let ways = Ways { above: &above, order, lowest, first };
        while done < all {
            (self.go_on)()?;
            if plan.lowest && done >= probed {
                lead = self.lead_of(growing.edges(), &plan.members[..done], plan.rows, &ways);
                probed *= 2;
            }
            let size = (done / BATCH_SHARE).clamp(1, BATCH).min(all - done);
            let size = if done < known { size.min(known - done) } else { size };
            let ways = if done < known { Ways { above: &[], ..ways } } else { ways };
            let found = self.map(&plan.members[done..done + size], |scratch, node| {
                (*node, self.place(scratch, plan, &growing, &ways, (*node, lead)))
            });
            self.link(&mut growing, plan.rows, found);
            done += size;
        }
        let pruned = self.map(plan.members, |scratch, node| {
            let links = growing.edges().of(*node).to_vec();
            (*node, self.prune(scratch, plan.rows, *node, links, plan.degree))
        });
        pruned.iter().for_each(|(node, links)| growing.set(*node, links));
        Ok(growing.finish())
    }

    /// The links of a new node.
    fn place(
        &self,
        scratch: &mut Scratch,
        plan: &Plan<'_>,
        growing: &Growing,
        ways: &Ways<'_>,
        (node, lead): (u32, Lead),
    ) -> Vec<u32> {
        let row = plan.rows[node as usize];
        self.look_from(scratch, row);
        let starts = self.starts(scratch, ways);
        let how = (lead, self.options.ef);
        let from = From { row, starts: &starts, hidden: None };
        let near = self.near(scratch, growing.edges(), plan.rows, from, how);
        self.choose(scratch, plan.rows, &near, plan.degree)
    }

    /// Where to start looking for what is near to the row that the scratch looks from.
    fn starts(&self, scratch: &mut Scratch, ways: &Ways<'_>) -> Vec<Start> {
        let mut beam = std::mem::take(&mut scratch.beam);
        let mut visited = std::mem::take(&mut scratch.visited);
        let mut guess = ByBytes { builder: self, scratch };
        let mut starts = starts(ways.above, ways.order, (&mut beam, &mut visited), &mut guess);
        (scratch.beam, scratch.visited) = (beam, visited);
        if ways.lowest {
            starts.iter_mut().for_each(|start| start.node = ways.order[start.node as usize]);
        }
        if starts.is_empty() { vec![Start::blind(ways.first)] } else { starts }
    }

    /// Makes a row the one that others are compared with.
    fn look_from(&self, scratch: &mut Scratch, row: u32) {
        if self.options.space.has_bits() {
            scratch.query.set_row(self.codes.byte_code(row), &self.codes.byte_factors(row));
        } else {
            scratch.steps.set_row(self.codes.byte_code(row));
        }
        scratch.base = self.codes.behind_bytes(row)[3];
    }

    /// Does something for each, on one thread or several, in order.
    fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&mut Scratch, &T) -> R + Sync,
    ) -> Vec<R> {
        if self.options.parallel {
            let chunk = items.len().div_ceil(4 * rayon::current_num_threads()).max(1);
            let of_chunk = |chunk: &[T]| {
                let mut scratch = Scratch::default();
                chunk.iter().map(|item| work(&mut scratch, item)).collect::<Vec<_>>()
            };
            return items.par_chunks(chunk).flat_map_iter(of_chunk).collect();
        }
        let mut scratch = Scratch::default();
        items.iter().map(|item| work(&mut scratch, item)).collect()
    }

    /// Squared distances from the scratch's row to others.
    fn scores(&self, scratch: &mut Scratch, rows: &[u32], out: &mut Vec<f32>) {
        if !self.options.space.has_bits() {
            self.codes.sum_apart(rows, &scratch.steps, &mut scratch.summed);
            out.clear();
            out.extend(rows.iter().zip(&scratch.summed).map(|(row, summed)| {
                let [step, .., base] = self.codes.behind_bytes(*row);
                self.measure.distance([base, scratch.base], step * *summed as f32)
            }));
            return;
        }
        self.codes.sum_bytes(scratch.kernel, rows, &scratch.query, &mut scratch.summed);
        out.clear();
        out.extend(rows.iter().zip(&scratch.summed).map(|(row, summed)| {
            let [scale, norm, sum, base] = self.codes.behind_bytes(*row);
            let product = scratch.query.estimate(*summed, &ByteFactors { scale, norm, sum });
            self.measure.distance([base, scratch.base], product)
        }));
    }

    /// The least that they may be by their bits.
    fn least(
        &self,
        scratch: &mut Scratch,
        rows: &[u32],
        bits: &BitQuery,
        sigmas: f32,
        out: &mut Vec<f32>,
    ) {
        let Scratch { kernel, counted, base: other, .. } = scratch;
        let products = self.codes.products(*kernel, rows, bits, counted);
        out.clear();
        out.extend(products.map(|[product, error, base]| {
            self.measure.distance([base, *other], product + sigmas * error)
        }));
    }

    /// The nodes nearest to a row, which the scratch looks from, nearest first.
    fn near(
        &self,
        scratch: &mut Scratch,
        edges: Edges<'_>,
        rows: &[u32],
        from: From<'_>,
        (lead, width): (Lead, usize),
    ) -> Vec<(f32, u32)> {
        let mut beam = std::mem::take(&mut scratch.beam);
        let mut visited = std::mem::take(&mut scratch.visited);
        let bits = (lead != Lead::Bytes).then(|| self.codes.bit_query_of(from.row));
        let found = Vec::with_capacity(2 * width);
        let (chosen, near, room) = (Vec::new(), Vec::new(), Vec::new());
        let mut guide =
            Nearest { builder: self, scratch, rows, lead, bits, chosen, near, room, found };
        beam.clear(width);
        visited.clear(edges.nodes());
        from.hidden.iter().for_each(|node| _ = visited.insert(*node));
        for Start { node, guess } in from.starts {
            if visited.insert(*node) {
                beam.start(*guess, *node);
            }
        }
        walk(edges, &mut beam, &mut visited, &mut guide);
        let mut found = guide.found;
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.truncate(width);
        (scratch.beam, scratch.visited) = (beam, visited);
        found
    }

    /// How a graph is walked of which nothing is known.
    fn lead(&self) -> Lead {
        let by_bytes = self.codes.width <= BYTES_WIDTH || !self.options.space.has_bits();
        if by_bytes { Lead::Bytes } else { Lead::Gate }
    }

    /// How a graph is to be walked: by bits if, for rows of its own, they find nearly as much of
    /// what is nearest as bytes do. Of inner products that would say little: such a row is looked
    /// for among lifted rows, where a query is not; and so of Poincaré's.
    fn lead_of(&self, edges: Edges<'_>, rows: &[u32], every: &[u32], ways: &Ways<'_>) -> Lead {
        let lifted = matches!(self.options.space, Space::InnerProduct | Space::Poincare);
        if self.lead() == Lead::Bytes || lifted {
            return self.lead();
        }
        let probes: Vec<u32> = rows.iter().step_by((rows.len() / PROBES).max(1)).copied().collect();
        let found = self.map(&probes, |scratch, row| {
            self.look_from(scratch, *row);
            let starts = self.starts(scratch, ways);
            let mut nearest = |lead, width| {
                let from = From { row: *row, starts: &starts, hidden: None };
                let mut found = self.near(scratch, edges, every, from, (lead, width));
                found.truncate(PROBED);
                found
            };
            let right = nearest(Lead::Gate, 8 * PROBE_WIDTH);
            [Lead::Bits, Lead::Gate].map(|lead| {
                nearest(lead, PROBE_WIDTH).iter().filter(|one| right.contains(one)).count()
            })
        });
        let [bits, gate] = found.iter().fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        if bits as f64 >= BITS_FIND * gate as f64 { Lead::Bits } else { Lead::Gate }
    }

    /// The paper's heuristic (algorithm 4): a candidate is kept if it is nearer to the node than
    /// to any kept before it, so that links lead in different directions.
    fn choose(
        &self,
        scratch: &mut Scratch,
        rows: &[u32],
        candidates: &[(f32, u32)],
        degree: usize,
    ) -> Vec<u32> {
        let mut kept: Vec<u32> = Vec::with_capacity(degree);
        let (mut kept_rows, mut scores): (Vec<u32>, _) = (Vec::new(), Vec::new());
        for (distance, node) in candidates {
            if kept.len() == degree {
                break;
            }
            let row = rows[*node as usize];
            self.look_from(scratch, row);
            let far = kept_rows.chunks(COMPARED).all(|kept| {
                self.scores(scratch, kept, &mut scores);
                scores.iter().all(|score| score >= distance)
            });
            if far {
                kept.push(*node);
                kept_rows.push(row);
            }
        }
        kept
    }

    /// The links that a node keeps of too many.
    fn prune(
        &self,
        scratch: &mut Scratch,
        rows: &[u32],
        node: u32,
        links: Vec<u32>,
        degree: usize,
    ) -> Vec<u32> {
        if links.len() <= degree {
            return links;
        }
        self.look_from(scratch, rows[node as usize]);
        let others: Vec<u32> = links.iter().map(|link| rows[*link as usize]).collect();
        let mut scores = Vec::new();
        self.scores(scratch, &others, &mut scores);
        let mut candidates: Vec<(f32, u32)> = scores.into_iter().zip(links).collect();
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.choose(scratch, rows, &candidates, degree)
    }

    /// Gives new nodes their links, and those they lead to a link back.
    fn link(&self, growing: &mut Growing, rows: &[u32], found: Vec<(u32, Vec<u32>)>) {
        let mut back: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (node, links) in &found {
            growing.set(*node, links);
            for link in links {
                back.entry(*link).or_default().push(*node);
            }
        }
        let back: Vec<(u32, Vec<u32>)> = back.into_iter().collect();
        let shared = &*growing;
        let changed = self.map(&back, |scratch, (node, new)| {
            let mut links = shared.edges().of(*node).to_vec();
            links.extend(new);
            if links.len() > shared.stride {
                links = self.prune(scratch, rows, *node, links, shared.degree);
            }
            (*node, links)
        });
        changed.iter().for_each(|(node, links)| growing.set(*node, links));
    }

    /// Leads to the rows that no path leads to, from near rows that have a free place. Returns
    /// those for which there is none.
    fn connect(&self, places: &mut [u32], entry: u32, rows: &[u32], every: &[u32]) -> Vec<u32> {
        let stride = 2 * self.options.degree;
        let mut reached = Visited::default();
        reached.clear(every.len());
        spread(Edges { stride, places }, entry, &mut reached);
        let mut lost = Vec::new();
        let mut scratch = Scratch::default();
        for row in rows.iter().copied() {
            if reached.contains(row) {
                continue;
            }
            self.look_from(&mut scratch, row);
            let edges = Edges { stride, places };
            let how = (self.lead(), self.options.ef);
            let starts = [Start::blind(entry)];
            let from = From { row, starts: &starts, hidden: None };
            let near = self.near(&mut scratch, edges, every, from, how);
            let hosts = near.iter().filter(|(_, node)| reached.contains(*node));
            let mut free = hosts.filter_map(|(_, node)| {
                let first = *node as usize * stride;
                let free = places[first..first + stride].iter().position(|edge| *edge == NONE)?;
                Some(first + free)
            });
            match free.next() {
                Some(place) => {
                    places[place] = row;
                    spread(Edges { stride, places }, row, &mut reached);
                }
                None => lost.push(row),
            }
        }
        lost.retain(|row| !reached.contains(*row));
        lost
    }
}

/// Marks what can be reached from a node.
fn spread(edges: Edges<'_>, from: u32, reached: &mut Visited) {
    let mut left = vec![from];
    reached.insert(from);
    while let Some(node) = left.pop() {
        left.extend(edges.of(node).iter().filter(|edge| reached.insert(**edge)));
    }
}

/// What one thread needs while it builds.
#[derive(Debug, Default)]
struct Scratch {
    kernel: Kernel,
    query: ByteQuery,
    steps: StepQuery,
    /// The base of the row that is looked from.
    base: f32,
    summed: Vec<i32>,
    counted: Vec<u32>,
    beam: Beam,
    visited: Visited,
}

/// Scores rows by their bytes.
struct ByBytes<'a, 'b> {
    builder: &'a Builder<'b>,
    scratch: &'a mut Scratch,
}

impl Guess for ByBytes<'_, '_> {
    fn guess(&mut self, rows: &[u32], _limit: f32, out: &mut Vec<f32>) {
        self.builder.scores(self.scratch, rows, out);
    }
}

/// Looks for the nearest nodes, whatever they are.
struct Nearest<'a, 'b> {
    builder: &'a Builder<'b>,
    scratch: &'a mut Scratch,
    rows: &'a [u32],
    lead: Lead,
    bits: Option<BitQuery>,
    chosen: Vec<u32>,
    near: Vec<u32>,
    room: Vec<f32>,
    found: Vec<(f32, u32)>,
}

impl Nearest<'_, '_> {
    /// Scores by bytes of rows that may be within the limit by their bits.
    fn gated(&mut self, bits: &BitQuery, limit: f32, out: &mut Vec<f32>) {
        self.builder.least(self.scratch, &self.chosen, bits, GATE, &mut self.room);
        passing(&self.chosen, &self.room, limit, &mut self.near);
        self.builder.scores(self.scratch, &self.near, &mut self.room);
        spread_scores(&self.chosen, &self.near, &self.room, out);
    }
}

impl Guess for Nearest<'_, '_> {
    fn guess(&mut self, nodes: &[u32], limit: f32, out: &mut Vec<f32>) {
        self.chosen.clear();
        self.chosen.extend(nodes.iter().map(|node| self.rows[*node as usize]));
        match self.bits.take() {
            Some(bits) => {
                if self.lead == Lead::Bits {
                    self.builder.least(self.scratch, &self.chosen, &bits, 0.0, out);
                } else {
                    self.gated(&bits, limit, out);
                }
                self.bits = Some(bits);
            }
            None => self.builder.scores(self.scratch, &self.chosen, out),
        }
    }
}

impl Guide for Nearest<'_, '_> {
    fn counts(&self, _node: u32) -> bool {
        true
    }

    fn approach(&self, node: u32) {
        if self.lead == Lead::Bits {
            self.builder.codes.prefetch_bytes(self.rows[node as usize]);
        }
    }

    fn follow(&mut self, node: u32, guess: f32) -> bool {
        let mut score = guess;
        if self.lead == Lead::Bits || !guess.is_finite() {
            self.builder.scores(self.scratch, &[self.rows[node as usize]], &mut self.room);
            score = self.room[0];
        }
        self.found.push((score, node));
        true
    }
}
