//! Mapping row and index files into memory: the one place of `unsafe`.

use crate::error::{Error, Result};
use arrow::buffer::Buffer;
use memmap2::{Advice, Mmap};
use std::fs::File;
use std::path::Path;

#[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
fn map_file(file: &File, path: &Path) -> Result<Mmap> {
    // SAFETY: the bytes of a map must not change, nor the file shrink, while the map lives.
    // Our files are made by us alone, in a directory that LOCK says is ours. They get the name
    // under which they are opened after their last byte was written, are never opened for writing
    // again, and are removed or replaced only by unlinking, which leaves mapped pages in place;
    // before that, `row_file::write` maps what it wrote and drops the map before it appends the
    // trailer. A process that cuts our files from outside breaks the database by any account.
    // Content is not trusted: `row_file` and cvx-index check every length against the map before
    // use, and their tests flip every byte.
    unsafe { Mmap::map(file) }.map_err(|error| Error::io(path, error))
}

/// The bytes of a row file, mapped. Arrow columns sliced from the buffer keep the map alive.
pub(crate) fn map(file: &File, path: &Path) -> Result<Buffer> {
    map_file(file, path).map(buffer)
}

/// The bytes of an index file, mapped, and asked of the disk. A walk reads a cache line here and
/// one there; in pages of 2 MiB, where the file system has them, it finds their addresses at once,
/// which is a fifth of a search. Advice: where it is not taken, all works as without it.
pub(crate) fn map_index(file: &File, path: &Path) -> Result<Buffer> {
    let map = map_file(file, path)?;
    #[cfg(target_os = "linux")]
    let _ = map.advise(Advice::HugePage);
    #[cfg(unix)]
    let _ = map.advise(Advice::WillNeed);
    Ok(buffer(map))
}

fn buffer(map: Mmap) -> Buffer {
    Buffer::from(bytes::Bytes::from_owner(map))
}
