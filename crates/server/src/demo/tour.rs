//! The questions, each with its answer.

use super::load::Subject;
use super::{out, table};
use anyhow::{Context as _, Result};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A question: why one asks it, and how.
struct Stop {
    why: String,
    sql: String,
}

/// Asks everything, in order; the correction is made in the middle.
pub(super) async fn walk(client: &Client, subject: &Subject) -> Result<()> {
    let tour = Tour::plan(client, subject).await?;
    for stop in tour.before_the_correction().into_iter().chain(tour.how_it_moves()) {
        ask(client, &stop).await?;
    }
    let known_us = now(client).await?;
    for stop in tour.correction(&known_us) {
        ask(client, &stop).await?;
    }
    Ok(())
}

async fn ask(client: &Client, stop: &Stop) -> Result<()> {
    out(&format!("\n-- {}\n{};\n", stop.why, stop.sql))?;
    let answer = client.simple_query(&stop.sql).await.with_context(|| stop.sql.clone())?;
    out(table::render(&answer).trim_end())
}

/// The server's time: a moment of system time that lies before whatever is written next.
async fn now(client: &Client) -> Result<String> {
    scalar(client, "SELECT now()").await
}

async fn scalar(client: &Client, sql: &str) -> Result<String> {
    let answer = client.simple_query(sql).await.with_context(|| sql.to_owned())?;
    let value = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    value.with_context(|| format!("no answer to: {sql}"))
}

/// The document of interest and the two moments around its break, as SQL texts.
struct Tour {
    doc: i64,
    step: f64,
    before: String,
    after: String,
    /// How many points the document has, and when the last one was.
    points: u64,
    last: String,
    /// Columns that name a document to people.
    shown: &'static str,
}

impl Tour {
    async fn plan(client: &Client, subject: &Subject) -> Result<Self> {
        let at = &subject.at;
        let of_doc = |what: &str| format!("SELECT {what} FROM docs WHERE doc_id = {}", at.doc_id);
        Ok(Self {
            doc: at.doc_id,
            step: at.step,
            before: timestamp(client, at.before_us).await?,
            after: timestamp(client, at.ts_us).await?,
            points: scalar(client, &of_doc("count(*)")).await?.parse()?,
            last: scalar(client, &of_doc("max(ts)")).await?,
            shown: if subject.titled { "doc_id, title" } else { "doc_id" },
        })
    }

    fn before_the_correction(&self) -> Vec<Stop> {
        let Self { doc, step, before, after, shown, .. } = self;
        let stop = |why: String, sql: String| Stop { why, sql };
        let now = self.nearest("", "now()");
        vec![
            stop(format!("Which documents are nearest to document {doc} now?"), now.clone()),
            stop("How was that found? KnnExec names the index.".into(), format!("EXPLAIN {now}")),
            stop(
                "What is in the index, and how much of the exact answers does it find?".into(),
                "SELECT segment, state, rows, nodes, edges, bytes,\n  \
                 cvx.measure_recall('docs', 'embedding') AS recall\nFROM cvx.index_stats"
                    .into(),
            ),
            stop(
                format!("And before its largest step (cosine distance {step:.2})?"),
                self.nearest("", &format!("'{before}'")),
            ),
            stop(
                "Near in meaning and in time: which points, of any document, of any date?".into(),
                format!(
                    "SELECT {shown}, ts::date AS day,\n  \
                     round(st_distance(embedding, {0}, ALPHA 0.7, AT '{after}')::numeric, 4) AS d\n\
                     FROM docs\n\
                     ORDER BY st_distance(embedding, {0}, ALPHA 0.7, AT '{after}')\nLIMIT 5",
                    self.vector(after)
                ),
            ),
            stop(
                format!("How did document {doc} move around that step?"),
                format!(
                    "SELECT ts, round((embedding <=> {})::numeric, 4) AS moved, embedding\n\
                     FROM TRAJECTORY(docs, {doc}, timestamptz '{before}' - interval '90 days',\n  \
                     timestamptz '{after}' + interval '90 days')\nORDER BY ts",
                    self.vector(before)
                ),
            ),
        ]
    }

    /// The analyses: a ranking, the break, a prediction.
    fn how_it_moves(&self) -> Vec<Stop> {
        let Self { doc, last, .. } = self;
        let mut stops = vec![Stop {
            why: "Which documents drifted farthest from where they began?".to_owned(),
            sql: "SELECT doc_id, count(*) AS points, round(drift(embedding, ts)::numeric, 3) AS drift,\n  \
                  round(path_length(embedding, ts)::numeric, 3) AS path\n\
                  FROM docs GROUP BY doc_id ORDER BY drift(embedding, ts) DESC LIMIT 5"
                .to_owned(),
        }];
        // Fewer points than this are no trajectory to judge a step by.
        if self.points >= 4 {
            stops.push(Stop {
                why: format!(
                    "Where did document {doc} break? It drifts all along: jumps are told from steps."
                ),
                sql: format!(
                    "SELECT ts, round(severity::numeric, 3) AS severity,\n  \
                     round(score::numeric, 2) AS score, drift_vector\n\
                     FROM CHANGEPOINTS(docs, {doc}, method => 'jump')"
                ),
            });
            stops.push(Stop {
                why: "Where will it be in 30 days, as far as its past can tell?".to_owned(),
                sql: format!(
                    "SELECT method, vector, lower, upper\n\
                     FROM PREDICT(docs, {doc}, timestamptz '{last}' + interval '30 days', \
                     confidence => 0.8)"
                ),
            });
        }
        stops
    }

    fn correction(&self, known: &str) -> Vec<Stop> {
        let Self { doc, before, after, .. } = self;
        let stop = |why: &str, sql: String| Stop { why: why.to_owned(), sql };
        vec![
            stop(
                "Suppose that step was a mistake of the embedder, and correct it.",
                format!(
                    "UPDATE docs SET embedding = {}\nWHERE doc_id = {doc} AND ts = '{after}'",
                    self.vector(before)
                ),
            ),
            stop(
                "What was overwritten? Nothing.",
                format!(
                    "SELECT ts, embedding, _system_from, _system_to\n\
                     FROM HISTORY(docs, {doc}, '{after}')"
                ),
            ),
            stop(
                "The neighbours at that moment, as known now...",
                self.nearest("", &format!("'{after}'")),
            ),
            stop(
                "... and as known before the correction.",
                self.nearest(&format!(" FOR SYSTEM_TIME AS OF '{known}'"), &format!("'{after}'")),
            ),
        ]
    }

    /// The five nearest at a moment; `clause` goes with every table.
    fn nearest(&self, clause: &str, at: &str) -> String {
        let Self { doc, shown, .. } = self;
        let query = format!("(SELECT embedding FROM docs{clause} WHERE doc_id = {doc})");
        format!(
            "SELECT {shown}, round((embedding <=> {query})::numeric, 4) AS distance\n\
             FROM docs{clause} WHERE doc_id <> {doc}\n\
             ORDER BY embedding <=> {query}\n\
             LIMIT 5 AS OF {at}"
        )
    }

    /// The document's embedding at one of its points.
    fn vector(&self, ts: &str) -> String {
        format!("(SELECT embedding FROM docs WHERE doc_id = {} AND ts = '{ts}')", self.doc)
    }
}

/// A moment as the server writes it.
async fn timestamp(client: &Client, us: i64) -> Result<String> {
    let (seconds, us) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let sql = format!("SELECT to_timestamp({seconds}) + interval '{us} microseconds'");
    scalar(client, &sql).await
}
