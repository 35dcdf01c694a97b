//! The data directory itself: who holds it, what version it is, and how its small files change.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";
/// Two lines, for whoever looks into the directory with `cat`.
const FORMAT: &str = "chronosvector\nformat 2\n";

/// Takes the directory, made if there is none. It is ours until the file returned is dropped.
pub(crate) fn take(dir: &Path) -> Result<File> {
    make(dir)?;
    let lock = lock(&dir.join(LOCK_FILE))?;
    check_format(dir)?;
    Ok(lock)
}

fn lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(path).map_err(|error| Error::io(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(Error::io(path, error)),
    }
}

fn check_format(dir: &Path) -> Result<()> {
    let path = dir.join(FORMAT_FILE);
    match fs::read(&path) {
        Ok(bytes) if bytes == FORMAT.as_bytes() => Ok(()),
        Ok(bytes) => {
            let found = String::from_utf8_lossy(&bytes);
            let found = found.lines().nth(1).unwrap_or("nothing");
            Err(Error::Format { path, what: format!("unknown format: {found}") })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            check_fresh(dir)?;
            write_atomically(&path, FORMAT.as_bytes())
        }
        Err(error) => Err(Error::io(&path, error)),
    }
}

/// A directory without FORMAT may hold what an interrupted first start leaves, and nothing else.
fn check_fresh(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|error| Error::io(dir, error))? {
        let name = entry.map_err(|error| Error::io(dir, error))?.file_name();
        if name != LOCK_FILE && name != temp_name(FORMAT_FILE).as_str() && name != "lost+found" {
            let what = format!("holds {} and is no data directory", name.display());
            return Err(Error::Format { path: dir.to_owned(), what });
        }
    }
    Ok(())
}

/// Makes a directory and its name durable.
pub(crate) fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
    parent(dir).map_or(Ok(()), sync)
}

/// Makes the names in a directory durable.
pub(crate) fn sync(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| Error::io(dir, error))
}

/// Replaces a small file: after a crash it holds all of the old bytes or all of the new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = temp_path(path);
    let write = || {
        let mut file = File::create(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io(&temp, error))?;
    publish(&temp, path)
}

/// Gives a synced file its name, durably.
pub(crate) fn publish(temp: &Path, path: &Path) -> Result<()> {
    fs::rename(temp, path).map_err(|error| Error::io(path, error))?;
    parent(path).map_or(Ok(()), sync)
}

/// The folder a path's name stands in; of a bare name, the working directory.
fn parent(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Where a file is written before it gets its name.
pub(crate) fn temp_path(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    path.with_file_name(temp_name(&name))
}

fn temp_name(name: &str) -> String {
    format!("{name}.tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path()).unwrap();
        assert!(matches!(take(dir.path()), Err(Error::Locked { .. })));
        drop(first);
        take(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_of_others_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(take(dir.path()), Err(Error::Format { .. })));
        assert!(!dir.path().join(FORMAT_FILE).exists());
    }

    #[test]
    fn an_unknown_format_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FORMAT_FILE), "chronosvector\nformat 3\n").unwrap();
        let error = take(dir.path()).unwrap_err();
        assert!(error.to_string().contains("format 3"), "{error}");
    }

    #[test]
    fn an_interrupted_first_start_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("LOCK"), "").unwrap();
        fs::write(dir.path().join("FORMAT.tmp"), "chronos").unwrap();
        take(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(FORMAT_FILE)).unwrap(), FORMAT);
    }
}
