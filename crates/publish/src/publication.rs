//! The state that readers begin with, replaced at once when commits become visible.

use super::sync::{Cell, Loaded};
use std::sync::Arc;

/// What is published. Readers take it as it is; the one writer replaces it.
#[derive(Debug)]
pub struct Publication<T>(Cell<T>);

impl<T: Clone> Publication<T> {
    pub fn new(state: T) -> Self {
        Self(Cell::new(state))
    }

    /// The state, for a short look.
    pub fn load(&self) -> Loaded<T> {
        self.0.load()
    }

    /// The state, to keep.
    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// The writer's: brings about what is new, in place and in the next state, and publishes that
    /// when it is all there.
    pub fn publish<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut next = T::clone(&self.0.load());
        let answer = change(&mut next);
        self.0.store(Arc::new(next));
        answer
    }
}
