//! Building a timestamp graph: a sweep over all moments, from the first.
//!
//! Those that are born search what lives, in batches of a thirty-second part of it, so that threads
//! can share; links are made, and the dead are taken out, in the order of time. The same rows give
//! the same graph.

use super::TimestampGraph;
use super::codes::{Codes, Look};
use super::layer::{Choice, Edges, Layer, choose};
use super::lives::{Life, Lives};
use super::tree::{Entry, plant};
use super::walk::{Links, NONE, Near, Room, walk};
use rayon::prelude::*;

/// Members of a batch: enough to keep threads busy, few against those that live.
const BATCH: usize = 512;
const BATCH_SHARE: usize = 32;
/// Nodes that may live at a time in the uppermost layer, which has no links: a search starts by
/// comparing all of them.
const ROOTS: usize = 256;
/// Nodes kept on the way down, and started from.
const STARTS: usize = 4;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Links of a node in upper layers, half of those in the lowest: M.
    pub degree: usize,
    /// Candidates for a new node's links: efConstruction.
    pub ef: usize,
}

/// Builds the graph of rows that are valid from and to some moments.
#[must_use]
pub fn build(codes: &Codes, ends: &[[i64; 2]], options: Options) -> TimestampGraph {
    let lives = Lives::new(ends);
    let shape = Shape::new(&lives, options);
    let mut sweep = Sweep::new(codes, &lives, &shape, options);
    sweep.run();
    let Sweep { layers, entries, .. } = sweep;
    let root = |number: u32| {
        let life = lives.rows[shape.order[number as usize] as usize];
        [number, life.from, life.to]
    };
    let mut roots = Vec::new();
    plant((0..shape.roots as u32).map(root).collect(), &mut roots);
    let layers = layers.into_iter().map(|layer| trees(layer.finish())).collect();
    TimestampGraph { moments: lives.moments, order: shape.order, roots, entries, layers }
}

fn trees(past: Vec<Vec<Entry>>) -> [Vec<u32>; 2] {
    let (mut starts, mut words) = (vec![0], Vec::new());
    for entries in past {
        plant(entries, &mut words);
        assert!(words.len() < NONE as usize, "more links than can be counted");
        starts.push(words.len() as u32);
    }
    [starts, words]
}

/// Which rows are in which layer.
#[derive(Debug)]
struct Shape {
    every: Vec<u32>,
    /// Rows of upper nodes: each layer has the first of them.
    order: Vec<u32>,
    /// The number of a row in the order, `NONE` of others.
    numbers: Vec<u32>,
    /// How many nodes upper layers with links have, from the lowest.
    upper: Vec<usize>,
    /// How many of the order are roots.
    roots: usize,
}

