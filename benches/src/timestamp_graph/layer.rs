//! One layer while time goes by: the links of what lives, and what they were.
//!
//! ```text
//!   bonds    a tree over all that live, both ways        never given up while both ends live
//!   links    at most `degree` a node, bonds among them   chosen by the heuristic of HNSW
//!   spare    near nodes that were not chosen             the paper's backup neighbours
//!   past     links that were: to whom, since when, before when
//! ```
//!
//! **Invariant.** After each change a living node leads to living ones only, to `degree` of them at
//! most, and along bonds to all of them. The paper promises the first two; without the tree what
//! lives is sometimes in two parts, and a walk sees one.

use super::codes::Look;
use super::lives::Life;
use super::tree::Entry;
use super::walk::{Links, NONE, Near};

/// Spare nodes that are looked at for one to take the place of a dead.
const TRIED: usize = 12;
/// Kept links that a candidate is compared with at a time.
const COMPARED: usize = 8;
/// Bonds that are followed to see whether they lead to the root.
const BONDS: usize = 512;

/// Places noted of those who lead to a node, for each that may, before they are looked through.
const STALE: usize = 8;

/// What a node that is born knows of those that live.
#[derive(Debug, Default)]
pub struct Choice {
    pub links: Vec<Near>,
    pub spare: Vec<Near>,
}

/// The links of what lives now.
#[derive(Clone, Copy, Debug)]
pub struct Edges<'a> {
    stride: usize,
    places: &'a [u32],
}

impl Links for Edges<'_> {
    fn nodes(self) -> usize {
        self.places.len() / self.stride
    }

    #[inline]
    fn each(self, node: u32, visit: impl FnMut(u32)) {
        let places = &self.places[node as usize * self.stride..][..self.stride];
        places.iter().copied().take_while(|link| *link != NONE).for_each(visit);
    }

    #[inline]
    fn prefetch(self, node: u32) {
        cvx_core::code::prefetch(&self.places[node as usize * self.stride..][..self.stride]);
    }
}

/// How far rows are from one.
fn distances(look: &mut Look<'_>, row: u32, others: &[u32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(others.len());
    look.from_row(row);
    look.score(others, &mut out);
    out
}

/// Keeps those nearer to a node than to any kept before, nearest first (HNSW, algorithm 4), and
/// those that are bound to it in any case; answers the others too.
pub fn choose(
    look: &mut Look<'_>,
    rows: &[u32],
    candidates: &[Near],
    degree: usize,
    is_bound: impl Fn(u32) -> bool,
) -> Choice {
    let mut choice = Choice::default();
    let (mut kept, mut scores): (Vec<u32>, Vec<f32>) = (Vec::new(), Vec::new());
    let mut bound = candidates.iter().filter(|near| is_bound(near.node)).count();
    for near in candidates {
        let row = rows[near.node as usize];
        let must = is_bound(near.node);
        let keeps = must
            || kept.len() + bound < degree && {
                look.from_row(row);
                kept.chunks(COMPARED).all(|kept| {
                    look.score(kept, &mut scores);
                    scores.iter().all(|score| *score >= near.distance)
                })
            };
        bound -= usize::from(must);
        if keeps {
            choice.links.push(*near);
            kept.push(row);
        } else {
            choice.spare.push(*near);
        }
    }
    choice
}

#[derive(Debug)]
pub struct Layer<'a> {
    degree: usize,
    /// Of its nodes.
    rows: &'a [u32],
    lives: Vec<Life>,
    is_there: Vec<bool>,
    /// Where links lead, how far, and since when.
    places: Vec<u32>,
    distances: Vec<f32>,
    since: Vec<u32>,
    spare: Vec<Vec<Near>>,
    /// Who leads to a node, or did.
    into: Vec<Vec<u32>>,
    /// The bond towards the root; `NONE` for the root.
    bond: Vec<u32>,
    past: Vec<Vec<Entry>>,
    pub root: u32,
}

impl<'a> Layer<'a> {
    pub fn new(degree: usize, rows: &'a [u32], lives: Vec<Life>) -> Self {
        let nodes = lives.len();
        Self {
            degree,
            rows,
            lives,
            is_there: vec![false; nodes],
            places: vec![NONE; nodes * degree],
            distances: vec![0.0; nodes * degree],
            since: vec![0; nodes * degree],
            spare: vec![Vec::new(); nodes],
            into: vec![Vec::new(); nodes],
            bond: vec![NONE; nodes],
            past: vec![Vec::new(); nodes],
            root: NONE,
        }
    }

    pub fn degree(&self) -> usize {
        self.degree
    }

