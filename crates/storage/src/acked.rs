//! The acknowledged watermark: a second witness of how far the store had come.
//!
//! RocksDB recovers to the last good record of its log and opens there without complaint. If that
//! lies before a commit a client was told of, data was lost, and a store that opens smaller than
//! it was hides it. So the greatest acknowledged commit is written beside the log, at most a
//! second late, and compared at open. Rot within that last second cannot be told from a write
//! that never finished; nothing short of a second synced log could.
//!
//! The file `acked`:
//!
//! ```text
//!  0         8        12       20       24
//!  +---------+--------+--------+--------+
//!  | magic   | version| seq    | crc32c |   little-endian; the checksum is of the 20 before it
//!  +---------+--------+--------+--------+
//! ```

use crate::directory;
use crate::error::{Error, Result};
use crate::store::Poison;
use cvx_core::CommitSeq;
use parking_lot::{Condvar, Mutex};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

const MAGIC: &[u8; 8] = b"CVXACKED";
const VERSION: u32 = 1;
/// How long notes are gathered before they are written: half of the promised second.
const GATHER: Duration = Duration::from_millis(500);

/// Keeps the file up to date from a thread of its own.
#[derive(Debug)]
pub(crate) struct Acked {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    poison: Poison,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    noted: CommitSeq,
    written: CommitSeq,
    closing: bool,
}

impl Acked {
    /// The watermark in `dir`; [`CommitSeq::ZERO`] if none was ever written.
    pub(crate) fn read(dir: &Path) -> Result<CommitSeq> {
        let path = path_in(dir);
        match std::fs::read(&path) {
            Ok(bytes) => decode(&bytes).map_err(|what| Error::corrupt(&path, 0, what)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(CommitSeq::ZERO),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    pub(crate) fn start(dir: &Path, written: CommitSeq, poison: Poison) -> Result<Self> {
        let state = Mutex::new(State { noted: written, written, closing: false });
        let path = path_in(dir);
        let shared = Arc::new(Shared { path, poison, state, changed: Condvar::new() });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("cvx-acked".to_owned());
        let thread = thread.spawn(move || worker.run()).map_err(|error| Error::io(dir, error))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Remembers that a client was told of this commit, which must be durable.
    pub(crate) fn note(&self, seq: CommitSeq) {
        let mut state = self.shared.state.lock();
        let idle = state.noted == state.written;
        state.noted = state.noted.max(seq);
        if idle && state.noted > state.written {
            self.shared.changed.notify_one();
        }
    }

    /// Ends the thread; what was noted is on disk when this returns, or the store is poisoned.
    pub(crate) fn close(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread poisons the store itself when it fails; a panic in it has no more to say.
            let _ = thread.join();
        }
    }
}

impl Drop for Acked {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(seq) = self.wait() {
            if let Err(error) = directory::write_atomically(&self.path, &encode(seq)) {
                self.poison.set(&error);
                return;
            }
            self.state.lock().written = seq;
        }
    }

    /// Waits for a note, lets others gather, and gives the greatest; none when all is written
    /// and the store closes.
    fn wait(&self) -> Option<CommitSeq> {
        let mut state = self.state.lock();
        while state.noted == state.written && !state.closing {
            self.changed.wait(&mut state);
        }
        let until = std::time::Instant::now() + GATHER;
        while !state.closing && !self.changed.wait_until(&mut state, until).timed_out() {}
        (state.noted > state.written).then_some(state.noted)
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("acked")
}

fn encode(seq: CommitSeq) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(seq.0.to_le_bytes());
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<CommitSeq, String> {
    let (body, crc) = bytes.split_last_chunk().ok_or("cut short")?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
        return Err("wrong checksum".to_owned());
    }
    let (magic, rest) = body.split_first_chunk::<8>().ok_or("cut short")?;
    let (version, seq) = rest.split_first_chunk().ok_or("cut short")?;
    if magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
        return Err("unknown version".to_owned());
    }
    let seq = seq.try_into().map_err(|_| "wrong length")?;
    Ok(CommitSeq(u64::from_le_bytes(seq)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_on_disk_after_close() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Acked::read(dir.path()).unwrap(), CommitSeq::ZERO);
        let mut acked = Acked::start(dir.path(), CommitSeq::ZERO, Poison::default()).unwrap();
        for seq in [3, 9, 4] {
            acked.note(CommitSeq(seq));
        }
        acked.close();
        assert_eq!(Acked::read(dir.path()).unwrap(), CommitSeq(9));
    }

    #[test]
    fn a_note_is_written_without_close() {
        let dir = tempfile::tempdir().unwrap();
        let acked = Acked::start(dir.path(), CommitSeq::ZERO, Poison::default()).unwrap();
        acked.note(CommitSeq(7));
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while Acked::read(dir.path()).unwrap() != CommitSeq(7) {
            assert!(std::time::Instant::now() < until, "not written in a minute");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_failed_write_poisons() {
        let dir = tempfile::tempdir().unwrap();
        let poison = Poison::default();
        let gone = dir.path().join("gone");
        let mut acked = Acked::start(&gone, CommitSeq::ZERO, poison.clone()).unwrap();
        acked.note(CommitSeq(1));
        acked.close();
        assert!(matches!(poison.check(), Err(Error::Poisoned { .. })));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let good = encode(CommitSeq(0x0123_4567_89ab_cdef));
        assert_eq!(decode(&good), Ok(CommitSeq(0x0123_4567_89ab_cdef)));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(decode(&good[..len]).is_err(), "length {len}");
        }
    }
}
