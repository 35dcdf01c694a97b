//! Indexes of a data set, kept on disk from one run to the next.

use crate::dataset::{Dataset, SEGMENT_ROWS};
use anyhow::{Result, ensure};
use cvx_core::Metric;
use cvx_index::{BuildOptions, Indexed, Quantization, SegmentIndex, build_index, merge_index};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

/// One over all segments, as the server merges them, and each segment's own.
#[derive(Debug)]
pub struct Indexes {
    pub merged: SegmentIndex,
    pub own: Vec<SegmentIndex>,
    /// Rows of the first that were built a second.
    pub rate: String,
}

impl Indexes {
    /// Takes those that are kept in a folder, and builds what is missing there.
    pub fn of(rows: &Dataset, keep: &Path, quantization: Quantization) -> Result<Self> {
        std::fs::create_dir_all(keep)?;
        let standard = BuildOptions::standard(&|| true);
        let options = BuildOptions { parallel: true, quantization, ..standard };
        let own = rows.segments().enumerate().map(|(at, segment)| {
            let path = keep.join(format!("own-{at}.idx"));
            if !path.exists() {
                let image = build_index(&rows.block(segment), Metric::Cosine, &options)?;
                std::fs::write(&path, image)?;
            }
            Ok(SegmentIndex::open(Lines::read(&path)?)?)
        });
        let own = own.collect::<Result<Vec<_>>>()?;
        let (path, facts) = (keep.join("merged.idx"), keep.join("built"));
        if !facts.exists() {
            let blocks: Vec<_> = rows.segments().map(|segment| (0, rows.block(segment))).collect();
            let start = Instant::now();
            let built = merge_index(&blocks, Metric::Cosine, &options)?;
            let rate = rows.rows() as f64 / start.elapsed().as_secs_f64();
            std::fs::write(&path, built.to_bytes())?;
            std::fs::write(&facts, format!("{rate:.0}"))?;
        }
        let merged = SegmentIndex::open(Lines::read(&path)?)?;
        let same = merged.quantization() == quantization;
        ensure!(same, "{} holds {}", keep.display(), merged.quantization().name());
        Ok(Self { merged, own, rate: std::fs::read_to_string(facts)? })
    }

    /// A segment's place in them.
    #[must_use]
    pub fn at(&self, segment: usize) -> Indexed<'_> {
        let first = segment * SEGMENT_ROWS;
        Indexed { index: &self.merged, first, own: Some(&self.own[segment]) }
    }
}

/// A file's bytes from the start of a cache line on, as maps have them: codes are as long as two
/// lines, and an allocation, which starts at some multiple of 16, has each of them lie in three.
#[derive(Debug)]
struct Lines {
    bytes: Vec<u8>,
    start: usize,
}

const LINE: usize = 64;

impl Lines {
    fn read(path: &Path) -> Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize + LINE);
        let start = bytes.spare_capacity_mut().as_ptr().align_offset(LINE);
        bytes.resize(start, 0);
        file.read_to_end(&mut bytes)?;
        ensure!(bytes[start..].as_ptr().align_offset(LINE) == 0, "the file grew as it was read");
        Ok(Self { bytes, start })
    }
}

impl AsRef<[u8]> for Lines {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
