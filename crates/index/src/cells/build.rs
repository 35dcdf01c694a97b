//! Building cells: centroids, lists, codes, and how far cells must be asked.
//!
//! All of it is made of the index's byte codes, which say of a row what is needed to the third
//! digit: the rows themselves are not read again.

use super::query::bound;
use super::train::{Centroids, square, train};
use super::{DENSITIES, NOBODY, Reach, SPARSER, asked_in_vain};
use crate::segment::{BuildError, BuildOptions, CodeQuery, Codes, Space, factors_of_bits};
use cvx_core::TopK;
use cvx_core::code::{BLOCK_ROWS, block_bytes, encode_bits, write_to_block};
use rayon::prelude::*;

/// Cells are so many times the root of the rows.
const PER_ROOT: f64 = 2.0;
/// Rows whose nearest are looked for, to see how far cells must be asked.
const PROBES: usize = 128;
/// How many nearest.
const NEAREST: usize = 10;
/// The share of these that is to be within reach.
const FOUND: f64 = 0.99;
/// Of these many, the nearest by bits, the nearest are looked for by bytes.
const SHORTLIST: usize = 512;
/// Where all rows take more of the lists than this, cells are of no use anywhere.
const WORTH: f32 = 0.25;

/// Cells as arrays.
#[derive(Debug)]
pub(crate) struct BuiltCells {
    centroids: Centroids,
    starts: Vec<u32>,
    radii: Vec<f32>,
    heads: Vec<u32>,
    rows: Vec<u32>,
    blocks: Vec<u8>,
    pub(crate) reach: Reach,
}

/// The cells of some rows, in their order. `None` where they would not save a search anything.
pub(crate) fn build(
    codes: &Codes<'_>,
    rows: &[u32],
    options: &BuildOptions<'_>,
) -> Result<Option<BuiltCells>, BuildError> {
    let count = (((rows.len() as f64).sqrt() * PER_ROOT) as usize).min(rows.len());
    if count == 0 {
        return Ok(None);
    }
    let centroids = train(codes, rows, count, options)?;
    let cells = centroids.assign(codes, rows, options)?;
    let mut built = lists(centroids, rows, &cells);
    built.encode(codes, options)?;
    built.reach = Trial::new(&built, codes, rows, &cells).measure(options)?;
    Ok((built.reach.shares[0] <= WORTH || options.cells_anyway).then_some(built))
}

/// Who is in which cell, cut into blocks.
fn lists(centroids: Centroids, rows: &[u32], cells: &[u32]) -> BuiltCells {
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); centroids.count()];
    rows.iter().zip(cells).for_each(|(row, cell)| lists[*cell as usize].push(*row));
    let (mut starts, mut heads, mut all) = (vec![0u32], Vec::new(), Vec::new());
    for list in &lists {
        for block in list.chunks(BLOCK_ROWS) {
            heads.push(block[0]);
            all.extend_from_slice(block);
            all.resize(heads.len() * BLOCK_ROWS, NOBODY);
        }
        starts.push(heads.len() as u32);
    }
    let (radii, blocks, reach) = (Vec::new(), Vec::new(), Reach::default());
    BuiltCells { centroids, starts, radii, heads, rows: all, blocks, reach }
}

impl BuiltCells {
    pub(crate) fn count(&self) -> usize {
        self.centroids.count()
    }

    /// Bytes of the sections of an image, in their order.
    pub(crate) fn into_sections(self) -> [Vec<u8>; 8] {
        let bytes = |numbers: Vec<u32>| bytemuck::cast_slice(&numbers).to_vec();
        let encoded = self.centroids.encoded;
        [
            bytemuck::cast_slice(&encoded.bits).to_vec(),
            encoded.bytes,
            encoded.blocks,
            bytes(self.starts),
            bytemuck::cast_slice(&self.radii).to_vec(),
            bytes(self.heads),
            bytes(self.rows),
            self.blocks,
        ]
    }

    fn cell_of(&self, block: usize) -> u32 {
        self.starts.partition_point(|start| *start as usize <= block) as u32 - 1
    }

