//! A request as codes understand it.

use crate::Request;
use crate::exact::plan::never_negative;
use crate::segment::{Scale, Space};
use cvx_core::code::Rotation;
use cvx_core::{Query, Rank, ValidTime};
use std::cell::RefCell;
use std::rc::Rc;

/// A query that codes can serve. Ranks order rows as distances do: scores where only meaning
/// counts, composite distances otherwise.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) space: Space,
    pub(super) scale: Scale,
    pub(super) query: Query,
    pub(super) rotated: Vec<f32>,
}

thread_local! {
    /// The rotation that this thread used last: making one costs as much as a short search.
    static LAST: RefCell<Option<Rc<Rotation>>> = const { RefCell::new(None) };
}

fn rotation(dim: usize) -> Rc<Rotation> {
    let mut last = LAST.take().filter(|rotation| rotation.dim() == dim);
    let rotation = Rc::clone(last.get_or_insert_with(|| Rc::new(Rotation::new(dim))));
    LAST.set(last);
    rotation
}

impl<'a> Asked<'a> {
    /// `None` for what only comparing every row can answer.
    pub(super) fn new(request: &'a Request<'a>) -> Option<Self> {
        let space = Space::of(request.metric);
        let negative = request.composite.is_some() && !never_negative(request.metric);
        let finite = request.query.iter().fold(true, |all, x| all & x.is_finite());
        if negative || !finite {
            return None;
        }
        let factor = space.query_factor(request.query)?;
        let rotation = rotation(request.query.len());
        let mut rotated = vec![0.0; rotation.width()];
        space.lay(&rotation, request.query, factor, &mut rotated);
        let query = Query::new(request.metric, request.query).ok()?;
        let scale = Scale::new(space, request.query);
        Some(Self { request, space, scale, query, rotated })
    }

    /// Whether meaning weighs nothing.
    pub(super) fn is_of_time(&self) -> bool {
        self.request.composite.is_some_and(|composite| composite.alpha() == 0.0)
    }

    /// The rank of a score at a time.
    #[inline]
    pub(super) fn rank(&self, score: f32, ts: i64) -> f32 {
        match &self.request.composite {
            None => score,
            Some(composite) => {
                composite.distance(self.scale.distance(f64::from(score)), ValidTime(ts)) as f32
            }
        }
    }

    /// The least rank that a row of at least this score can have, in a part whose least time term
    /// is known; of searches without time, nothing is known of the rest of a graph.
    pub(super) fn least(&self, score: f32, least_time: f64) -> f64 {
        let Some(composite) = &self.request.composite else { return f64::NEG_INFINITY };
        composite.alpha() * self.scale.distance(f64::from(score)) + least_time
    }

    /// The score above which a row at a time is beyond a rank.
    #[inline]
    pub(super) fn score_at(&self, rank: f32, ts: i64) -> f32 {
        let Some(composite) = &self.request.composite else { return rank };
        let time = (1.0 - composite.alpha()) * composite.time(ValidTime(ts));
        let semantic = (f64::from(rank) - time) / composite.alpha();
        if semantic < 0.0 { f32::NEG_INFINITY } else { self.scale.score(semantic) as f32 }
    }

    /// The score above which no row is within a rank, whose time term is at least so much.
    pub(super) fn score_within(&self, rank: f32, least_time: f64) -> f32 {
        let Some(composite) = &self.request.composite else { return rank };
        let semantic = (f64::from(rank) - least_time) / composite.alpha();
        if semantic < 0.0 {
            return f32::NEG_INFINITY;
        }
        // A little more: what follows decides by each row's own time.
        let score = self.scale.score(semantic) as f32;
        score + score.abs() * 1e-6 + f32::MIN_POSITIVE
    }

    /// The distance that leaves, from the exact distance in meaning.
    pub(super) fn distance(&self, semantic: f64, ts: i64) -> f64 {
        let composite = self.request.composite;
        composite.map_or(semantic, |composite| composite.distance(semantic, ValidTime(ts)))
    }

    /// The rank of the k-th row found; infinite before there are k with a number.
    pub(super) fn rank_of(&self, worst: Option<Rank>) -> f32 {
        match worst {
            Some(Rank(Some(distance))) if !distance.is_nan() => match self.request.composite {
                None => self.scale.score(distance) as f32,
                Some(_) => distance as f32,
            },
            _ => f32::INFINITY,
        }
    }
}
