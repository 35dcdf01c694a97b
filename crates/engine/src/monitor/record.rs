//! What a monitor keeps in the family `changepoints`.
//!
//! ```text
//!   space 4 | 0                            the watermark, and what it was reached with
//!   space 4 | 1 | entity 8                 a detector's state
//!   space 4 | 2 | entity 8 | ts 8          an event, by the first point of the new regime
//!   space 4 | 3 | entity 8                 an erasure's order to watch the entity anew
//! ```
//!
//! Numbers in keys are big-endian, the sign bit of ts flipped; values are a version byte and
//! postcard.

use crate::{Error, Result};
use cvx_analytics::bocpd::Settings;
use cvx_core::{EntityId, SpaceId};
use cvx_storage::{Batch, Family, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const WATERMARK: u8 = 0;
const STATE: u8 = 1;
const EVENT: u8 = 2;
const ANEW: u8 = 3;

/// All commits up to `seq` have been seen, by a detector of these settings on this column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watermark {
    pub(super) column: u16,
    pub(super) settings: Settings,
    pub(super) seq: u64,
}

/// An entity's detector, as of a commit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StateRecord {
    pub(super) as_of: u64,
    pub(super) last_ts: i64,
    pub(super) regime_ts: i64,
    pub(super) detector: Vec<u8>,
}

/// What was told of a break.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EventRecord {
    pub(super) noticed_ts: i64,
    pub(super) probability: f64,
    pub(super) severity: f64,
    pub(super) drift: Vec<f32>,
    pub(super) detected_at_us: i64,
    pub(super) withdrawn_at_us: Option<i64>,
}

pub(super) fn watermark_key(space: SpaceId) -> Vec<u8> {
    prefix(space, WATERMARK)
}

pub(super) fn state_key(space: SpaceId, entity: EntityId) -> Vec<u8> {
    of_entity(space, STATE, entity)
}

pub(super) fn states_prefix(space: SpaceId) -> Vec<u8> {
    prefix(space, STATE)
}

pub(super) fn event_key(space: SpaceId, entity: EntityId, ts: i64) -> Vec<u8> {
    let mut key = of_entity(space, EVENT, entity);
    key.extend((ts as u64 ^ (1 << 63)).to_be_bytes());
    key
}

pub(super) fn events_prefix(space: SpaceId, entity: Option<EntityId>) -> Vec<u8> {
    match entity {
        Some(entity) => of_entity(space, EVENT, entity),
        None => prefix(space, EVENT),
    }
}

/// Whose event a key names, and when it was.
pub(super) fn event_of(key: &[u8]) -> Result<(EntityId, i64)> {
    let (entity, ts) = key.get(5..).and_then(|rest| rest.split_first_chunk()).ok_or_else(broken)?;
    let ts = u64::from_be_bytes(ts.try_into().map_err(|_| broken())?);
    Ok((EntityId(u64::from_be_bytes(*entity)), (ts ^ (1 << 63)) as i64))
}

pub(super) fn anew_prefix(space: SpaceId) -> Vec<u8> {
    prefix(space, ANEW)
}

/// Whom an order to watch anew is for.
pub(super) fn anew_of(key: &[u8]) -> Result<EntityId> {
    let entity = key.get(5..).and_then(|rest| rest.try_into().ok()).ok_or_else(broken)?;
    Ok(EntityId(u64::from_be_bytes(entity)))
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_extend(value, vec![VERSION])
        .map_err(|error| Error::Invalid(format!("a monitor's record: {error}")))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| broken()),
        _ => Err(broken()),
    }
}

pub(super) fn get<T: DeserializeOwned>(store: &Store, key: &[u8]) -> Result<Option<T>> {
    store.get(Family::Changepoints, key)?.map(|bytes| decode(&bytes)).transpose()
}

/// Takes an entity's state and its order out, as the thread does when it has watched it anew.
pub(super) fn forget_state(batch: &mut Batch, space: SpaceId, entity: EntityId) {
    batch.delete(Family::Changepoints, &state_key(space, entity));
    batch.delete(Family::Changepoints, &of_entity(space, ANEW, entity));
}

/// Takes everything out that was made from an entity's points.
pub(crate) fn forget_entity(batch: &mut Batch, space: SpaceId, entity: EntityId) {
    forget_state(batch, space, entity);
    batch.delete_all(Family::Changepoints, &events_prefix(space, Some(entity)));
}

/// The same for an entity that lost points, with the order to look at the others again.
pub(crate) fn erased(batch: &mut Batch, space: SpaceId, entity: EntityId) {
    forget_entity(batch, space, entity);
    batch.put(Family::Changepoints, &of_entity(space, ANEW, entity), &[]);
}

fn prefix(space: SpaceId, tag: u8) -> Vec<u8> {
    [&space.0.to_be_bytes()[..], &[tag]].concat()
}

fn of_entity(space: SpaceId, tag: u8, entity: EntityId) -> Vec<u8> {
    [&prefix(space, tag)[..], &entity.0.to_be_bytes()].concat()
}

fn broken() -> Error {
    Error::Corrupt("a record of family changepoints".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_whose_and_when_in_the_order_of_time() {
        let (space, entity) = (SpaceId(7), EntityId(9));
        let times = [i64::MIN, -5, 0, 5, i64::MAX];
        let keys = times.map(|ts| event_key(space, entity, ts));
        assert!(keys.is_sorted());
        for (ts, key) in times.iter().zip(&keys) {
            assert_eq!(event_of(key).unwrap(), (entity, *ts));
            assert!(key.starts_with(&events_prefix(space, Some(entity))));
        }
        assert!(event_of(&keys[0][..12]).is_err());
        assert_eq!(anew_of(&of_entity(space, ANEW, entity)).unwrap(), entity);
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let mark = Watermark { column: 3, settings: Settings::default(), seq: 42 };
        let bytes = encode(&mark).unwrap();
        assert_eq!(decode::<Watermark>(&bytes).unwrap(), mark);
        assert!(decode::<Watermark>(&bytes[..4]).is_err());
        assert!(decode::<Watermark>(&[9]).is_err());
    }
}
