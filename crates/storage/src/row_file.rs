//! Row files: sealed rows, written once, mapped into memory and never changed.
//!
//! ```text
//!  0        64                      body          keys end      body end         len-64    len
//!  +--------+-----------------------+-------------+-------------+----------------+---------+
//!  | header | Arrow schema, message | key columns | user columns| Arrow footer   | trailer |
//!  +--------+-----------------------+-------------+-------------+----------------+---------+
//!  '------------------ head crc ----------------' '- rows crc -' '-- foot crc --'
//!
//!  header                       trailer
//!   0  magic "CVXROWS\n"         0  magic "CVXREND\n"
//!   8  version u32 = 1           8  length of the Arrow part u64
//!  12  space u32                16  offset of the body u64
//!  16  file number u64          24  offset of the end of the keys u64
//!  24  rows u64                 32  offset of the end of the body u64
//!  32  zeros                    40  head, rows and foot crc, u32 each
//!  60  crc32c of the above u32  52  zeros
//!                               60  crc32c of the above u32
//! ```
//!
//! Numbers are little-endian. The middle is one Arrow IPC file of one record batch, so any Arrow
//! reader understands it; its buffers lie at multiples of 64 bytes of the file and are used where
//! they are. The key columns `_entity`, `_ts`, `_seq` come first in it, which makes all that
//! decides *which* rows exist one run of bytes: opening checks that run, the Arrow metadata and
//! the trailer's agreement with the manifest, and that costs 24 bytes a row. Arrow checks offsets
//! and UTF-8 of the user columns. The bytes of the vectors themselves are checked by
//! [`Store::verify_row_file`], for reading gigabytes at every start is what the map is to avoid.
//!
//! Rejected: Parquet, which cannot be used without decoding; RocksDB's blob files, which would
//! copy each vector once more to reach Arrow.

use crate::directory;
use crate::encode::{ENTITY_COLUMN, SEQ_COLUMN, TS_COLUMN, key_column};
use crate::error::{Error, Result};
use crate::keys::FileId;
use crate::manifest::RowFileMeta;
use crate::mmap;
use crate::store::Store;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{Int64Type, SchemaRef, UInt64Type};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::ipc::{Block, MetadataVersion, root_as_footer, root_as_message};
use cvx_core::{CommitSeq, SpaceId, ValidTime};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const HEAD_MAGIC: &[u8; 8] = b"CVXROWS\n";
const TAIL_MAGIC: &[u8; 8] = b"CVXREND\n";
const VERSION: u32 = 1;
const FRAME_BYTES: usize = 64;
/// Arrow's own end: length of the footer and "ARROW1".
const ARROW_END_BYTES: usize = 10;
const ALIGNMENT: usize = 64;
/// Validity and values of three key columns.
const KEY_BUFFERS: usize = 6;
const KEY_COLUMNS: [&str; 3] = [ENTITY_COLUMN, TS_COLUMN, SEQ_COLUMN];
const EXTENSION: &str = "row";

impl Store {
    /// Writes rows as a file of a space: durable when this returns, and part of the space once a
    /// committed batch adds it. The batch has the key columns, in any place, without NULLs.
    pub fn write_row_file(
        &self,
        space: SpaceId,
        id: FileId,
        batch: &RecordBatch,
    ) -> Result<RowFileMeta> {
        self.check_writable()?;
        let path = self.row_file_path(id);
        if path.exists() {
            return Err(Error::invalid(format!("file {} is there already", id.0)));
        }
        let temp = directory::temp_path(&path);
        let written = write(&temp, space, id, batch)
            .and_then(|meta| directory::publish(&temp, &path).map(|()| meta));
        match written {
            Ok(meta) => {
                self.row_file_bytes_written.fetch_add(meta.bytes, Ordering::Relaxed);
                Ok(meta)
            }
            Err(error) => {
                // Nothing names the file yet: the statement fails, the store goes on.
                let _ = fs::remove_file(&temp);
                Err(error)
            }
        }
    }

    /// The rows of a file, mapped: user columns as they were written, then the key columns. Where
    /// the manifest says one commit for all rows, `_seq` says it too.
    pub fn open_row_file(&self, meta: &RowFileMeta) -> Result<RecordBatch> {
        let path = self.row_file_path(meta.id);
        OpenFile::open(&path, meta)?.batch(meta)
    }