    /// Writes the codes of all blocks, and how far rows lie from their centroids.
    fn encode(&mut self, codes: &Codes<'_>, options: &BuildOptions<'_>) -> Result<(), BuildError> {
        let length = block_bytes(codes.width);
        let mut blocks = vec![0; self.heads.len() * length];
        let encode = |(at, block): (usize, &mut [u8])| {
            if at.is_multiple_of(16) {
                options.check()?;
            }
            let rows = &self.rows[at * BLOCK_ROWS..][..BLOCK_ROWS];
            Ok(encode_block(codes, self.centroids.of(self.cell_of(at)), rows, block))
        };
        let squares: Vec<f64> = if options.parallel {
            blocks.par_chunks_mut(length).enumerate().map(encode).collect::<Result<_, _>>()?
        } else {
            blocks.chunks_mut(length).enumerate().map(encode).collect::<Result<_, _>>()?
        };
        self.radii = self
            .starts
            .windows(2)
            .map(|ends| {
                let blocks = ends[0] as usize..ends[1] as usize;
                let rows = &self.rows[blocks.start * BLOCK_ROWS..blocks.end * BLOCK_ROWS];
                let count = rows.iter().filter(|row| **row != NOBODY).count().max(1);
                (squares[blocks].iter().sum::<f64>() / count as f64).sqrt() as f32
            })
            .collect();
        self.blocks = blocks;
        Ok(())
    }
}

/// Writes a block of a cell; answers the sum of its rows' squared distances from the centroid.
fn encode_block(codes: &Codes<'_>, centroid: &[f32], rows: &[u32], block: &mut [u8]) -> f64 {
    let (mut residual, mut code) = (vec![0.0f32; codes.width], vec![0u64; codes.width / 64]);
    let mut squares = 0.0;
    for (place, row) in rows.iter().enumerate() {
        if *row == NOBODY {
            write_to_block(block, place, &vec![0; code.len()], [0.0, 0.0, 0.0, f32::INFINITY]);
            continue;
        }
        codes.residual_of(*row, &mut residual);
        residual.iter_mut().zip(centroid).for_each(|(x, c)| *x -= c);
        let factors = encode_bits(&residual, &mut code);
        let base = square(&residual);
        squares += f64::from(base);
        // What the signs' product with the centroid adds to that with the query.
        let met = 2.0 * factors.scale * signed_sum(&code, centroid);
        write_to_block(block, place, &code, factors_of_bits(&factors, base + met));
    }
    squares
}

/// The product of signs with a vector.
fn signed_sum(code: &[u64], vector: &[f32]) -> f32 {
    let mut sums = [0.0f32; 64];
    for (word, chunk) in code.iter().zip(vector.as_chunks::<64>().0) {
        for (at, x) in chunk.iter().enumerate() {
            sums[at] += if word >> at & 1 == 1 { *x } else { -x };
        }
    }
    sums.iter().sum()
}

/// Looking for the nearest of some rows among others, to see which cells they are in.
struct Trial<'a> {
    built: &'a BuiltCells,
    codes: &'a Codes<'a>,
    /// The cell of each row of the index.
    cells: Vec<u32>,
    probes: Vec<u32>,
    zeros: Vec<f32>,
}

/// What one row saw.
struct Seen {
    /// Of each cell squared distance of its centroid and its radius.
    cells: Vec<[f32; 2]>,
    nearest: [Nearest; DENSITIES],
}

/// The nearest rows at a density.
#[derive(Default)]
struct Nearest {
    /// Their cells, and how far they lean from the centroids.
    leans: Vec<(u32, f32)>,
    /// The squared distance of the last.
    last: f32,
}

impl<'a> Trial<'a> {
    fn new(built: &'a BuiltCells, codes: &'a Codes<'a>, rows: &[u32], cells: &[u32]) -> Self {
        let mut cell_of = vec![NOBODY; codes.rows()];
        rows.iter().zip(cells).for_each(|(row, cell)| cell_of[*row as usize] = *cell);
        let count = PROBES.min(rows.len());
        let probes = (0..count).map(|at| rows[at * rows.len() / count]).collect();
        Self { built, codes, cells: cell_of, probes, zeros: vec![0.0; codes.width] }
    }

