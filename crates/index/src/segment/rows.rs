//! Rows of several blocks, numbered one block after the other.

use crate::Block;
use crate::vectors::Room;

#[derive(Debug)]
pub(super) struct Rows<'a> {
    blocks: Vec<Block<'a>>,
    /// The number of each block's first row.
    starts: Vec<usize>,
    dim: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(blocks: impl Iterator<Item = Block<'a>>) -> Result<Self, &'static str> {
        let blocks: Vec<_> = blocks.collect();
        let dim = blocks.first().map(|block| block.dim).ok_or("an index of nothing")?;
        let (mut starts, mut count) = (Vec::with_capacity(blocks.len()), 0);
        for block in &blocks {
            block.check()?;
            if block.dim != dim {
                return Err("blocks of several dimensions");
            }
            starts.push(count);
            count += block.rows();
        }
        if u32::try_from(count).is_err() {
            return Err("an index has at most 2^32 rows");
        }
        Ok(Self { blocks, starts, dim, count })
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A row's vector, if it has one.
    pub(super) fn vector<'r>(&self, row: usize, room: &'r mut Room) -> Option<&'r [f32]>
    where
        'a: 'r,
    {
        let place = self.starts.partition_point(|start| *start <= row).checked_sub(1)?;
        self.blocks[place].vector(row - self.starts[place], room)
    }
}
