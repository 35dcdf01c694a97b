//! Finding one's way in the Arrow part of a row file.

use arrow::datatypes::SchemaRef;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::read_footer_length;
use arrow::ipc::{Block, root_as_footer, root_as_message};
use std::ops::Range;
use std::sync::Arc;

/// Arrow's own end: length of the footer and "ARROW1".
const ARROW_END_BYTES: usize = 10;
/// Validity and values of the three key columns.
const KEY_BUFFERS: usize = 6;

/// Where Arrow's footer lies in the file.
pub(super) fn footer_range(
    bytes: &[u8],
    arrow: &Range<usize>,
) -> Result<Range<usize>, &'static str> {
    let end = bytes.get(arrow.clone()).and_then(<[u8]>::last_chunk::<ARROW_END_BYTES>);
    let length = read_footer_length(*end.ok_or("no Arrow file")?).map_err(|_| "no Arrow end")?;
    let end = arrow.end - ARROW_END_BYTES;
    let start = end.checked_sub(length).filter(|start| *start >= arrow.start);
    Ok(start.ok_or("a footer longer than the file")?..end)
}

/// The one record batch of the Arrow part; ranges are inside that part.
pub(super) struct OnlyBlock {
    pub schema: SchemaRef,
    pub block: Block,
    pub message: Range<usize>,
    pub body: Range<usize>,
}

impl OnlyBlock {
    pub(super) fn length(&self) -> usize {
        self.body.end - self.message.start
    }
}

pub(super) fn only_block(footer: &[u8], arrow_bytes: usize) -> Result<OnlyBlock, &'static str> {
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
pub(super) fn check_buffers(message: &[u8], body_bytes: usize) -> Result<(), &'static str> {
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

/// How far into the body the buffers of the key columns reach.
pub(super) fn keys_length(message: &[u8]) -> Result<usize, &'static str> {
    // An encapsulated message begins with a continuation mark and its length.
    let message = message.get(8..).ok_or("no message")?;
    let message = root_as_message(message).map_err(|_| "unreadable message")?;
    let batch = message.header_as_record_batch().ok_or("no record batch")?;
    let buffers = batch.buffers().ok_or("no buffers")?;
    let ends = buffers.iter().take(KEY_BUFFERS).map(|buffer| buffer.offset() + buffer.length());
    usize::try_from(ends.max().unwrap_or(0)).map_err(|_| "a negative offset")
}
