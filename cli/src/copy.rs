//! The data of a COPY: where it comes from and where it goes.

use crate::error::{Error, Result};
use crate::wire::{Connection, Watch};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::Path;

/// Data is sent and read in pieces of about this size.
const CHUNK_BYTES: usize = 64 << 10;

/// Where a COPY FROM STDIN reads.
pub(crate) enum Source<'a> {
    /// Lines of a script, or of a terminal, up to `\.` or the end.
    Lines(&'a mut dyn BufRead),
    /// A file, to its end.
    File(File),
    Nothing,
}

/// What a statement may read and write if it is a COPY.
pub(crate) struct Copy<'a> {
    source: Source<'a>,
    sink: Option<BufWriter<File>>,
    progress: ProgressBar,
}

impl<'a> Copy<'a> {
    pub(crate) fn lines(lines: &'a mut dyn BufRead) -> Self {
        Self { source: Source::Lines(lines), sink: None, progress: ProgressBar::hidden() }
    }

    pub(crate) fn nothing() -> Self {
        Self { source: Source::Nothing, sink: None, progress: ProgressBar::hidden() }
    }

    /// Reads a file, and shows how much of it is read.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path))?;
        let bytes = file.metadata().map_err(Error::file(path))?.len();
        let progress = bar(Some(bytes));
        Ok(Self { source: Source::File(file), sink: None, progress })
    }

    /// Writes a file, and shows how much of it is written.
    pub(crate) fn to_file(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::file(path))?;
        let progress = bar(None);
        Ok(Self { source: Source::Nothing, sink: Some(BufWriter::new(file)), progress })
    }

    /// Sends the data, or tells the server that there is none: it must be told.
    pub(crate) fn feed(&mut self, connection: &mut Connection, watch: &Watch) -> Result<()> {
        loop {
            // Refused rows and Ctrl-C: the rest of the file need not be sent.
            if watch.pressed() || connection.has_word() {
                return connection.copy_fail("the client stopped");
            }
            match self.source.chunk() {
                Ok(Some(chunk)) => {
                    connection.copy_data(&chunk)?;
                    self.progress.inc(chunk.len() as u64);
                }
                Ok(None) => return connection.copy_done(),
                Err(error) => {
                    let message = format!("reading the data: {error}");
                    connection.copy_fail(&message)?;
                    return Err(Error::Usage(message));
                }
            }
        }
    }

    /// Takes a piece of a COPY TO STDOUT.
    pub(crate) fn drain(&mut self, data: &[u8], stdout: &mut dyn Write) -> Result<()> {
        self.progress.inc(data.len() as u64);
        let out = self.sink.as_mut().map_or(stdout, |sink| sink as &mut dyn Write);
        out.write_all(data).map_err(Error::Output)
    }

    /// After the statement, whether or not it went well.
    pub(crate) fn finish(&mut self) {
        self.progress.finish_and_clear();
    }

    /// Writes what is left to the file.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.flush().map_err(Error::Output))
    }
}

impl Source<'_> {
    fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Lines(lines) => lines_chunk(lines),
            Self::File(file) => {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
                Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
            }
            Self::Nothing => Err(io::Error::other("there is no input here")),
        }
    }
}

/// One line, so that a terminal's are not held back; `None` at the end.
fn lines_chunk(lines: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    let is_end = line.is_empty() || matches!(line.trim_ascii_end(), b"\\.");
    Ok((!is_end).then_some(line))
}

/// On standard error, and only if that is a terminal.
fn bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => {
            (ProgressBar::new(bytes), "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_a_script_ends_at_its_mark() {
        let mut script = &b"1\ta\n2\tb\n\\.\nSELECT 1;\n"[..];
        let mut source = Source::Lines(&mut script);
        assert_eq!(source.chunk().unwrap().as_deref(), Some(&b"1\ta\n"[..]));
        assert_eq!(source.chunk().unwrap().as_deref(), Some(&b"2\tb\n"[..]));
        assert_eq!(source.chunk().unwrap(), None);
        assert_eq!(script, b"SELECT 1;\n");
    }

    #[test]
    fn a_file_comes_in_chunks() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; CHUNK_BYTES + 1];
        file.write_all(&bytes).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let mut source = Source::File(file);
        let mut found = Vec::new();
        while let Some(chunk) = source.chunk().unwrap() {
            assert!(chunk.len() <= CHUNK_BYTES);
            found.extend(chunk);
        }
        assert_eq!(found, bytes);
    }
}
