//! The fates, in a file outside the data directory: one JSON line each, synced.

use super::model::{Change, Model};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// Acknowledged, or found to have been kept after the kill.
    Kept,
    /// Refused, rolled back, or found to have left nothing.
    Gone,
}

#[derive(Serialize, Deserialize)]
enum Line {
    /// Written before the statement is sent.
    Sending(Vec<Change>),
    Fate(Fate),
}

/// One worker's file.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    file: File,
}

impl Record {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, file })
    }

    pub(super) fn sending(&mut self, changes: &[Change]) -> Result<()> {
        self.append(&Line::Sending(changes.to_vec()))
    }

    pub(super) fn fate(&mut self, fate: Fate) -> Result<()> {
        self.append(&Line::Fate(fate))?;
        Ok(self.file.sync_data()?)
    }

    fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(self.file.write_all(&text)?)
    }

    /// What the file alone says ought to be there.
    pub(super) fn replay(&self) -> Result<Model> {
        replay(&self.path)
    }
}

fn replay(path: &Path) -> Result<Model> {
    let (mut model, mut sent) = (Model::default(), Vec::new());
    for line in BufReader::new(File::open(path)?).lines() {
        match serde_json::from_str(&line?)? {
            Line::Sending(changes) => sent = changes,
            Line::Fate(Fate::Kept) => model.apply(&std::mem::take(&mut sent)),
            Line::Fate(Fate::Gone) => sent.clear(),
        }
    }
    Ok(model)
}
