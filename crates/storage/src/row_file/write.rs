//! Writing a row file.

use super::arrow_part::{footer_range, keys_length, only_block};
use super::frame::{FRAME_BYTES, Frame, header};
use super::{KEY_COLUMNS, describe};
use crate::error::{Error, Result};
use crate::keys::FileId;
use crate::manifest::RowFileMeta;
use crate::mmap;
use arrow::array::RecordBatch;
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use cvx_core::SpaceId;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

const ALIGNMENT: usize = 64;

/// Writes and syncs a file that has no name of its own yet.
pub(super) fn write(
    path: &Path,
    space: SpaceId,
    id: FileId,
    batch: &RecordBatch,
) -> Result<RowFileMeta> {
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
