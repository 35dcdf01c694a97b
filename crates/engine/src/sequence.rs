//! The sequences behind serial and identity columns.
//!
//! Values are reserved in blocks, and only the end of a block is written. That write is not
//! synced: it stands in the log before any commit that uses its values, so whoever finds such a
//! commit after a crash finds the reservation too. A crash leaves a gap.

use crate::core::Core;
use crate::{Error, Result};
use cvx_storage::Batch;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Values reserved at a time.
const BLOCK: i64 = 1024;

/// The blocks in use.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    blocks: Mutex<HashMap<u32, Block>>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    next: i64,
    end: i64,
}

impl Core {
    /// The next value of a sequence, from 1.
    pub(crate) fn next_sequence(&self, sequence: u32) -> Result<i64> {
        let mut blocks = self.sequences.blocks.lock();
        let mut block = match blocks.get(&sequence) {
            Some(block) => *block,
            None => {
                let next = self.reserved(sequence)?.saturating_add(1);
                Block { next, end: next }
            }
        };
        if block.next == block.end {
            block.end = self.reserve(sequence, block.next)?;
        }
        let value = block.next;
        block.next += 1;
        blocks.insert(sequence, block);
        Ok(value)
    }

    /// The last value of a sequence that may have been given.
    fn reserved(&self, sequence: u32) -> Result<i64> {
        let Some(value) = self.store.get_system(&key(sequence))? else { return Ok(0) };
        let lost = |_| Error::Corrupt(format!("the value of sequence {sequence}"));
        value.try_into().map(i64::from_be_bytes).map_err(lost)
    }

    /// Reserves a block from `next` on, and gives its end.
    fn reserve(&self, sequence: u32, next: i64) -> Result<i64> {
        let exhausted = || Error::Invalid(format!("sequence {sequence} is exhausted"));
        let end = next.checked_add(BLOCK).ok_or_else(exhausted)?;
        let mut batch = Batch::new();
        batch.put_system(&key(sequence), &(end - 1).to_be_bytes());
        self.store.commit(&batch, false)?;
        Ok(end)
    }
}

fn key(sequence: u32) -> Vec<u8> {
    [b"sequence/", &sequence.to_be_bytes()[..]].concat()
}
