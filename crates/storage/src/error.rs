//! What can go wrong below the engine, named by what the caller can do about it.

use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes on disk are not what was written. Restore from a backup, or drop what is named.
    #[error("{} is corrupt at byte {offset}: {what}", path.display())]
    Corrupt { path: PathBuf, offset: u64, what: String },
    /// An earlier write failed, so nothing more is written; reads go on. Reopen the store.
    #[error("writing stopped after an earlier failure: {reason}")]
    Poisoned { reason: String },
    /// The disk is full. Free some space, then reopen the store.
    #[error("no space left on device for {}", path.display())]
    DiskFull { path: PathBuf },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// RocksDB refused; its own type stays in this crate.
    #[error("database: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the directory open.
    #[error("{} is in use by another process", path.display())]
    Locked { path: PathBuf },
    /// Not a directory of ours, or of a version this program does not know.
    #[error("{}: {what}", path.display())]
    Format { path: PathBuf, what: String },
    /// A value of a kind that cannot be stored.
    #[error("cannot store {what}")]
    Unsupported { what: String },
    /// The caller broke a rule of the call: a mistake in our own code.
    #[error("invalid call: {what}")]
    Invalid { what: String },
}

impl Error {
    pub(crate) fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, what: what.into() }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull { path: path.to_owned() }
        } else {
            Self::Io { path: path.to_owned(), source }
        }
    }

    /// RocksDB tells kinds apart by a word in front of its message only.
    pub(crate) fn database(path: &Path, source: rocksdb::Error) -> Self {
        if source.as_ref().contains("No space left on device") {
            return Self::DiskFull { path: path.to_owned() };
        }
        match source.kind() {
            rocksdb::ErrorKind::Corruption => Self::corrupt(path, 0, source.into_string()),
            _ => Self::Database(Box::new(source)),
        }
    }

    /// Whether the bytes on disk are to blame.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}
