//! The primitives of `src/sync.rs`, as loom has them, each use of one a step.
//!
//! A cell is the least that an `ArcSwap` promises: an index, stored and loaded with release and
//! acquire, into values that are never changed.
//!
//! Loom (0.7) looks for races between a store and the last access before it only. A store of the
//! writer's that follows a load of its own would hide a reader's load, so what the writer loads,
//! which are its own stores, is asked of by an operation that counts as a store.
//!
//! A step of the writer's may be the one it stops at
//! (`stop_at`), and orderings may be taken away (`weaken`), to see that they are needed.

use loom::sync::{Notify, atomic};
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// Whose orderings are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Of counts, marks and closures.
    Closures,
    /// Of pointers that are replaced.
    Cells,
}

/// Where the writer stops, and until when.
struct Stop {
    steps: usize,
    at: usize,
    /// Whether it may stop while it holds a lock.
    inside: bool,
    holds: bool,
    resumed: Arc<Notify>,
}

// Loom's threads are one thread of the system.
thread_local! {
    static WRITER: RefCell<Option<loom::thread::ThreadId>> = const { RefCell::new(None) };
    static WEAK: RefCell<Option<Weakness>> = const { RefCell::new(None) };
    static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
}

/// Takes orderings away until it is dropped.
pub struct Weakened;

pub fn weaken(weakness: Weakness) -> Weakened {
    WEAK.set(Some(weakness));
    Weakened
}

impl Drop for Weakened {
    fn drop(&mut self) {
        WEAK.set(None);
    }
}

/// The thread that calls `writes` is to stop at one of its steps. What is answered lets it go on.
pub fn stop_at(at: usize, inside: bool) -> Arc<Notify> {
    let resumed = Arc::new(Notify::new());
    let stop = Stop { steps: 0, at, inside, holds: false, resumed: Arc::clone(&resumed) };
    STOP.set(Some(stop));
    resumed
}

/// The current thread is the writer.
pub fn writes() {
    WRITER.set(Some(loom::thread::current().id()));
}

fn is_writer() -> bool {
    WRITER.with_borrow(|writer| *writer == Some(loom::thread::current().id()))
}

/// Nobody stops any more. Whether somebody did.
pub fn stopped() -> bool {
    STOP.take().is_some_and(|stop| stop.steps > stop.at)
}

fn step() {
    let stops = STOP.with_borrow_mut(|stop| {
        let stop = stop.as_mut().filter(|_| is_writer())?;
        if stop.holds && !stop.inside {
            return None;
        }
        stop.steps += 1;
        (stop.steps == stop.at + 1).then(|| Arc::clone(&stop.resumed))
    });
    if let Some(resumed) = stops {
        resumed.wait();
    }
}

fn holds(holds: bool) {
    STOP.with_borrow_mut(|stop| {
        if let Some(stop) = stop.as_mut().filter(|_| is_writer()) {
            stop.holds = holds;
        }
    });
}

fn ordered(order: Ordering, of: Weakness) -> Ordering {
    if WEAK.with_borrow(|weak| *weak == Some(of)) { Ordering::Relaxed } else { order }
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub struct $name(atomic::$name);

        impl $name {
            pub fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub fn load(&self, order: Ordering) -> $value {
                if is_writer() {
                    return self.fetch_add(0, Ordering::Relaxed);
                }
                self.0.load(ordered(order, Weakness::Closures))
            }

            pub fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, ordered(order, Weakness::Closures));
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.swap(value, ordered(order, Weakness::Closures))
            }

            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_or(value, ordered(order, Weakness::Closures))
            }

            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(value, ordered(order, Weakness::Closures))
            }
        }
    };
}

atomic!(AtomicI64, i64);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);

/// As `std::sync::OnceLock` where only the writer makes the value.
#[derive(Debug)]
pub struct OnceLock<T> {
    ready: atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub fn new() -> Self {
        Self { ready: atomic::AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub fn get(&self) -> Option<&T> {
        step();
        if self.ready.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        step();
        self.ready.store(true, Ordering::Release);
        value
    }
}

/// What was in a cell.
pub struct Loaded<T>(Arc<T>);

impl<T> Deref for Loaded<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

#[derive(Debug)]
pub struct Cell<T> {
    at: atomic::AtomicUsize,
    values: Mutex<Vec<Arc<T>>>,
}

impl<T> Cell<T> {
    pub fn new(value: T) -> Self {
        Self { at: atomic::AtomicUsize::new(0), values: Mutex::new(vec![Arc::new(value)]) }
    }

    pub fn load(&self) -> Loaded<T> {
        Loaded(self.load_full())
    }

    pub fn load_full(&self) -> Arc<T> {
        step();
        let at = if is_writer() {
            self.at.fetch_add(0, Ordering::Relaxed)
        } else {
            self.at.load(ordered(Ordering::Acquire, Weakness::Cells))
        };
        Arc::clone(&self.values.lock().unwrap()[at])
    }

    pub fn store(&self, value: Arc<T>) {
        step();
        let at = {
            let mut values = self.values.lock().unwrap();
            values.push(value);
            values.len() - 1
        };
        self.at.store(at, ordered(Ordering::Release, Weakness::Cells));
    }
}

#[derive(Debug, Default)]
pub struct RwLock<T>(loom::sync::RwLock<T>);

/// A lock held to write.
pub struct Writing<'a, T>(Option<loom::sync::RwLockWriteGuard<'a, T>>);

impl<T> RwLock<T> {
    pub fn read(&self) -> loom::sync::RwLockReadGuard<'_, T> {
        step();
        self.0.read().unwrap()
    }

    pub fn write(&self) -> Writing<'_, T> {
        step();
        let guard = Writing(Some(self.0.write().unwrap()));
        holds(true);
        step();
        guard
    }
}

impl<T> Deref for Writing<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> std::ops::DerefMut for Writing<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

impl<T> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The model is over, and loom would panic again.
            std::mem::forget(self.0.take());
            return;
        }
        drop(self.0.take());
        holds(false);
    }
}
