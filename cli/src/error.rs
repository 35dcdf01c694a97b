//! Why the shell could not do as it was told, and the exit code for it.

use crate::wire::Fault;
use std::io;
use std::path::Path;

/// What went wrong, told apart by what the shell does next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server refused the statement; the connection goes on.
    #[error("{0}")]
    Server(Box<Fault>),
    /// There is no connection, or none any more.
    #[error("{0}")]
    Connection(String),
    /// The command was wrong; nothing was sent.
    #[error("{0}")]
    Usage(String),
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    /// Nobody reads what is printed.
    #[error("writing the output: {0}")]
    Output(io::Error),
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }

    /// A failure of the socket.
    pub(crate) fn lost(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Self::Connection("the server closed the connection".to_owned())
            }
            _ => Self::Connection(format!("the connection failed: {error}")),
        }
    }

    /// Whether there is nothing left to talk to.
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::Connection(_))
    }

    /// 1: a statement or command failed; 2: no connection; 130: Ctrl-C, as shells have it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Server(_) | Self::Usage(_) | Self::File { .. } | Self::Output(_) => 1,
            Self::Connection(_) => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        if fault.severity == "FATAL" || fault.severity == "PANIC" {
            return Self::Connection(format!("{}:  {}", fault.severity, fault.message));
        }
        Self::Server(Box::new(fault))
    }
}