    pub fn rows(&self) -> &'a [u32] {
        self.rows
    }

    pub fn life(&self, node: u32) -> Life {
        self.lives[node as usize]
    }

    pub fn edges(&self) -> Edges<'_> {
        Edges { stride: self.degree, places: &self.places }
    }

    fn links(&self, node: u32) -> &[u32] {
        let places = &self.places[node as usize * self.degree..][..self.degree];
        &places[..places.iter().position(|link| *link == NONE).unwrap_or(self.degree)]
    }

    fn near(&self, node: u32) -> Vec<Near> {
        let links = self.links(node);
        let distances = &self.distances[node as usize * self.degree..][..links.len()];
        let near = |(distance, node): (&f32, &u32)| Near { distance: *distance, node: *node };
        distances.iter().zip(links).map(near).collect()
    }

    fn leads(&self, node: u32, to: u32) -> bool {
        self.links(node).contains(&to)
    }

    fn is_bond(&self, a: u32, b: u32) -> bool {
        self.bond[a as usize] == b || self.bond[b as usize] == a
    }

    fn has_room_for_bond(&self, node: u32) -> bool {
        let bonds = self.links(node).iter().filter(|link| self.is_bond(node, **link)).count();
        bonds < self.degree
    }

    /// A node comes, and knows who is near.
    pub fn bear(&mut self, look: &mut Look<'_>, node: u32, choice: &Choice, now: u32) {
        self.is_there[node as usize] = true;
        if self.root == NONE {
            self.root = node;
            return;
        }
        let is_there = |near: &&Near| self.is_there[near.node as usize];
        let links: Vec<Near> = choice.links.iter().filter(is_there).copied().collect();
        let spare = choice.spare.iter().filter(is_there).copied().collect();
        self.spare[node as usize] = spare;
        let host = links.iter().find(|near| self.has_room_for_bond(near.node));
        let host = host.map_or_else(|| self.host_below(self.root), |near| near.node);
        self.bond[node as usize] = host;
        self.tie(look, node, host, now);
        for near in links {
            self.join(look, node, near, now);
            self.join(look, near.node, Near { node, ..near }, now);
        }
    }

    /// A node goes; who led to it looks for others.
    pub fn die(&mut self, look: &mut Look<'_>, node: u32, now: u32) {
        let left = self.near(node);
        (0..left.len()).for_each(|place| self.remember(node, place, now));
        self.places[node as usize * self.degree..][..self.degree].fill(NONE);
        self.is_there[node as usize] = false;
        self.spare[node as usize] = Vec::new();
        let mut into = std::mem::take(&mut self.into[node as usize]);
        into.sort_unstable();
        into.dedup();
        into.retain(|other| self.is_there[*other as usize] && self.leads(*other, node));
        into.iter().for_each(|other| self.unlink(*other, node, now));
        self.rebind(look, node, &left, now);
        into.iter().for_each(|other| self.refill(look, *other, &left, now));
    }

    /// Finds new bonds for those that a dead node bound.
    fn rebind(&mut self, look: &mut Look<'_>, dead: u32, left: &[Near], now: u32) {
        let above = std::mem::replace(&mut self.bond[dead as usize], NONE);
        let is_below = |near: &&Near| self.bond[near.node as usize] == dead;
        let mut below: Vec<u32> = left.iter().filter(is_below).map(|near| near.node).collect();
        below.iter().for_each(|node| self.bond[*node as usize] = NONE);
        if self.root == dead {
            self.root = if below.is_empty() { NONE } else { below.remove(0) };
        }
        for node in below {
            let known = self.near(node).into_iter().chain(left.iter().copied());
            let hosts = known.map(|near| near.node).filter(|other| *other != node);
            let host = hosts.into_iter().find(|other| {
                self.is_there[*other as usize]
                    && self.has_room_for_bond(*other)
                    && self.leads_to_root(*other)
            });
            let above = if above == NONE { self.root } else { above };
            let host = host.unwrap_or_else(|| self.host_below(above));
            self.bond[node as usize] = host;
            self.tie(look, node, host, now);
        }
    }

    fn leads_to_root(&self, node: u32) -> bool {
        let up = |node: &u32| Some(self.bond[*node as usize]).filter(|above| *above != NONE);
        std::iter::successors(Some(node), up).take(BONDS).any(|above| above == self.root)
    }

    /// The first along the tree that can bear one more bond: a leaf can.
    fn host_below(&self, node: u32) -> u32 {
        let mut host = node;
        while !self.has_room_for_bond(host) {
            let below = |link: &&u32| self.bond[**link as usize] == host;
            match self.links(host).iter().find(below) {
                Some(next) => host = *next,
                None => return host,
            }
        }
        host
    }

    /// Links two that are bound to each other.
    fn tie(&mut self, look: &mut Look<'_>, node: u32, host: u32, now: u32) {
        let rows = self.rows;
        let distance = distances(look, rows[node as usize], &[rows[host as usize]])[0];
        self.join(look, node, Near { distance, node: host }, now);
        self.join(look, host, Near { distance, node }, now);
    }

    /// Links a node to another, if that is chosen among those it leads to.
    fn join(&mut self, look: &mut Look<'_>, node: u32, near: Near, now: u32) {
        if self.leads(node, near.node) {
            return;
        }
        let length = self.links(node).len();
        if length < self.degree {
            self.set(node, length, near, now);
            return;
        }
        let mut candidates = self.near(node);
        candidates.push(near);
        candidates.sort_unstable();
        let choice =
            choose(look, self.rows, &candidates, self.degree, |other| self.is_bond(node, other));
        self.replace(node, &choice, now);
    }

    fn set(&mut self, node: u32, place: usize, near: Near, now: u32) {
        let Near { distance, node: to } = near;
        let at = node as usize * self.degree + place;
        (self.places[at], self.distances[at], self.since[at]) = (to, distance, now);
        if self.into[to as usize].len() > STALE * self.degree {
            let mut into = std::mem::take(&mut self.into[to as usize]);
            into.sort_unstable();
            into.dedup();
            into.retain(|other| self.leads(*other, to));
            self.into[to as usize] = into;
        }
        self.into[to as usize].push(node);
    }

    /// Makes chosen links a node's, and the others its spare ones.
    fn replace(&mut self, node: u32, choice: &Choice, now: u32) {
        for near in &choice.spare {
            if self.leads(node, near.node) {
                self.unlink(node, near.node, now);
            }
        }
        for near in &choice.links {
            if !self.leads(node, near.node) {
                let length = self.links(node).len();
                self.set(node, length, *near, now);
            }
        }
        let mut spare = std::mem::take(&mut self.spare[node as usize]);
        spare.retain(|near| self.is_there[near.node as usize] && !self.leads(node, near.node));
        spare.extend(&choice.spare);
        spare.sort_unstable();
        spare.dedup();
        spare.truncate(self.degree / 2);
        self.spare[node as usize] = spare;
    }

    fn unlink(&mut self, node: u32, to: u32, now: u32) {
        let Some(place) = self.links(node).iter().position(|link| *link == to) else { return };
        self.remember(node, place, now);
        let (first, last) = (node as usize * self.degree, self.links(node).len() - 1);
        let (at, last) = (first + place, first + last);
        self.places[at] = self.places[last];
        self.distances[at] = self.distances[last];
        self.since[at] = self.since[last];
        self.places[last] = NONE;
    }

    fn remember(&mut self, node: u32, place: usize, now: u32) {
        let at = node as usize * self.degree + place;
        if self.since[at] < now {
            self.past[node as usize].push([self.places[at], self.since[at], now]);
        }
    }

    /// Gives a node that lost a link one of its spare ones, or of those that the dead led to.
    fn refill(&mut self, look: &mut Look<'_>, node: u32, left: &[Near], now: u32) {
        let links = self.near(node);
        if 2 * links.len() >= self.degree {
            return;
        }
        let mut spare = std::mem::take(&mut self.spare[node as usize]);
        spare.retain(|near| self.is_there[near.node as usize] && !self.leads(node, near.node));
        let of_dead = left.iter().map(|near| near.node).filter(|other| {
            let known = spare.iter().any(|near| near.node == *other);
            *other != node && self.is_there[*other as usize] && !known && !self.leads(node, *other)
        });
        let of_dead: Vec<u32> = of_dead.collect();
        let rows: Vec<u32> = of_dead.iter().map(|other| self.rows[*other as usize]).collect();
        let distances = distances(look, self.rows[node as usize], &rows).into_iter();
        let near = |(distance, node)| Near { distance, node };
        let mut candidates: Vec<Near> = distances.zip(of_dead).map(near).collect();
        candidates.extend(&spare);
        candidates.sort_unstable();
        candidates.truncate(TRIED);
        self.spare[node as usize] = spare;
        let chosen = candidates.iter().find(|near| self.is_apart(look, &links, **near));
        let few = 4 * links.len() < self.degree;
        if let Some(near) = chosen.or_else(|| candidates.first().filter(|_| few)) {
            self.join(look, node, *near, now);
        }
    }

    /// Whether a node is nearer to the one that asks than to any that it leads to.
    fn is_apart(&self, look: &mut Look<'_>, links: &[Near], asked: Near) -> bool {
        let others: Vec<u32> = links.iter().map(|near| self.rows[near.node as usize]).collect();
        let from = distances(look, self.rows[asked.node as usize], &others);
        let mut from = from.iter().zip(links);
        from.all(|(score, near)| *score >= asked.distance || near.distance > asked.distance)
    }

    /// All links that ever were, of each node.
    pub fn finish(mut self) -> Vec<Vec<Entry>> {
        for node in 0..self.lives.len() {
            for place in 0..self.links(node as u32).len() {
                self.remember(node as u32, place, NONE);
            }
        }
        self.past
    }
}
