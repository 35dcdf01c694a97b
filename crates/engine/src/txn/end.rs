//! Ending entities, and TRUNCATE.

use super::Txn;
use crate::own::{OwnState, OwnTable};
use crate::timeline::{Kind, Line, Version};
use crate::{Error, Result, Table};
use cvx_core::{EntityId, ValidTime};
use std::sync::Arc;

impl Txn {
    /// Ends entities at a moment of valid time: closes their points from `at` on and puts an end
    /// marker there. Answers how many points were in force at `at` or later, the rows that
    /// `DELETE .. FOR PORTION OF VALID_TIME FROM at TO NULL` counts. A point inserted later
    /// resumes the entity.
    pub fn end(&mut self, table: &Arc<Table>, entities: &[EntityId], at: ValidTime) -> Result<u64> {
        if !table.is_temporal() {
            return Err(Error::Invalid(format!("table \"{}\" has no valid time", table.name)));
        }
        let handle = self.write(table)?;
        let mut state = handle.own.state.write();
        let ended = entities.iter().map(|e| end_one(&handle.own, &mut state, *e, at.0, handle.seq));
        Ok(ended.sum())
    }

    /// Closes every row of a table.
    pub fn truncate(&mut self, table: &Arc<Table>) -> Result<()> {
        let handle = self.write(table)?;
        handle.own.state.write().truncate(handle.seq);
        Ok(())
    }
}

fn end_one(own: &OwnTable, state: &mut OwnState, entity: EntityId, at: i64, seq: u64) -> u64 {
    let line = state.line(own, entity);
    let line = Line(&line);
    // What is in force just before `at` goes on until there, if it is a point.
    let before = at.checked_sub(1).and_then(|t| line.in_force(t, seq));
    let in_force = before.and_then(|place| line.0.get(place));
    let goes_on = in_force.is_some_and(|version| version.kind == Kind::Point);
    let start = line.0.partition_point(|version| version.ts < at);
    let later = line.0.iter().skip(start).filter(|version| version.alive(seq));
    let later: Vec<Version> = later.copied().collect();
    let points = later.iter().filter(|version| version.kind == Kind::Point).count();
    let marked = |version: &&Version| version.ts == at && version.kind == Kind::End;
    // A marker that is at its place already stays; it reached no point then that is in force.
    let stays = goes_on && later.iter().any(|version| marked(&version));
    let mut affected = points as u64;
    if goes_on && !stays && !later.first().is_some_and(|v| v.ts == at && v.kind == Kind::Point) {
        // The point before reached beyond `at`.
        affected += 1;
    }
    for version in later.iter().filter(|version| !(stays && marked(version))) {
        state.close(entity, version, seq);
    }
    if goes_on && !stays {
        state.open(entity, at, seq, Kind::End);
    }
    affected
}
