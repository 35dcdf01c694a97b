//! What is there, read in several ways that must agree.

use super::model::{Key, Model, Row, Table, split_mix};
use super::worker::Micros;
use crate::client::Vector;
use anyhow::{Context as _, Result, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::ops::Range;
use tokio_postgres::Client;

/// The rows of one worker. A note and a vector that were not written together are an error.
pub(super) async fn read(client: &Client, ids: Range<i64>) -> Result<BTreeMap<Key, Row>> {
    let mut found = BTreeMap::new();
    for (table, sql) in [
        (Table::Docs, "SELECT id, n, note, v, w, ts FROM docs WHERE id >= $1 AND id < $2"),
        (Table::Plain, "SELECT id, n, note, v, w FROM plain WHERE id >= $1 AND id < $2"),
    ] {
        for row in client.query(sql, &[&ids.start, &ids.end]).await? {
            let tick = match table {
                Table::Docs => Key::tick_of(row.try_get::<_, Micros>(5)?.0),
                Table::Plain => 0,
            };
            let key = Key { table, id: row.try_get(0)?, tick };
            let value = value(&row).with_context(|| format!("{key:?}"))?;
            ensure!(found.insert(key, value).is_none(), "{key:?} is there twice");
        }
    }
    Ok(found)
}

/// The row that `n, note, v, w` in second place are, bit for bit.
fn value(read: &tokio_postgres::Row) -> Result<Row> {
    let (n, note, vectors) = (read.try_get(1)?, read.try_get::<_, &str>(2)?, [3, 4]);
    let hex = note.split(' ').nth(1).with_context(|| format!("note {note:?}"))?;
    let row = Row { n, seed: u64::from_str_radix(hex, 16)? };
    ensure!(row.note() == note, "note {note:?} where {:?} was written", row.note());
    let bits = |vector: &[f32]| vector.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (vector, written) in vectors.into_iter().zip([row.vector(), row.short()]) {
        let vector: Vector = read.try_get(vector)?;
        ensure!(bits(&written) == bits(&vector.0), "another vector than was written: {vector:?}");
    }
    Ok(row)
}

/// `count(*)` agrees with the rows.
pub(super) async fn counts(client: &Client, models: &[&Model]) -> Result<()> {
    for (table, name) in [(Table::Docs, "docs"), (Table::Plain, "plain")] {
        let row = client.query_one(&format!("SELECT count(*) FROM {name}"), &[]).await?;
        let (counted, expected): (i64, usize) =
            (row.try_get(0)?, models.iter().map(|model| model.count(table)).sum());
        ensure!(usize::try_from(counted) == Ok(expected), "{name}: {counted} for {expected} rows");
    }
    Ok(())
}

/// Any row of each.
pub(super) fn some_rows<'a>(
    models: &[&'a Model],
    rng: &mut StdRng,
) -> impl Iterator<Item = (&'a Key, &'a Row)> {
    models.iter().filter_map(|model| {
        let at = rng.random_range(0..model.rows.len().max(1));
        model.rows.iter().nth(at)
    })
}

/// A few rows are their own nearest neighbours.
pub(super) async fn nearest(client: &Client, models: &[&Model], rng: &mut StdRng) -> Result<()> {
    for (key, row) in some_rows(models, rng) {
        let (name, time) = match key.table {
            Table::Docs => ("docs", "ts"),
            Table::Plain => ("plain", "NULL::timestamptz"),
        };
        let sql = format!("SELECT id, {time}, v <-> $1 FROM {name} ORDER BY v <-> $1 LIMIT 1");
        let found = client.query_one(&sql, &[&Vector(row.vector())]).await?;
        let tick = found.try_get::<_, Option<Micros>>(1)?.map_or(0, |ts| Key::tick_of(ts.0));
        let id: i64 = found.try_get(0)?;
        ensure!((id, tick) == (key.id, key.tick), "nearest to {key:?} is {id} at {tick}");
        let distance: f64 = found.try_get(2)?;
        ensure!(distance == 0.0, "{key:?} is {distance} away from itself");
    }
    Ok(())
}

/// Answers as of earlier moments, which no later write and no kill may change.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<(String, u64)>);

impl Memory {
    /// Asks the past as it is now known, for later.
    pub(super) async fn remember(&mut self, client: &Client) -> Result<()> {
        let row = client.query_one("SELECT now()::text", &[]).await?;
        let moment: String = row.try_get(0)?;
        let digest = digest(client, &moment).await?;
        self.0.push((moment, digest));
        Ok(())
    }

    /// Asks one or two of them again; how many.
    pub(super) async fn repeat(&self, client: &Client, rng: &mut StdRng) -> Result<usize> {
        let Some((last, _)) = self.0.split_last() else { return Ok(0) };
        let any = &self.0[rng.random_range(0..self.0.len())];
        for (moment, expected) in [last, any] {
            let found = digest(client, moment).await?;
            ensure!(found == *expected, "the answer as of {moment} has changed");
        }
        Ok(2)
    }
}

/// A number that stands for all rows of both tables as of a moment, whatever their order.
async fn digest(client: &Client, moment: &str) -> Result<u64> {
    let mut sum = 0_u64;
    for (name, tick) in [("docs", "ts"), ("plain", "NULL::timestamptz")] {
        let sql = format!(
            "SELECT id, n, note, v, w, {tick} FROM {name} FOR SYSTEM_TIME AS OF '{moment}'"
        );
        for row in client.query(&sql, &[]).await? {
            let found = value(&row)?;
            let ts = row.try_get::<_, Option<Micros>>(5)?.map_or(0, |ts| ts.0);
            let mut state = found.seed ^ found.n as u64 ^ (ts as u64).rotate_left(17);
            state = split_mix(&mut state) ^ row.try_get::<_, i64>(0)? as u64;
            sum = sum.wrapping_add(split_mix(&mut state));
        }
    }
    Ok(sum)
}
