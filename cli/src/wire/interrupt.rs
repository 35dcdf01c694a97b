//! Ctrl-C: cancels the statement that runs, by a connection of its own as the protocol has it.
//!
//! A thread waits for SIGINT. While the line editor reads, the terminal is raw and sends none, so
//! the signal means either a running statement or a script between two.

use crate::target::Target;
use bytes::BytesMut;
use postgres_protocol::message::frontend;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What shells answer when SIGINT ended a program.
const EXIT_INTERRUPTED: i32 = 130;

/// What to say to have a statement cancelled.
#[derive(Clone, Debug)]
pub(crate) struct CancelKey {
    pub(super) target: Target,
    pub(super) process: i32,
    pub(super) secret: i32,
}

impl CancelKey {
    fn cancel(&self) {
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process, self.secret, &mut request);
        // If it cannot be sent the statement simply goes on, as after a late Ctrl-C.
        let _ = super::login::connect(&self.target)
            .map(|mut stream| stream.write_all(&request).and_then(|()| stream.flush()));
    }
}

#[derive(Debug)]
struct Shared {
    /// Whether somebody types: then Ctrl-C never ends the shell.
    interactive: bool,
    running: Mutex<Option<CancelKey>>,
    pressed: AtomicBool,
}

impl Shared {
    fn set(&self, key: Option<CancelKey>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    fn press(&self) {
        let key = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let again = self.pressed.swap(true, Ordering::SeqCst);
        // A script ends between two statements, or if the first Ctrl-C could not end one.
        if !self.interactive && (again || key.is_none()) {
            std::process::exit(EXIT_INTERRUPTED);
        }
        if let Some(key) = key {
            key.cancel();
        }
    }
}

/// The handler of SIGINT.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    shared: Arc<Shared>,
}

impl Interrupt {
    /// Takes SIGINT over for the rest of the process.
    pub(crate) fn install(interactive: bool) -> io::Result<Self> {
        let (running, pressed) = (Mutex::new(None), AtomicBool::new(false));
        let shared = Arc::new(Shared { interactive, running, pressed });
        let (mut signals, handler) = (Signals::new([SIGINT])?, shared.clone());
        std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || signals.forever().for_each(|_| handler.press()))?;
        Ok(Self { shared })
    }

    /// Whether Ctrl-C was pressed during the last statement.
    pub(crate) fn was_pressed(&self) -> bool {
        self.shared.pressed.load(Ordering::SeqCst)
    }

    /// Until the guard is dropped, Ctrl-C cancels what runs under this key.
    pub(crate) fn watch(&self, key: Option<CancelKey>) -> Watch {
        self.shared.pressed.store(false, Ordering::SeqCst);
        self.shared.set(key);
        Watch { shared: self.shared.clone() }
    }
}

/// A statement is running.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

impl Watch {
    /// Whether Ctrl-C was pressed meanwhile.
    pub(crate) fn pressed(&self) -> bool {
        self.shared.pressed.load(Ordering::SeqCst)
    }

    /// Has the statement cancelled: what it would still say is of no use.
    pub(crate) fn cancel(&self) {
        let key = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = key {
            key.cancel();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.set(None);
    }
}
