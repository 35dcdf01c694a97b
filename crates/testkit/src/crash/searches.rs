//! What indexes answer after a kill, which may have hit their building.

use super::model::{Key, Model, Row, Table};
use super::verify::some_rows;
use crate::slt::counted;
use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, SimpleQueryMessage};

/// How long a few thousand rows may take to be indexed, beside other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Searches by index, of what is built by now, find what comparing every row does. Answers how
/// many graphs were walked.
pub(super) async fn agree(client: &Client, models: &[&Model], rng: &mut StdRng) -> Result<usize> {
    // All that indexes of so few rows have: what is left out is a fault.
    client.batch_execute("SET hnsw.ef_search = 1000").await?;
    let mut walked = 0;
    for (key, row) in some_rows(models, rng) {
        let sql = nearest_to(key, row);
        let exact = answer(client, "exact", &sql).await?;
        let index = answer(client, "index", &sql).await?;
        ensure!(index == exact, "{sql}\nby index: {index:?}\nby rows: {exact:?}");
        ensure!(exact[0].starts_with(&format!("{} ", key.id)), "{sql}\nfound {exact:?}");
        let plan = answer(client, "index", &format!("EXPLAIN ANALYZE {sql}")).await?;
        walked += counted(&plan.join("\n"), "segments_walked");
    }
    Ok(walked)
}

/// The three rows nearest to one that is there.
fn nearest_to(key: &Key, row: &Row) -> String {
    let (name, operator) = match key.table {
        Table::Docs => ("docs", "<->"),
        Table::Plain => ("plain", "<=>"),
    };
    let distance = format!("w {operator} '{:?}'", row.short());
    format!("SELECT id, n, {distance} FROM {name} ORDER BY {distance} LIMIT 3")
}

/// The rows of an answer, as text.
async fn answer(client: &Client, search: &str, sql: &str) -> Result<Vec<String>> {
    client.batch_execute(&format!("SET cvx.search = {search}")).await?;
    let text = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
            Some(cells.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    Ok(client.simple_query(sql).await?.into_iter().filter_map(text).collect())
}

/// Waits until every sealed segment has its index.
pub(super) async fn built(client: &Client) -> Result<()> {
    let (began, pause) = (Instant::now(), Duration::from_millis(20));
    let sql = "SELECT count(*) FROM cvx.index_stats WHERE state = 'building'";
    loop {
        let building: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
        if building == 0 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "{building} indexes are not built");
        tokio::time::sleep(pause).await;
    }
}

/// Row files whose index is not there: what a kill left to be built, or to be written.
pub(super) fn without_index(data_dir: &Path) -> Result<usize> {
    let stems = |dir: &str| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(data_dir.join(dir))?.collect::<Result<Vec<_>, _>>()?;
        let stem = |entry: &std::fs::DirEntry| {
            entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned())
        };
        Ok(entries.iter().filter_map(stem).collect())
    };
    let indexes = stems("indexes")?;
    let has_none = |row_file: &String| {
        let number = u64::from_str_radix(row_file, 16).unwrap_or_default();
        !indexes.iter().any(|index| index.ends_with(&format!("-{number}")))
    };
    Ok(stems("rows")?.iter().filter(|file| has_none(file)).count())
}