    fn measure(&self, options: &BuildOptions<'_>) -> Result<Reach, BuildError> {
        let look = |probe: &u32| {
            options.check()?;
            Ok(self.look(*probe))
        };
        let seen: Vec<Seen> = if options.parallel {
            self.probes.par_iter().map(look).collect::<Result<_, BuildError>>()?
        } else {
            self.probes.iter().map(look).collect::<Result<_, BuildError>>()?
        };
        let mut reach = Reach::default();
        for way in 0..DENSITIES {
            let leans = seen.iter().flat_map(|seen| seen.nearest[way].leans.iter());
            let mut leans: Vec<f32> = leans.map(|(_, lean)| *lean).collect();
            leans.sort_by(f32::total_cmp);
            let place = ((leans.len() as f64 * FOUND) as usize).min(leans.len().saturating_sub(1));
            reach.leans[way] = leans.get(place).copied().unwrap_or(1.0);
            let shares = seen.iter().map(|seen| self.share(seen, reach.leans[way], way));
            reach.shares[way] = (shares.sum::<f64>() / seen.len().max(1) as f64) as f32;
        }
        Ok(reach)
    }

    /// The share of cells that a search asks: those within reach of the last of the nearest, or
    /// those up to where these are and what it then asks in vain.
    fn share(&self, seen: &Seen, lean: f32, way: usize) -> f64 {
        let Nearest { leans, last } = &seen.nearest[way];
        let bounds = seen.cells.iter().map(|[score, radius]| bound(*score, *radius, lean));
        let bounds: Vec<f32> = bounds.collect();
        let within = bounds.iter().filter(|bound| *bound <= last).count();
        let farthest = leans.iter().map(|(cell, _)| bounds[*cell as usize]);
        let farthest = farthest.fold(f32::NEG_INFINITY, f32::max);
        let before = bounds.iter().filter(|bound| **bound <= farthest).count();
        within.min(asked_in_vain(before)) as f64 / bounds.len().max(1) as f64
    }

    fn look(&self, probe: u32) -> Seen {
        let mut residual = vec![0.0; self.codes.width];
        self.codes.residual_of(probe, &mut residual);
        let (every, mut scores) = ((0..self.built.count() as u32).collect::<Vec<_>>(), Vec::new());
        CodeQuery::new(self.built.centroids.codes(), Space::L2, &residual)
            .scores(&every, &mut scores);
        let radii = self.built.radii.iter();
        let cells: Vec<[f32; 2]> = scores.into_iter().zip(radii).map(|(s, r)| [s, *r]).collect();
        let lean = |cell: u32, last: f32| {
            let [score, radius] = cells[cell as usize];
            let lean = (score + radius * radius - last) / (2.0 * score.max(0.0).sqrt() * radius);
            if lean.is_finite() { lean } else { 0.0 }
        };
        let nearest = self.nearest(probe, &residual).map(|near| {
            let last = near.last().map_or(f32::INFINITY, |last| last.0);
            let cells = near.iter().map(|(_, row)| self.cells[*row as usize]);
            Nearest { leans: cells.map(|cell| (cell, lean(cell, last))).collect(), last }
        });
        Seen { cells, nearest }
    }

    /// The nearest rows, at each density.
    fn nearest(&self, probe: u32, residual: &[f32]) -> [Vec<(f32, u32)>; DENSITIES] {
        let codes = Codes { centre: &self.zeros, ..*self.codes };
        let mut query = CodeQuery::new(codes, Space::L2, residual);
        let (mut estimates, mut scores) = (Vec::new(), Vec::new());
        query.least(0, codes.rows(), 0.0, &mut estimates);
        std::array::from_fn(|way| {
            let mut short = TopK::new(SHORTLIST);
            let step = SPARSER.powi(way as i32) as usize;
            for row in (0..codes.rows()).step_by(step) {
                let estimate = Some(f64::from(estimates[row]));
                let listed = row as u32 != probe && self.cells[row] != NOBODY;
                if listed && short.accepts(estimate) {
                    short.push(estimate, row as u32);
                }
            }
            let short: Vec<u32> = short.into_sorted().into_iter().map(|(_, row)| row).collect();
            query.scores(&short, &mut scores);
            let mut near: Vec<(f32, u32)> = scores.iter().copied().zip(short).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            near.truncate(NEAREST);
            near
        })
    }
}
