//! The transaction block a session is in.

use cvx_engine::Txn;
use cvx_session::TxnStatus;

/// None, an open one, or one that failed and waits for its end.
pub(super) enum Block {
    Idle,
    Open {
        txn: Txn,
        /// `now()` for the whole block, microseconds.
        now_us: i64,
        /// Made by a simple query of several statements, not by BEGIN.
        implicit: bool,
    },
    Failed {
        implicit: bool,
    },
}

impl Block {
    pub(super) fn implicit(txn: Txn, now_us: i64) -> Self {
        Self::Open { txn, now_us, implicit: true }
    }

    pub(super) fn explicit(txn: Txn, now_us: i64) -> Self {
        Self::Open { txn, now_us, implicit: false }
    }

    pub(super) fn is_implicit(&self) -> bool {
        matches!(self, Self::Open { implicit: true, .. } | Self::Failed { implicit: true })
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    pub(super) fn now_us(&self) -> Option<i64> {
        match self {
            Self::Open { now_us, .. } => Some(*now_us),
            Self::Idle | Self::Failed { .. } => None,
        }
    }

    pub(super) fn txn(&mut self) -> Option<&mut Txn> {
        match self {
            Self::Open { txn, .. } => Some(txn),
            Self::Idle | Self::Failed { .. } => None,
        }
    }

    /// A statement failed: what the block did is forgotten, its end is awaited.
    pub(super) fn fail(&mut self) {
        if let Self::Open { implicit, .. } = self {
            *self = Self::Failed { implicit: *implicit };
        }
    }

    pub(super) fn status(&self) -> TxnStatus {
        match self {
            Self::Idle | Self::Open { implicit: true, .. } | Self::Failed { implicit: true } => {
                TxnStatus::Idle
            }
            Self::Open { .. } => TxnStatus::InTransaction,
            Self::Failed { .. } => TxnStatus::Failed,
        }
    }
}
