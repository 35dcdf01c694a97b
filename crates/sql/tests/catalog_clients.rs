//! What clients ask the catalog, word for word, and the rows they must get.
//!
//! Each file of `tests/clients` is what one client sends for one purpose: cases of a statement,
//! `----`, the rows (columns between `|`, NULL as `∅`), and `====`. The statements were recorded
//! from psql 15, psycopg 3, asyncpg, SQLAlchemy 2, pgcli and pgjdbc talking to PostgreSQL 15; the
//! rows are PostgreSQL's but for OIDs and for what it does not have. A line `-- params: ` gives
//! `$1..$n` as Postgres' log shows them, and a last line `-- only: text` drops other rows.
//! `UPDATE_EXPECT=1` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod catalog_harness;

use catalog_harness::Harness;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One statement of a client and what it must answer.
struct Case {
    sql: String,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let blocks = text.split("====\n").filter(|block| !block.trim().is_empty());
    let case = |block: &str| {
        let (sql, expected) = block.split_once("\n----\n").unwrap_or((block, ""));
        Case { sql: sql.to_owned(), expected: expected.to_owned() }
    };
    blocks.map(case).collect()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn clients_get_the_rows_they_ask_for() {
    let harness = Harness::new();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = String::new();
    let mut run = 0;
    for file in files() {
        let mut written = String::new();
        for case in cases(&fs::read_to_string(&file).unwrap()) {
            run += 1;
            let got = match harness.run(&case.sql).await {
                Ok(rows) => rows,
                Err(error) => format!("ERROR {}\n", error.find_root()),
            };
            if got != case.expected {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                let (sql, expected) = (&case.sql, &case.expected);
                writeln!(wrong, "== {name}\n{sql}\n-- expected\n{expected}-- got\n{got}").unwrap();
            }
            write!(written, "{}\n----\n{got}====\n", case.sql).unwrap();
        }
        if update {
            fs::write(&file, written).unwrap();
        }
    }
    assert!(run > 100, "only {run} cases were found");
    assert!(update || wrong.is_empty(), "{wrong}");
}
