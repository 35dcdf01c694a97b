//! What the demo loads, and what it looks for in it.

use anyhow::Result;
use std::collections::HashMap;

/// A document as of one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub doc_id: i64,
    /// Microseconds since 1970.
    pub ts_us: i64,
    pub title: Option<String>,
    pub embedding: Vec<f32>,
}

/// Points on their way in, a document's in the order of time.
pub(super) struct Points {
    /// Where they come from, for the reader.
    pub origin: String,
    pub count: u64,
    pub dim: usize,
    pub titled: bool,
    pub batches: Box<dyn Iterator<Item = Result<Vec<Point>>> + Send>,
}

/// The largest step that a document made from one of its points to the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Break {
    pub doc_id: i64,
    pub before_us: i64,
    pub ts_us: i64,
    /// Cosine distance of the two points.
    pub step: f64,
}

/// Finds the largest step while points pass by.
#[derive(Default)]
pub(super) struct Watch {
    last: HashMap<i64, (i64, Vec<f32>)>,
    pub largest: Option<Break>,
}

impl Watch {
    pub(super) fn see(&mut self, point: &Point) {
        let now = (point.ts_us, point.embedding.clone());
        let Some((before_us, before)) = self.last.insert(point.doc_id, now) else { return };
        let step = cosine_distance(&before, &point.embedding);
        let known = self.largest.as_ref().map_or(f64::NEG_INFINITY, |largest| largest.step);
        if before_us < point.ts_us && step > known {
            let (doc_id, ts_us) = (point.doc_id, point.ts_us);
            self.largest = Some(Break { doc_id, before_us, ts_us, step });
        }
    }
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_step_is_within_one_document() {
        let mut watch = Watch::default();
        for (doc_id, ts_us, embedding) in [
            (1, 10, [1.0, 0.0]),
            (2, 10, [-1.0, 0.0]),
            (1, 20, [0.9, 0.1]),
            (2, 30, [0.0, 1.0]),
            (1, 40, [0.8, 0.2]),
        ] {
            watch.see(&Point { doc_id, ts_us, title: None, embedding: embedding.to_vec() });
        }
        let largest = watch.largest.unwrap();
        assert_eq!((largest.doc_id, largest.before_us, largest.ts_us), (2, 10, 30));
        assert!((largest.step - 1.0).abs() < 1e-9);
    }
}