    /// Checks every byte of a file.
    pub fn verify_row_file(&self, meta: &RowFileMeta) -> Result<()> {
        let path = self.row_file_path(meta.id);
        let file = OpenFile::open(&path, meta)?;
        file.check_rows_crc()?;
        file.batch(meta).map(drop)
    }

    /// Removes a file that no manifest names any more. Readers that have it mapped keep it.
    pub fn remove_row_file(&self, id: FileId) -> Result<()> {
        let path = self.row_file_path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes all row files but these, and what interrupted writes left. Gives how many went.
    /// Only at open: later, a file may be written and not yet named.
    pub fn sweep_row_files(&self, keep: &HashSet<FileId>) -> Result<usize> {
        let mut swept = 0;
        for (path, id) in self.files_on_disk()? {
            let stale = match id {
                Some(id) => !keep.contains(&id),
                None => path.extension().is_some_and(|extension| extension == "tmp"),
            };
            if stale {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// The greatest file number in the directory, 0 if there is none.
    pub(crate) fn last_file_on_disk(&self) -> Result<u64> {
        let ids = self.files_on_disk()?.into_iter().filter_map(|(_, id)| Some(id?.0));
        Ok(ids.max().unwrap_or(0))
    }

    /// What lies in the directory of row files, with the number where the name is of ours.
    pub(crate) fn files_on_disk(&self) -> Result<Vec<(PathBuf, Option<FileId>)>> {
        let dir = &self.rows_dir;
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(|error| Error::io(dir, error))? {
            let path = entry.map_err(|error| Error::io(dir, error))?.path();
            let id = file_id(&path).filter(|id| self.row_file_path(*id) == path);
            files.push((path, id));
        }
        Ok(files)
    }

    pub(crate) fn row_file_path(&self, id: FileId) -> PathBuf {
        self.rows_dir.join(format!("{:016x}.{EXTENSION}", id.0))
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    let stem = path.file_stem()?.to_str()?;
    path.extension().filter(|extension| *extension == EXTENSION)?;
    u64::from_str_radix(stem, 16).ok().map(FileId)
}

// ---- frame -------------------------------------------------------------------------------------

/// Where the parts of a file lie, and their checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    arrow: Range<usize>,
    body: Range<usize>,
    keys_end: usize,
    head_crc: u32,
    rows_crc: u32,
    foot_crc: u32,
}

impl Frame {
    fn encode(&self) -> [u8; FRAME_BYTES] {
        let mut trailer = [0; FRAME_BYTES];
        trailer[..8].copy_from_slice(TAIL_MAGIC);
        let offsets = [self.arrow.len(), self.body.start, self.keys_end, self.body.end];
        for (place, offset) in trailer[8..40].chunks_exact_mut(8).zip(offsets) {
            place.copy_from_slice(&(offset as u64).to_le_bytes());
        }
        let crcs = [self.head_crc, self.rows_crc, self.foot_crc];
        for (place, crc) in trailer[40..52].chunks_exact_mut(4).zip(crcs) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        seal(trailer)
    }

    /// Reads the trailer of a file of this length; the ranges it gives are inside the file.
    fn decode(trailer: &[u8; FRAME_BYTES], file_bytes: usize) -> Result<Self, &'static str> {
        if !sealed(trailer) {
            return Err("wrong checksum of the trailer");
        }
        if !trailer.starts_with(TAIL_MAGIC) {
            return Err("no trailer");
        }
        let arrow_end = file_bytes.checked_sub(FRAME_BYTES).ok_or("too short")?;
        let arrow = FRAME_BYTES..arrow_end;
        if number(trailer, 8)? != arrow.len() {
            return Err("the trailer tells another length");
        }
        let body = number(trailer, 16)?..number(trailer, 32)?;
        let keys_end = number(trailer, 24)?;
        let ordered = [FRAME_BYTES, body.start, keys_end, body.end, arrow_end];
        if !ordered.is_sorted() {
            return Err("the trailer's offsets are out of order");
        }
        let crc = |at| word(trailer, at);
        let (head_crc, rows_crc, foot_crc) = (crc(40)?, crc(44)?, crc(48)?);
        Ok(Self { arrow, body, keys_end, head_crc, rows_crc, foot_crc })
    }
}

fn header(space: SpaceId, id: FileId, rows: u64) -> [u8; FRAME_BYTES] {
    let mut header = [0; FRAME_BYTES];
    header[..8].copy_from_slice(HEAD_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&space.0.to_le_bytes());
    header[16..24].copy_from_slice(&id.0.to_le_bytes());
    header[24..32].copy_from_slice(&rows.to_le_bytes());
    seal(header)
}

fn seal(mut frame: [u8; FRAME_BYTES]) -> [u8; FRAME_BYTES] {
    let crc = crc32c::crc32c(&frame[..FRAME_BYTES - 4]);
    frame[FRAME_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    frame
}

fn sealed(frame: &[u8; FRAME_BYTES]) -> bool {
    seal(*frame) == *frame
}

fn number(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("too short")?;
    usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| "an offset beyond this machine")
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or("too short")?;
    Ok(u32::from_le_bytes(*bytes))
}

// ---- writing -----------------------------------------------------------------------------------

fn write(path: &Path, space: SpaceId, id: FileId, batch: &RecordBatch) -> Result<RowFileMeta> {
    let batch = keys_first(batch)?;
    let mut meta = describe(space, id, &batch)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).read(true).write(true);
    let mut file = options.open(path).map_err(|error| Error::io(path, error))?;
    let io = |error| Error::io(path, error);
    file.write_all(&header(space, id, meta.rows)).map_err(io)?;
    write_arrow(&mut file, path, &batch)?;
    let trailer = measure(&file, path)?.encode();
    file.write_all(&trailer).map_err(io)?;
    file.sync_all().map_err(io)?;
    meta.bytes = file.metadata().map_err(io)?.len();
    meta.crc = crc32c::crc32c(&trailer);
    Ok(meta)
}

/// The batch with its key columns in front.
fn keys_first(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema_ref();
    let mut order = Vec::with_capacity(batch.num_columns());
    for name in KEY_COLUMNS {
        order.push(schema.index_of(name).map_err(|error| Error::invalid(error.to_string()))?);
    }
    let rest = (0..batch.num_columns()).filter(|index| !order.contains(index));
    let order: Vec<usize> = order.iter().copied().chain(rest).collect();
    batch.project(&order).map_err(|error| Error::invalid(error.to_string()))
}

fn describe(space: SpaceId, id: FileId, batch: &RecordBatch) -> Result<RowFileMeta> {
    key_column::<UInt64Type>(batch, ENTITY_COLUMN)?;
    let ts = key_column::<Int64Type>(batch, TS_COLUMN)?;
    let seqs = key_column::<UInt64Type>(batch, SEQ_COLUMN)?;
    let empty = || Error::invalid("a row file without rows");
    Ok(RowFileMeta {
        id,
        space,
        rows: batch.num_rows() as u64,
        bytes: 0,
        crc: 0,
        ts_min: ValidTime(*ts.iter().min().ok_or_else(empty)?),
        ts_max: ValidTime(*ts.iter().max().ok_or_else(empty)?),
        seq: None,
        seq_max: CommitSeq(*seqs.iter().max().ok_or_else(empty)?),
    })
}

/// Buffers go to the file as they are: a batch is never copied to be written.
fn write_arrow(file: &mut File, path: &Path, batch: &RecordBatch) -> Result<()> {
    let refused = |error: arrow::error::ArrowError| match error {
        arrow::error::ArrowError::IoError(_, source) => Error::io(path, source),
        other => Error::unsupported(other.to_string()),
    };
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5);
    let options = options.map_err(refused)?;
    let out = BufWriter::new(file);
    let mut writer = FileWriter::try_new_with_options(out, batch.schema_ref(), options);
    let writer = writer.as_mut().map_err(|error| Error::unsupported(error.to_string()))?;
    writer.write(batch).map_err(refused)?;
    writer.finish().map_err(refused)
}

/// Finds the parts of what was just written, and their checksums.
fn measure(file: &File, path: &Path) -> Result<Frame> {
    let bytes = mmap::map(file, path)?;
    let wrong = |what| Error::corrupt(path, 0, what);
    let arrow = FRAME_BYTES..bytes.len();
    let footer = footer_range(&bytes, &arrow).map_err(wrong)?;
    let block = only_block(bytes.get(footer).unwrap_or_default(), arrow.len()).map_err(wrong)?;
    let body_start = FRAME_BYTES + block.message.end;
    let body = body_start..FRAME_BYTES + block.body.end;
    let message = bytes.get(FRAME_BYTES + block.message.start..body_start).unwrap_or_default();
    let keys_end = body_start + keys_length(message).map_err(wrong)?;
    let crc = |range: Range<usize>| crc32c::crc32c(bytes.get(range).unwrap_or_default());
    Ok(Frame {
        head_crc: crc(0..keys_end),
        rows_crc: crc(keys_end..body.end),
        foot_crc: crc(body.end..bytes.len()),
        arrow,
        body,
        keys_end,
    })
}

/// How far into the body the buffers of the key columns reach.
fn keys_length(message: &[u8]) -> Result<usize, &'static str> {
    // An encapsulated message begins with a continuation mark and its length.
    let message = message.get(8..).ok_or("no message")?;
    let message = root_as_message(message).map_err(|_| "unreadable message")?;
    let batch = message.header_as_record_batch().ok_or("no record batch")?;
    let buffers = batch.buffers().ok_or("no buffers")?;
    let ends = buffers.iter().take(KEY_BUFFERS).map(|buffer| buffer.offset() + buffer.length());
    usize::try_from(ends.max().unwrap_or(0)).map_err(|_| "a negative offset")
}

