//! The transaction block a session is in.
//!
//! ```text
//!   Idle --BEGIN--> Open --a statement takes it--> Lent
//!    ^               ^ |  <------gives it back----- |
//!    |  ROLLBACK TO  | | an error                   | an error, a cancel, a panic
//!    '--COMMIT-------| v                            |
//!    '--ROLLBACK--- Failed <------------------------'
//! ```
//!
//! A statement holds the block's transaction by a [`Held`], which gives it back when it is
//! dropped: also when the statement itself is dropped in the middle, so that a savepoint can
//! still bring back what was there before it.

use cvx_engine::Txn;
use cvx_session::TxnStatus;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// How often a statement that was left behind is looked after.
const LOOK: Duration = Duration::from_millis(5);

/// None, an open one, one in a statement's hands, or one that failed and waits for its end.
pub(super) enum Block {
    Idle,
    Open(Open),
    Lent {
        home: Home,
        implicit: bool,
    },
    Failed {
        implicit: bool,
        /// What a savepoint can go back in.
        kept: Option<Open>,
        /// Where that comes to, if a statement was left behind that still has it.
        home: Option<Home>,
    },
}

/// A transaction that goes on over several statements.
pub(super) struct Open {
    pub(super) txn: Txn,
    /// `now()` for the whole block, microseconds.
    pub(super) now_us: i64,
    /// Made by a simple query of several statements, not by BEGIN.
    pub(super) implicit: bool,
}

/// Where a statement puts the block's transaction when it is done with it.
pub(super) type Home = Arc<Mutex<Option<Open>>>;

/// A transaction in a statement's hands.
pub(crate) struct Held {
    pub(crate) txn: Txn,
    pub(super) now_us: i64,
    /// Of a block's: where it goes back to, and whether the block is implicit.
    block: Option<(Home, bool)>,
}

impl Held {
    /// One of the statement's own.
    pub(super) fn own(txn: Txn, now_us: i64) -> Self {
        Self { txn, now_us, block: None }
    }

    /// Whether it is a block's.
    pub(crate) fn is_of_block(&self) -> bool {
        self.block.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((home, implicit)) = self.block.take() {
            let (txn, now_us) = (self.txn.take(), self.now_us);
            *home.lock() = Some(Open { txn, now_us, implicit });
        }
    }
}

impl Block {
    pub(super) fn implicit(txn: Txn, now_us: i64) -> Self {
        Self::Open(Open { txn, now_us, implicit: true })
    }

    pub(super) fn explicit(txn: Txn, now_us: i64) -> Self {
        Self::Open(Open { txn, now_us, implicit: false })
    }

    pub(super) fn is_implicit(&self) -> bool {
        match self {
            Self::Idle => false,
            Self::Open(open) => open.implicit,
            Self::Lent { implicit, .. } | Self::Failed { implicit, .. } => *implicit,
        }
    }

    /// Whether BEGIN made it, and nothing ended it yet.
    pub(super) fn is_explicit(&self) -> bool {
        !matches!(self, Self::Idle) && !self.is_implicit()
    }

    /// Whether statements work in one transaction, whoever opened it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Lent { .. })
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    pub(super) fn txn(&mut self) -> Option<&mut Txn> {
        match self {
            Self::Open(open) => Some(&mut open.txn),
            Self::Idle | Self::Lent { .. } | Self::Failed { .. } => None,
        }
    }

    /// Lends the transaction to a statement, if there is one.
    pub(super) fn lend(&mut self) -> Option<Held> {
        match std::mem::replace(self, Self::Idle) {
            Self::Open(Open { txn, now_us, implicit }) => {
                let home = Home::default();
                *self = Self::Lent { home: Arc::clone(&home), implicit };
                Some(Held { txn, now_us, block: Some((home, implicit)) })
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes back what a statement had, once it let go of it.
    pub(super) fn settle(&mut self) {
        if let Self::Lent { home, implicit } = self {
            let back = home.lock().take();
            *self = match back {
                Some(open) => Self::Open(open),
                None => {
                    let home = Some(Arc::clone(home));
                    Self::Failed { implicit: *implicit, kept: None, home }
                }
            };
        }
    }

    /// A statement failed: the end is awaited. `keep` says whether a savepoint may be gone back
    /// to, for which the transaction is needed; else it is given away.
    pub(super) fn fail(&mut self, keep: bool) -> Option<Open> {
        self.settle();
        match std::mem::replace(self, Self::Idle) {
            Self::Open(open) => {
                let implicit = open.implicit;
                let (kept, gone) = if keep { (Some(open), None) } else { (None, Some(open)) };
                *self = Self::Failed { implicit, kept, home: None };
                gone
            }
            // Nobody comes back to it, so whoever has it still drops it when it is done.
            Self::Failed { implicit, kept, .. } if !keep => {
                *self = Self::Failed { implicit, kept: None, home: None };
                kept
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Waits until a statement that was left behind let go of the transaction.
    pub(super) async fn returned(&mut self) {
        let Self::Failed { kept, home: Some(home), .. } = self else { return };
        // Whoever has the transaction has the place where it goes, too.
        while Arc::strong_count(home) > 1 {
            tokio::time::sleep(LOOK).await;
        }
        *kept = home.lock().take();
    }

    /// The transaction to go back in, failed or not.
    pub(super) fn kept(&mut self) -> Option<&mut Open> {
        match self {
            Self::Open(open) => Some(open),
            Self::Failed { kept, .. } => kept.as_mut(),
            Self::Idle | Self::Lent { .. } => None,
        }
    }

    /// The failed block goes on.
    pub(super) fn resume(&mut self) {
        if let Self::Failed { kept, .. } = self
            && let Some(open) = kept.take()
        {
            *self = Self::Open(open);
        }
    }

    pub(super) fn status(&self) -> TxnStatus {
        match self {
            Self::Idle => TxnStatus::Idle,
            _ if self.is_implicit() => TxnStatus::Idle,
            Self::Open(_) | Self::Lent { .. } => TxnStatus::InTransaction,
            Self::Failed { .. } => TxnStatus::Failed,
        }
    }
}
