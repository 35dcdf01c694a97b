//! Who is connected, so that a cancel request can find its statement.

use cvx_session::CancelToken;
use parking_lot::Mutex;
use rand::TryRngCore;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use tokio::sync::Notify;

/// One connection as cancel requests see it.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    pub(crate) secret: i32,
    pub(crate) token: CancelToken,
    /// Wakes the connection at once, where the token alone would wait for the next look at it.
    pub(crate) woken: Arc<Notify>,
    /// Whether a message is being worked on; a cancel that comes too late hits nothing.
    pub(crate) busy: Arc<AtomicBool>,
}

impl Backend {
    fn cancel(&self) {
        if self.busy.load(Ordering::Acquire) {
            self.token.cancel();
            self.woken.notify_one();
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Backends {
    by_pid: Mutex<HashMap<i32, Backend>>,
    last_pid: AtomicI32,
}

/// A connection's entry, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    backends: Arc<Backends>,
    pub(crate) backend: Backend,
}

impl Backends {
    /// Enters a connection under a pid of its own and a secret that cannot be guessed. `None`
    /// where the machine gives no randomness.
    pub(crate) fn enter(self: &Arc<Self>, token: CancelToken) -> Option<Entry> {
        let secret = rand::rngs::OsRng.try_next_u32().ok()?.cast_signed();
        let (woken, busy) = (Arc::default(), Arc::default());
        let mut by_pid = self.by_pid.lock();
        // Positive, and not in use: after two billion connections numbers come round again.
        let pid = loop {
            let pid = self.last_pid.fetch_add(1, Ordering::Relaxed) & i32::MAX;
            if pid != 0 && !by_pid.contains_key(&pid) {
                break pid;
            }
        };
        let backend = Backend { pid, secret, token, woken, busy };
        by_pid.insert(pid, backend.clone());
        Some(Entry { backends: self.clone(), backend })
    }

    /// Stops the statement of the connection with this pid, if the secret is its own.
    pub(crate) fn cancel(&self, pid: i32, secret: i32) {
        let found = self.by_pid.lock().get(&pid).cloned();
        match found {
            Some(backend) if backend.secret == secret => backend.cancel(),
            _ => tracing::debug!(pid, "a cancel request for nobody"),
        }
    }

    /// Stops every statement.
    pub(crate) fn cancel_all(&self) {
        let all: Vec<Backend> = self.by_pid.lock().values().cloned().collect();
        all.iter().for_each(Backend::cancel);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.backends.by_pid.lock().remove(&self.backend.pid);
    }
}