// ---- reading -----------------------------------------------------------------------------------

/// A file that is what the manifest says, up to the bytes of its user columns.
struct OpenFile<'a> {
    path: &'a Path,
    bytes: Buffer,
    frame: Frame,
}

impl<'a> OpenFile<'a> {
    fn open(path: &'a Path, meta: &RowFileMeta) -> Result<Self> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::corrupt(path, 0, "the file is missing"));
            }
            file => file.map_err(|error| Error::io(path, error))?,
        };
        let length = file.metadata().map_err(|error| Error::io(path, error))?.len();
        if length != meta.bytes || meta.bytes < 2 * FRAME_BYTES as u64 {
            let what = format!("{length} bytes long instead of {}", meta.bytes);
            return Err(Error::corrupt(path, length, what));
        }
        let mut head = [0; FRAME_BYTES];
        file.read_exact(&mut head).map_err(|error| Error::io(path, error))?;
        if head != header(meta.space, meta.id, meta.rows) {
            return Err(Error::corrupt(path, 0, "not the header of this file"));
        }
        let bytes = mmap::map(&file, path)?;
        let frame = Self::frame(path, &bytes, meta)?;
        Ok(Self { path, bytes, frame })
    }

    fn frame(path: &Path, bytes: &Buffer, meta: &RowFileMeta) -> Result<Frame> {
        let at = bytes.len().saturating_sub(FRAME_BYTES);
        let wrong = |what| Error::corrupt(path, at as u64, what);
        let trailer = bytes.last_chunk().ok_or_else(|| wrong("too short"))?;
        let frame = Frame::decode(trailer, bytes.len()).map_err(wrong)?;
        if crc32c::crc32c(trailer) != meta.crc {
            return Err(wrong("not the file the manifest names"));
        }
        check_crc(path, bytes, 0..frame.keys_end, frame.head_crc)?;
        check_crc(path, bytes, frame.body.end..frame.arrow.end, frame.foot_crc)?;
        Ok(frame)
    }

    fn check_rows_crc(&self) -> Result<()> {
        let rows = self.frame.keys_end..self.frame.body.end;
        check_crc(self.path, &self.bytes, rows, self.frame.rows_crc)
    }

    fn batch(&self, meta: &RowFileMeta) -> Result<RecordBatch> {
        let wrong = |what: String| Error::corrupt(self.path, FRAME_BYTES as u64, what);
        let batch = self.decode().map_err(wrong)?;
        let batch = keys_last(&batch, meta.seq).map_err(|error| wrong(error.to_string()))?;
        let found = describe(meta.space, meta.id, &batch).map_err(|e| wrong(e.to_string()))?;
        let agree = found.rows == meta.rows
            && (found.ts_min, found.ts_max) == (meta.ts_min, meta.ts_max)
            && found.seq_max == meta.seq.unwrap_or(meta.seq_max);
        if !agree {
            return Err(wrong("rows are not those the manifest tells of".to_owned()));
        }
        Ok(batch)
    }

    fn decode(&self) -> Result<RecordBatch, String> {
        let footer = footer_range(&self.bytes, &self.frame.arrow)?;
        let footer = self.bytes.get(footer).ok_or("no footer")?;
        let parts = only_block(footer, self.frame.arrow.len())?;
        let arrow = self.bytes.slice_with_length(self.frame.arrow.start, self.frame.arrow.len());
        let block = arrow.slice_with_length(parts.message.start, parts.length());
        check_buffers(block.get(8..parts.message.len()).ok_or("no message")?, parts.body.len())?;
        let decoder = FileDecoder::new(parts.schema, MetadataVersion::V5);
        let decoder = decoder.with_require_alignment(true);
        let batch = decoder.read_record_batch(&parts.block, &block);
        batch.map_err(|error| error.to_string())?.ok_or_else(|| "no record batch".to_owned())
    }
}

