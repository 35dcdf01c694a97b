//! Mapping row files into memory: the one place of `unsafe`.

use crate::error::{Error, Result};
use arrow::buffer::Buffer;
use std::fs::File;
use std::path::Path;

/// The bytes of a row or index file, mapped. Arrow columns sliced from the buffer keep the map
/// alive.
#[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
pub(crate) fn map(file: &File, path: &Path) -> Result<Buffer> {
    // SAFETY: the bytes of a map must not change, nor the file shrink, while the map lives.
    // Our files are made by us alone, in a directory that LOCK says is ours. They get the name
    // under which they are opened after their last byte was written, are never opened for writing
    // again, and are removed or replaced only by unlinking, which leaves mapped pages in place;
    // before that, `row_file::write` maps what it wrote and drops the map before it appends the
    // trailer. A process that cuts our files from outside breaks the database by any account.
    // Content is not trusted: `row_file` and cvx-index check every length against the map before
    // use, and their tests flip every byte.
    let map = unsafe { memmap2::Mmap::map(file) }.map_err(|error| Error::io(path, error))?;
    Ok(Buffer::from(bytes::Bytes::from_owner(map)))
}
