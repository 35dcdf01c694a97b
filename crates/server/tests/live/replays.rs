//! What DBeaver, Grafana, Metabase, Superset, Power BI (Npgsql) and ODBC's tools ask when they
//! connect and are browsed with, word for word as their sources and drivers send it.
//!
//! `tests/clients/replays` has a file for each: cases of a statement, `----`, its rows (columns
//! between `|`, NULL as `∅`), and `====`. A line `-- params: ` gives `$1..$n`, a last line
//! `-- only: text` keeps rows with that text only; `{docs}` is that table's OID. Each case runs as
//! a simple query, whose rows are compared, and as a prepared statement with its parameters as
//! text, whose rows are counted. `UPDATE_EXPECT=1` writes the files anew.

use crate::setup::start;
use bytes::BytesMut;
use cvx_testkit::client::describe;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The tables that are browsed.
const SAMPLE: &str = "
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT DEFAULT 'untitled', meta JSONB,
        label VARCHAR(10) NOT NULL DEFAULT 'x', price NUMERIC(10, 2), tags TEXT[],
        embedding VECTOR(3), PRIMARY KEY (doc_id, ts))
        WITH (entity = 'doc_id', valid_time = 'ts');
    CREATE INDEX docs_embedding_idx ON docs USING hnsw (embedding vector_cosine_ops);
    CREATE TABLE items (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, embedding VECTOR(3));
    CREATE TABLE notes (body TEXT);
    CREATE VIEW recent AS SELECT doc_id, title FROM docs WHERE doc_id > 10;
    COMMENT ON TABLE docs IS 'Documents over time';
";

struct Case {
    /// As the file has it.
    text: String,
    expected: String,
}

impl Case {
    fn of(block: &str) -> Self {
        let (text, expected) = block.split_once("\n----\n").unwrap_or((block, ""));
        Self { text: text.to_owned(), expected: expected.to_owned() }
    }

    /// The statement, its parameters, and what its rows must contain to count.
    fn parts(&self, docs: u32) -> (String, Vec<AsText>, String) {
        let text = self.text.replace("{docs}", &docs.to_string());
        let (text, only) = text.rsplit_once("\n-- only: ").unwrap_or((&text, ""));
        let (sql, said) = text.rsplit_once("\n-- params: ").unwrap_or((text, ""));
        let values = said.split(", $").filter_map(|part| part.split_once(" = "));
        let values = values.map(|(_, value)| AsText(value.trim().trim_matches('\'').to_owned()));
        (sql.to_owned(), values.collect(), only.trim_end().to_owned())
    }
}

/// A parameter as drivers in text mode send it, of whatever type the server takes it for.
#[derive(Debug)]
struct AsText(String);

impl ToSql for AsText {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// The rows of a simple query as lines; its parameters are written into it.
async fn rows(client: &Client, sql: &str, params: &[AsText]) -> Result<Vec<String>, String> {
    let numbered = params.iter().enumerate().rev();
    let written = numbered.fold(sql.to_owned(), |sql, (at, value)| {
        let number_or_text = match value.0.parse::<u32>() {
            Ok(_) => value.0.clone(),
            Err(_) => format!("'{}'", value.0),
        };
        sql.replace(&format!("${}", at + 1), &number_or_text)
    });
    let messages = client.simple_query(&written).await.map_err(|error| describe(&error))?;
    let line = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|at| row.get(at).unwrap_or("∅"));
            Some(cells.collect::<Vec<_>>().join("|").replace('\n', "\\n"))
        }
        _ => None,
    };
    Ok(messages.iter().filter_map(line).collect())
}

async fn prepared(client: &Client, sql: &str, params: &[AsText]) -> Result<usize, String> {
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
    let rows = client.query(sql, &params).await;
    rows.map(|rows| rows.len()).map_err(|error| describe(&error))
}

/// What a case answers, as its file has it.
async fn answer(client: &Client, case: &Case, docs: u32) -> Result<String, String> {
    let (sql, params, only) = case.parts(docs);
    let rows = rows(client, &sql, &params).await?;
    match prepared(client, &sql, &params).await {
        // Names such as `int4in` have their OID in binary, which these tools do not ask for.
        Err(error) if error.contains("the binary form of reg") => {}
        counted if counted == Ok(rows.len()) => {}
        counted => return Err(format!("{} rows, {counted:?} where it is prepared", rows.len())),
    }
    let mut kept: Vec<&String> = rows.iter().filter(|row| row.contains(&only)).collect();
    // What is picked out of many is in the order of a key that these rows share.
    if !only.is_empty() {
        kept.sort();
    }
    Ok(kept.into_iter().map(|row| format!("{row}\n")).collect())
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/replays");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn tools_get_the_rows_they_ask_for() {
    let running = start();
    let connection = running.connect().await;
    let client = &connection.client;
    client.batch_execute(SAMPLE).await.unwrap();
    let docs = client.query_one("SELECT 'docs'::regclass::oid", &[]).await.unwrap().get(0);
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let (mut wrong, mut run) = (String::new(), 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut written = String::new();
        for block in text.split("====\n").filter(|block| !block.trim().is_empty()) {
            let case = Case::of(block);
            run += 1;
            let got = answer(client, &case, docs).await;
            let got = got.unwrap_or_else(|error| format!("ERROR {error}\n"));
            if got != case.expected {
                let name = file.file_name().unwrap().to_string_lossy();
                let (sql, expected) = (&case.text, &case.expected);
                writeln!(wrong, "== {name}\n{sql}\n-- expected\n{expected}-- got\n{got}").unwrap();
            }
            write!(written, "{}\n----\n{got}====\n", case.text).unwrap();
        }
        if update {
            std::fs::write(&file, written).unwrap();
        }
    }
    assert!(run >= 50, "only {run} cases were found");
    assert!(update || wrong.is_empty(), "{wrong}");
}