fn check_crc(path: &Path, bytes: &[u8], range: Range<usize>, crc: u32) -> Result<()> {
    let start = range.start as u64;
    match bytes.get(range) {
        Some(bytes) if crc32c::crc32c(bytes) == crc => Ok(()),
        _ => Err(Error::corrupt(path, start, "wrong checksum")),
    }
}

/// The user columns in their order, then the key columns, commits replaced where `seq` is given.
fn keys_last(
    batch: &RecordBatch,
    seq: Option<CommitSeq>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let keys = KEY_COLUMNS.len();
    let order: Vec<usize> = (keys..batch.num_columns()).chain(0..keys).collect();
    let batch = batch.project(&order)?;
    let Some(seq) = seq else { return Ok(batch) };
    let mut columns = batch.columns().to_vec();
    columns.pop();
    let seqs = UInt64Array::from_value(seq.0, batch.num_rows());
    columns.push(Arc::new(seqs) as ArrayRef);
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

/// Where Arrow's footer lies in the file.
fn footer_range(bytes: &[u8], arrow: &Range<usize>) -> Result<Range<usize>, &'static str> {
    let end = bytes.get(arrow.clone()).and_then(<[u8]>::last_chunk::<ARROW_END_BYTES>);
    let length = read_footer_length(*end.ok_or("no Arrow file")?).map_err(|_| "no Arrow end")?;
    let end = arrow.end - ARROW_END_BYTES;
    let start = end.checked_sub(length).filter(|start| *start >= arrow.start);
    Ok(start.ok_or("a footer longer than the file")?..end)
}

