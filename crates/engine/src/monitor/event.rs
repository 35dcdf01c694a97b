//! What a monitor has told, to those who ask.

use super::record::{self, EventRecord};
use crate::engine::Engine;
use crate::entity::KeyKind;
use crate::{Result, Table, dictionary};
use cvx_core::{CommitSeq, EntityId, ValidTime};
use cvx_storage::Family;
use std::sync::Arc;

/// A break that a monitor noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    pub entity: EntityId,
    /// The first point of the new regime.
    pub ts: ValidTime,
    /// The point at which it was noticed.
    pub noticed_ts: ValidTime,
    /// That a new run had begun, at that point.
    pub probability: f64,
    /// The length of the drift.
    pub severity: f64,
    /// From the mean of the regime before to that of the new one, as far as it was known.
    pub drift: Vec<f32>,
    /// When this database noticed.
    pub detected_at_us: i64,
    /// When a correction of the points took it back.
    pub withdrawn_at_us: Option<i64>,
}

/// The key that an entity stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityKey {
    Integer(i64),
    /// Text as UTF-8, a UUID's 16 bytes.
    Bytes(Vec<u8>),
}

/// A monitor in figures.
#[derive(Clone, Debug)]
pub struct MonitorStats {
    pub table: Arc<Table>,
    /// All commits up to this one have been looked at; none before the first round.
    pub seen: Option<CommitSeq>,
    /// Entities with changes that were not looked at yet.
    pub due: usize,
    /// Entities whose state is in memory, and the bytes they take.
    pub states: usize,
    pub bytes: usize,
}

impl Engine {
    /// What the monitor of a table has told, by entity, then time; what was withdrawn too.
    pub fn change_events(&self, table: &Table) -> Result<Vec<ChangeEvent>> {
        let prefix = record::events_prefix(table.space, None);
        let entries = self.core().store.scan(Family::Changepoints, &prefix);
        entries
            .map(|entry| {
                let (key, value) = entry?;
                let (entity, ts) = record::event_of(&key)?;
                let event: EventRecord = record::decode(&value)?;
                Ok(ChangeEvent {
                    entity,
                    ts: ValidTime(ts),
                    noticed_ts: ValidTime(event.noticed_ts),
                    probability: event.probability,
                    severity: event.severity,
                    drift: event.drift,
                    detected_at_us: event.detected_at_us,
                    withdrawn_at_us: event.withdrawn_at_us,
                })
            })
            .collect()
    }

    /// The key of an entity of a table with valid time; none if it is forgotten.
    pub fn entity_key(&self, table: &Table, entity: EntityId) -> Result<Option<EntityKey>> {
        if let KeyKind::Direct(_) = KeyKind::of(table)? {
            return Ok(Some(EntityKey::Integer(entity.to_i64())));
        }
        let key = dictionary::entry_key(table.space, entity);
        Ok(self.core().store.get_system(&key)?.map(EntityKey::Bytes))
    }

    /// The tables that have a monitor, and how far those have come.
    pub fn monitor_stats(&self) -> Vec<MonitorStats> {
        let catalog = self.catalog();
        let positions = self.core().monitors.positions.lock();
        let watched = catalog.all_tables().filter(|table| table.options.monitor.is_some());
        watched
            .map(|table| {
                let position = positions.get(&table.space);
                MonitorStats {
                    table: Arc::clone(table),
                    seen: position.map(|position| CommitSeq(position.seen)),
                    due: position.map_or(0, |position| position.due),
                    states: position.map_or(0, |position| position.states),
                    bytes: position.map_or(0, |position| position.bytes),
                }
            })
            .collect()
    }
}
