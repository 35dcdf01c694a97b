//! What the engine's threads, transactions and reads share.

use crate::indexes::Indexes;
use crate::models::Models;
use crate::monitor::Monitors;
use crate::options::EngineOptions;
use crate::published::Published;
use crate::sequence::Sequences;
use crate::times::Times;
use crate::{Error, Result};
use cvx_core::Clock;
use cvx_publish::Publication;
use cvx_storage::Store;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The shared state of an open database.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) options: EngineOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) published: Publication<Published>,
    pub(crate) times: Times,
    pub(crate) sequences: Sequences,
    pub(crate) numbers: Numbers,
    pub(crate) models: Models,
    pub(crate) indexes: Indexes,
    pub(crate) monitors: Monitors,
    poison: OnceLock<String>,
}

/// The next OID, space and sequence. Staged DDL takes them at once; what is rolled back leaves
/// gaps.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) oid: AtomicU32,
    pub(crate) space: AtomicU32,
    pub(crate) sequence: AtomicU32,
}

impl Core {
    pub(crate) fn new(
        store: Store,
        options: EngineOptions,
        clock: Arc<dyn Clock>,
        published: Published,
    ) -> Self {
        let catalog = &published.catalog;
        Self {
            numbers: Numbers {
                oid: AtomicU32::new(catalog.next_oid),
                space: AtomicU32::new(catalog.next_space),
                sequence: AtomicU32::new(catalog.next_sequence),
            },
            times: Times::new(published.seq),
            monitors: Monitors::new(published.seq),
            published: Publication::new(published),
            sequences: Sequences::default(),
            models: Models::default(),
            indexes: Indexes::default(),
            poison: OnceLock::new(),
            store,
            options,
            clock,
        }
    }

    /// The wall clock as a sequence.
    pub(crate) fn clock_us(&self) -> u64 {
        u64::try_from(self.clock.now_us()).unwrap_or(0)
    }

    /// Stops all writing, for a reason that stays the first one given.
    pub(crate) fn poison(&self, reason: &str) {
        let _ = self.poison.set(reason.to_owned());
    }

    pub(crate) fn check_poison(&self) -> Result<()> {
        match self.poison.get() {
            Some(reason) => Err(Error::Poisoned(reason.clone())),
            None => Ok(()),
        }
    }

    /// The reason to give where the writer went without an answer.
    pub(crate) fn poisoned(&self) -> Error {
        let reason = self.poison.get().map_or("the writer is gone", String::as_str);
        Error::Poisoned(reason.to_owned())
    }
}

impl Numbers {
    pub(crate) fn take(counter: &AtomicU32) -> u32 {
        counter.fetch_add(1, Ordering::Relaxed)
    }
}
