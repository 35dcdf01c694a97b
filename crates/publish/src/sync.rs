//! Whatever the writer and the readers of a table meet at: nothing else is shared and changes.
//!
//! The tests compile the other modules a second time with another `sync` beside them, whose
//! primitives are a model checker's (`tests/model`).

use arc_swap::ArcSwap;
use std::sync::Arc;

pub use parking_lot::RwLock;
pub use std::sync::OnceLock;
pub use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};

/// A pointer that is replaced as a whole. Who finds a value finds all that was done before it was
/// stored; nobody waits.
#[derive(Debug)]
pub struct Cell<T>(ArcSwap<T>);

/// What was in a cell, for a short look.
pub type Loaded<T> = arc_swap::Guard<Arc<T>>;

impl<T> Cell<T> {
    pub fn new(value: T) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    pub fn load(&self) -> Loaded<T> {
        self.0.load()
    }

    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }
}