/// A number for each row that has nothing to do with its time.
fn shuffle(row: u32) -> u32 {
    let x = u64::from(row).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((x ^ x >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

impl Shape {
    fn new(lives: &Lives, options: Options) -> Self {
        let is_node = |row: &u32| !lives.rows[*row as usize].is_never();
        let every: Vec<u32> = (0..lives.rows.len() as u32).collect();
        let mut order: Vec<u32> = every.iter().copied().filter(is_node).collect();
        order.sort_unstable_by_key(|row| (shuffle(*row), *row));
        let (mut upper, mut share) = (Vec::new(), options.degree);
        while lives.most / share > ROOTS {
            upper.push(order.len() / share);
            share *= options.degree;
        }
        let roots = order.len() / share;
        order.truncate(upper.first().copied().unwrap_or(roots));
        let mut numbers = vec![NONE; every.len()];
        (0..).zip(&order).for_each(|(number, row)| numbers[*row as usize] = number);
        Self { every, order, numbers, upper, roots }
    }
}

#[derive(Debug)]
struct Sweep<'a> {
    codes: &'a Codes,
    lives: &'a Lives,
    shape: &'a Shape,
    ef: usize,
    layers: Vec<Layer<'a>>,
    /// Living roots.
    roots: Vec<u32>,
    entries: Vec<[u32; 2]>,
    look: Look<'a>,
    living: usize,
}

impl<'a> Sweep<'a> {
    fn new(codes: &'a Codes, lives: &'a Lives, shape: &'a Shape, options: Options) -> Self {
        let Options { degree, ef } = options;
        let mut layers = vec![Layer::new(2 * degree, &shape.every, lives.rows.clone())];
        for size in &shape.upper {
            let rows = &shape.order[..*size];
            let of = rows.iter().map(|row| lives.rows[*row as usize]).collect();
            layers.push(Layer::new(degree, rows, of));
        }
        let (roots, entries, look) = (Vec::new(), Vec::new(), Look::new(codes));
        Self { codes, lives, shape, ef, layers, roots, entries, look, living: 0 }
    }

    fn life(&self, row: u32) -> Life {
        self.lives.rows[row as usize]
    }

    fn run(&mut self) {
        let lives = self.lives;
        let life = |row: &u32| lives.rows[*row as usize];
        let mut births = self.shape.every.clone();
        births.retain(|row| !life(row).is_never());
        births.sort_unstable_by_key(|row| (life(row).from, shuffle(*row), *row));
        let mut deaths: Vec<u32> = births.clone();
        deaths.retain(|row| life(row).to != NONE);
        deaths.sort_unstable_by_key(|row| (life(row).to, *row));
        let (mut deaths, mut done) = (deaths.into_iter().peekable(), 0);
        let mut until = |sweep: &mut Self, rank: u32| {
            while let Some(row) = deaths.next_if(|row| life(row).to <= rank) {
                sweep.die(row);
            }
        };
        while let Some(first) = births.get(done) {
            until(self, life(first).from);
            let size = (self.living / BATCH_SHARE).clamp(1, BATCH).min(births.len() - done);
            let found = self.choices_of(&births[done..done + size]);
            for (row, choices) in births[done..].iter().zip(found) {
                until(self, life(row).from);
                self.bear(*row, &choices);
            }
            done += size;
        }
        until(self, NONE - 1);
    }

    fn choices_of(&self, batch: &[u32]) -> Vec<Vec<Choice>> {
        let chunk = batch.len().div_ceil(4 * rayon::current_num_threads()).max(1);
        let of_chunk = |rows: &[u32]| {
            let (mut room, mut look) = (Room::default(), Look::new(self.codes));
            let choices = rows.iter().map(|row| self.choices((&mut room, &mut look), *row));
            choices.collect::<Vec<_>>()
        };
        batch.par_chunks(chunk).flat_map_iter(of_chunk).collect()
    }

    /// A row as a node of a layer.
    fn node(&self, layer: usize, row: u32) -> Option<u32> {
        let number = if layer == 0 { row } else { self.shape.numbers[row as usize] };
        (layer == 0 || (number as usize) < self.shape.upper[layer - 1]).then_some(number)
    }

    /// Whom a row that is to be born will lead to, by layer.
    fn choices(&self, (room, look): (&mut Room, &mut Look<'_>), row: u32) -> Vec<Choice> {
        let layers = (0..self.layers.len()).take_while(|layer| self.node(*layer, row).is_some());
        layers.map(|layer| self.choice((room, look), layer, row)).collect()
    }

    fn choice(&self, (room, look): (&mut Room, &mut Look<'_>), number: usize, row: u32) -> Choice {
        let layer = &self.layers[number];
        if layer.root == NONE {
            return Choice::default();
        }
        look.from_row_by_bits(row);
        let above: Vec<Edges<'_>> = self.layers[number + 1..].iter().map(Layer::edges).collect();
        let order = &self.shape.order;
        let mut starts = way_down(&above, order, &self.roots, (room, look));
        if number == 0 {
            starts.iter_mut().for_each(|start| start.node = order[start.node as usize]);
        }
        starts.push(Near { distance: f32::NEG_INFINITY, node: layer.root });
        let row_of = |node: u32| layer.rows()[node as usize];
        let how = (&starts[..], self.ef);
        let mut near = walk(layer.edges(), (room, look), how, row_of, |_| true);
        near.truncate(self.ef);
        let from = self.life(row).from;
        near.retain(|near| layer.life(near.node).holds(from));
        let mut choice = choose(look, layer.rows(), &near, layer.degree(), |_| false);
        choice.spare.truncate(layer.degree() / 2);
        choice
    }

    fn bear(&mut self, row: u32, choices: &[Choice]) {
        let now = self.life(row).from;
        for (layer, choice) in choices.iter().enumerate() {
            if let Some(node) = self.node(layer, row) {
                self.layers[layer].bear(&mut self.look, node, choice, now);
            }
        }
        self.living += 1;
        let number = self.shape.numbers[row as usize];
        if (number as usize) < self.shape.roots {
            self.roots.push(number);
        }
        self.note_entry(now);
    }

    fn die(&mut self, row: u32) {
        let now = self.life(row).to;
        for layer in 0..self.layers.len() {
            if let Some(node) = self.node(layer, row) {
                self.layers[layer].die(&mut self.look, node, now);
            }
        }
        self.living -= 1;
        let number = self.shape.numbers[row as usize];
        self.roots.retain(|root| *root != number);
        self.note_entry(now);
    }

    fn note_entry(&mut self, now: u32) {
        let root = self.layers[0].root;
        match self.entries.last_mut() {
            Some([_, last]) if *last == root => {}
            Some([since, last]) if *since == now => *last = root,
            _ => self.entries.push([now, root]),
        }
    }
}

/// The nearest nodes of the lowest of some upper layers, found from the nearest of the roots; of
/// the roots themselves where there are no layers.
pub(super) fn way_down<L: Links>(
    upper: &[L],
    order: &[u32],
    roots: &[u32],
    (room, look): (&mut Room, &mut Look<'_>),
) -> Vec<Near> {
    let rows: Vec<u32> = roots.iter().map(|root| order[*root as usize]).collect();
    let mut guesses = Vec::new();
    look.guess(&rows, &mut guesses);
    let near = |(node, distance): (&u32, &f32)| Near { distance: *distance, node: *node };
    let mut starts: Vec<Near> = roots.iter().zip(&guesses).map(near).collect();
    starts.sort_unstable();
    starts.truncate(STARTS);
    for layer in upper.iter().rev() {
        let width = (layer.nodes().isqrt() / 16).max(2 * STARTS);
        let row_of = |node: u32| order[node as usize];
        starts = walk(*layer, (room, look), (&starts, width), row_of, |_| true);
        starts.truncate(STARTS);
        // What leads on are guesses; by bytes they would seem nearer or farther than the rest.
        starts.iter_mut().for_each(|start| start.distance = f32::NEG_INFINITY);
    }
    starts
}
