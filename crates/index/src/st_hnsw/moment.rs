//! Searches in which meaning weighs nothing: the rows nearest to a moment.
//!
//! A row with codes has a distance in meaning that is a number, so nought times it is nought, and
//! the composite distance is the time term to the last bit: no vector is looked at. Where thousands
//! of rows are at one distance the law wants the first of them by entity, so all of a tie are
//! looked at, eight bytes each; when they were compared, a tie at the end of a million rows took
//! 3 ms. Rows without codes may have NaN for a distance, and were compared before.

use super::Searching;
use super::coded::Coded;
use crate::exact::outward::Outward;
use crate::found::offer;
use crate::{Error, Part};
use cvx_core::{Rank, ValidTime};

/// Rows of a chunk.
const STEP: usize = 64;

impl Searching<'_> {
    /// Puts the nearest in time of a part's rows in their places.
    pub(super) fn look_at_times(&mut self, part: &Coded<'_>) -> Result<(), Error> {
        let Some(composite) = self.asked.request.composite else { return Ok(()) };
        let members = &part.run.members;
        let parts: Vec<Part<'_>> = members.iter().map(|member| member.part.clone()).collect();
        let mut looked = false;
        for chunk in Outward::new(self.asked.request, &parts, STEP) {
            if self.top.worst().is_some_and(|worst| Rank(Some(chunk.least)) > worst) {
                break;
            }
            self.poll()?;
            looked = true;
            let member = &members[chunk.part as usize];
            let block = &member.part.block;
            member.part.rows.each(chunk.places, |row| {
                if part.loose.binary_search(&(member.first + row)).is_err() {
                    let distance = composite.distance(0.0, ValidTime(block.ts[row as usize]));
                    offer(&mut self.top, Some(distance), block, member.number, row);
                }
            });
        }
        if looked {
            self.counters.scanned += members.len();
        } else {
            self.counters.blocks_pruned += members.len();
        }
        Ok(())
    }
}
