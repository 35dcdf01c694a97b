//! How much memory each session's statements hold, so that the largest can be told to stop.
//!
//! One pool bounds what all of them hold together; a session's [`SessionPool`] passes everything on
//! to it and keeps count of its own. When the process as a whole outgrows what it may have, which
//! the pool cannot see, [`Ledger::relieve`] stops the statement that holds most, before the machine
//! kills the process and every session with it.

use cvx_core::CancelToken;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// What one session holds, and how to stop it.
#[derive(Debug)]
struct Account {
    bytes: AtomicUsize,
    cancel: CancelToken,
}

/// A session's view of the shared pool.
#[derive(Debug)]
struct SessionPool {
    shared: Arc<dyn MemoryPool>,
    account: Arc<Account>,
}

/// All sessions' accounts.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: Mutex<Vec<Weak<Account>>>,
}

impl Ledger {
    /// The shared runtime as a session uses it: the same, but counted.
    pub fn open(&self, shared: &RuntimeEnv, cancel: CancelToken) -> Arc<RuntimeEnv> {
        let account = Arc::new(Account { bytes: AtomicUsize::new(0), cancel });
        let mut accounts = self.accounts.lock();
        accounts.retain(|account| account.strong_count() > 0);
        accounts.push(Arc::downgrade(&account));
        let pool = SessionPool { shared: Arc::clone(&shared.memory_pool), account };
        Arc::new(RuntimeEnv {
            memory_pool: Arc::new(pool),
            disk_manager: Arc::clone(&shared.disk_manager),
            cache_manager: Arc::clone(&shared.cache_manager),
            object_store_registry: Arc::clone(&shared.object_store_registry),
        })
    }

    /// Stops the statement that holds most; how much that is, if any holds something.
    pub fn relieve(&self) -> Option<usize> {
        let accounts: Vec<_> = self.accounts.lock().iter().filter_map(Weak::upgrade).collect();
        let largest =
            accounts.iter().max_by_key(|account| account.bytes.load(Ordering::Relaxed))?;
        let bytes = largest.bytes.load(Ordering::Relaxed);
        (bytes > 0).then(|| {
            largest.cancel.exhaust();
            bytes
        })
    }
}

impl std::fmt::Display for SessionPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session of {}", self.shared)
    }
}

impl MemoryPool for SessionPool {
    fn name(&self) -> &str {
        "session"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.grow(reservation, additional);
        self.account.bytes.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
        self.account.bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.shared.try_grow(reservation, additional)?;
        self.account.bytes.fetch_add(additional, Ordering::Relaxed);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.shared.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shared.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvx_core::Stop;
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    fn reserve(runtime: &RuntimeEnv, bytes: usize) -> Result<MemoryReservation> {
        let reservation = MemoryConsumer::new("test").register(&runtime.memory_pool);
        reservation.try_grow(bytes).map(|()| reservation)
    }

    #[test]
    fn the_largest_goes_first() {
        let pool = Arc::new(GreedyMemoryPool::new(1_000));
        let shared = RuntimeEnvBuilder::new().with_memory_pool(pool).build().unwrap();
        let ledger = Ledger::default();
        let (small, large) = (CancelToken::default(), CancelToken::default());
        let one = ledger.open(&shared, small.clone());
        let two = ledger.open(&shared, large.clone());
        assert_eq!(ledger.relieve(), None, "nobody holds anything");
        let _held = (reserve(&one, 100).unwrap(), reserve(&two, 600).unwrap());
        assert!(reserve(&one, 400).is_err(), "the bound is for both together");
        assert_eq!(ledger.relieve(), Some(600));
        assert_eq!((small.stopped(), large.stopped()), (None, Some(Stop::OutOfMemory)));
        drop((_held.1, two));
        assert_eq!(ledger.relieve(), Some(100));
    }
}