/// The one record batch of the Arrow part; ranges are inside that part.
struct OnlyBlock {
    schema: SchemaRef,
    block: Block,
    message: Range<usize>,
    body: Range<usize>,
}

impl OnlyBlock {
    fn length(&self) -> usize {
        self.body.end - self.message.start
    }
}

fn only_block(footer: &[u8], arrow_bytes: usize) -> Result<OnlyBlock, &'static str> {
    let footer = root_as_footer(footer).map_err(|_| "unreadable footer")?;
    if footer.dictionaries().is_some_and(|blocks| !blocks.is_empty()) {
        return Err("dictionaries, which are never written");
    }
    let blocks = footer.recordBatches().filter(|blocks| blocks.len() == 1);
    let block = *blocks.ok_or("not one record batch")?.get(0);
    let size = |number: i64| usize::try_from(number).map_err(|_| "a negative length");
    let start = size(block.offset())?;
    let body = start.checked_add(size(block.metaDataLength().into())?).ok_or("a length too far")?;
    let end = body.checked_add(size(block.bodyLength())?).ok_or("a length too far")?;
    if end > arrow_bytes || body - start < 8 {
        return Err("a record batch outside the file");
    }
    let schema = Arc::new(fb_to_schema(footer.schema().ok_or("no schema")?));
    Ok(OnlyBlock { schema, block, message: start..body, body: body..end })
}

/// Arrow's decoder slices where the message says and panics if that is outside.
fn check_buffers(message: &[u8], body_bytes: usize) -> Result<(), &'static str> {
    let message = root_as_message(message).map_err(|_| "unreadable message")?;
    let batch = message.header_as_record_batch().ok_or("no record batch")?;
    for buffer in batch.buffers().ok_or("no buffers")? {
        let end = buffer.offset().checked_add(buffer.length());
        let inside = buffer.offset() >= 0
            && buffer.length() >= 0
            && end.and_then(|end| usize::try_from(end).ok()).is_some_and(|end| end <= body_bytes);
        if !inside {
            return Err("a buffer outside the body");
        }
    }
    Ok(())
}
