//! ORDER BY distance LIMIT k wherever it stands: one search, no distance computed row by row, and
//! the rows that sorting everything gives.
//!
//! Each query is asked twice. The second time its distance is wrapped in `abs(.. + 0)`, which no
//! rule recognises: every row's distance is computed and all are sorted. That is the oracle.

use crate::Sql;
use cvx_sql::functions::distances_computed;
use std::time::{Duration, Instant};

const ITEMS: usize = 4000;

/// Items of 40 categories, one in eight without a vector; only categories 3 and 33 are active.
async fn filled() -> Sql {
    let mut sql = Sql::new().await;
    for table in [
        "CREATE TABLE items (id INT PRIMARY KEY, cat INT, v VECTOR(3))",
        "CREATE TABLE cats (cat INT PRIMARY KEY, name TEXT, active BOOL)",
        "CREATE TABLE tags (tag INT, item INT, PRIMARY KEY (tag, item))",
        "CREATE TABLE asks (ask INT PRIMARY KEY, w VECTOR(3), low INT)",
        "CREATE VIEW seen AS SELECT id AS item, cat, v AS e FROM items WHERE id % 7 <> 0",
    ] {
        sql.rows(table).await;
    }
    let items: Vec<String> = (0..ITEMS).map(item).collect();
    let cats = (0..40).map(|cat| format!("({cat}, 'cat {cat}', {})", cat % 30 == 3));
    let tags = (0..ITEMS)
        .filter(|id| id % 5 == 0)
        .flat_map(|id| (0..=id % 3).map(move |tag| format!("({tag}, {id})")));
    let asks = (0..5).map(|ask| format!("({ask}, '[0.{ask}, 0.5, 0.{}]', {})", 9 - ask, ask * 500));
    for (table, rows) in [
        ("items", items),
        ("cats", cats.collect()),
        ("tags", tags.collect()),
        ("asks", asks.collect()),
    ] {
        sql.rows(&format!("INSERT INTO {table} VALUES {}", rows.join(", "))).await;
    }
    sql
}

/// A number's noise between 0 and 1 (the finalizer of splitmix64).
fn noise(n: usize) -> f64 {
    let mut z = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) % 1_000_003) as f64 / 1_000_003.0
}

fn item(id: usize) -> String {
    let [x, y, z] = [1, 2, 3].map(|axis| noise(id * 7 + axis));
    let vector = if id % 8 == 7 { "NULL".to_owned() } else { format!("'[{x},{y},{z}]'") };
    format!("({id}, {}, {vector})", id % 40)
}

const Q: &str = "'[0.5,0.4,0.3]'";

/// Queries with `{d(v)}` where the distance of `v` stands.
const QUERIES: &[&str] = &[
    "SELECT id FROM items ORDER BY {d(v)} LIMIT 7",
    "SELECT i.id, c.name FROM items i JOIN cats c ON i.cat = c.cat ORDER BY {d(i.v)} LIMIT 7",
    "SELECT i.id, c.name FROM items i JOIN cats c USING (cat) WHERE c.active ORDER BY {d(v)} \
     LIMIT 7",
    "SELECT i.id, c.name FROM cats c JOIN items i USING (cat) WHERE c.active ORDER BY {d(v)} \
     LIMIT 7",
    "SELECT i.id FROM cats c, items i WHERE i.cat = c.cat AND c.name LIKE '%3' ORDER BY \
     {d(i.v)} LIMIT 9",
    "SELECT i.id, c.name FROM items i LEFT JOIN cats c ON i.cat = c.cat AND c.active ORDER BY \
     {d(v)} LIMIT 9",
    "SELECT i.id, c.name FROM cats c RIGHT JOIN items i ON i.cat = c.cat AND c.active ORDER BY \
     {d(v)} LIMIT 9",
    "SELECT id FROM items WHERE cat IN (SELECT cat FROM cats WHERE active) ORDER BY {d(v)} LIMIT 9",
    "SELECT id FROM items i WHERE EXISTS (SELECT 1 FROM tags t WHERE t.item = i.id) ORDER BY \
     {d(v)} LIMIT 9",
    "SELECT id FROM items i WHERE NOT EXISTS (SELECT 1 FROM tags t WHERE t.item = i.id AND tag \
     = 1) ORDER BY {d(v)} LIMIT 9",
    "SELECT id FROM items WHERE cat NOT IN (SELECT cat FROM cats WHERE NOT active) ORDER BY \
     {d(v)} LIMIT 9",
    "SELECT id FROM items i WHERE i.id < 40 OR EXISTS (SELECT 1 FROM tags t WHERE t.item = \
     i.id) ORDER BY {d(v)} LIMIT 9",
    "SELECT i.id, c.cat FROM items i JOIN cats c ON i.cat > c.cat + 37 ORDER BY {d(v)}, c.cat \
     LIMIT 9",
    "SELECT i.id, c.cat FROM items i CROSS JOIN cats c WHERE c.active ORDER BY {d(v)}, c.cat \
     DESC LIMIT 9",
    "SELECT i.id, t.tag FROM items i JOIN tags t ON t.item = i.id ORDER BY {d(v)}, t.tag LIMIT 9",
    "SELECT i.id, c.name, t.tag FROM items i JOIN cats c USING (cat) JOIN tags t ON t.item = \
     i.id WHERE c.active ORDER BY {d(v)}, 3 LIMIT 5",
    "SELECT i.id, {d(i.v)} AS far FROM items i JOIN cats c USING (cat) WHERE c.active ORDER BY \
     far LIMIT 5",
    "SELECT i.id, {d(i.v)} AS far FROM items i JOIN cats c USING (cat) WHERE c.active ORDER BY \
     far LIMIT 5 OFFSET 3",
    "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE {d(i.v)} < 0.2 AND c.active ORDER \
     BY {d(i.v)} LIMIT 50",
    "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE {d(i.v)} > 0.2 ORDER BY {d(i.v)} \
     LIMIT 5",
    "SELECT id FROM items WHERE {d(v)} > 0.2 ORDER BY {d(v)} LIMIT 5",
    "SELECT id, {d(v)} FROM items WHERE {d(v)} <= 0.1 ORDER BY {d(v)} LIMIT 500",
    "SELECT s.item, c.name FROM seen s JOIN cats c USING (cat) WHERE active ORDER BY {d(s.e)} \
     LIMIT 5",
    "WITH a AS (SELECT i.*, c.name FROM items i JOIN cats c USING (cat)), b AS (SELECT * FROM a \
     WHERE name <> 'cat 3') SELECT id, name FROM b ORDER BY {d(v)} LIMIT 5",
    "SELECT x.id FROM (SELECT i.id, i.v AS e FROM items i JOIN cats c USING (cat) WHERE active) \
     x ORDER BY {d(x.e)} LIMIT 5",
    "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE i.v IS NULL AND c.active ORDER BY \
     {d(v)}, id LIMIT 5",
    "SELECT i.id FROM items i JOIN items j ON i.id = j.id + 1 WHERE j.cat = 5 ORDER BY {d(i.v)} \
     LIMIT 5",
    "SELECT id FROM (SELECT id, v FROM items WHERE cat < 3 UNION ALL SELECT item, e FROM seen \
     WHERE cat > 30) u ORDER BY {d(v)}, id LIMIT 6",
    "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE i.id + c.cat > 3900 ORDER BY {d(v)} \
     LIMIT 6",
    "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE c.name = 'none' ORDER BY {d(v)} \
     LIMIT 6",
];

/// Queries as they are meant, and as the oracle asks them.
fn spelt(query: &str) -> (String, String) {
    let mut parts = query.split("{d(");
    let first = parts.next().unwrap_or_default().to_owned();
    let (mut meant, mut oracle) = (first.clone(), first);
    for part in parts {
        let (vector, rest) = part.split_once(")}").unwrap();
        meant += &format!("{vector} <-> {Q}{rest}");
        oracle += &format!("abs(({vector} <-> {Q}) + 0.0){rest}");
    }
    (meant, oracle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_is_one_wherever_it_stands() {
    let mut sql = filled().await;
    let mut wrong = String::new();
    for query in QUERIES {
        let (meant, oracle) = spelt(query);
        let plan = sql.plan(&meant).await;
        let before = distances_computed();
        let got = sql.rows(&meant).await;
        let computed = distances_computed() - before;
        let wanted = sql.rows(&oracle).await;
        // A union's few nearest are ranked once more.
        let allowed = if query.contains("UNION") { 48 } else { 0 };
        let per_row = computed > allowed || (allowed == 0 && plan.contains("l2_distance(v@"));
        let scanned = plan.contains("ScanExec: table=items") && !query.contains("items j");
        if got != wanted || per_row || scanned || !plan.contains("KnnExec") {
            wrong += &format!("== {meant}\n{plan}\ncomputed {computed}\n{got:?}\n{wanted:?}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");

    // The keys that a join has learnt narrow the search: few candidates, one round.
    let selective = "SELECT i.id FROM items i JOIN cats c USING (cat) WHERE c.active \
                     ORDER BY v <-> '[0.5,0.4,0.3]' LIMIT 7";
    let plan = sql.rows(&format!("EXPLAIN ANALYZE {selective}")).await.join("\n");
    let candidates = plan.split("candidates=").nth(1).unwrap_or_default();
    let candidates: String = candidates.chars().take_while(char::is_ascii_digit).collect();
    assert!(candidates.parse::<usize>().unwrap() <= 3 * 200, "{plan}");

    lateral(&mut sql).await;
}

/// The nearest of each outer row: one search for each.
async fn lateral(sql: &mut Sql) {
    for query in [
        "SELECT a.ask, n.id FROM asks a CROSS JOIN LATERAL (SELECT id FROM items i \
         ORDER BY (i.v <-> a.w){} LIMIT 3) n ORDER BY 1, 2",
        "SELECT a.ask, n.id, n.far FROM asks a JOIN LATERAL (SELECT id, (i.v <-> a.w){} AS far \
         FROM items i JOIN cats c USING (cat) \
         WHERE i.id > a.low AND c.active ORDER BY far LIMIT 2) \
         n ON n.id % 2 = 0 ORDER BY 1, 2",
        "SELECT a.ask, n.id FROM asks a LEFT JOIN LATERAL (SELECT id FROM items i \
         WHERE i.id < a.low - 1500 ORDER BY (i.v <-> a.w){} LIMIT 2) n ON true ORDER BY 1, 2",
        "SELECT a.ask, (SELECT id FROM items i WHERE i.cat <> a.ask ORDER BY (i.v <-> a.w){} \
         LIMIT 1) \
         FROM asks a ORDER BY 1",
        "SELECT a.ask FROM asks a WHERE (SELECT cat FROM items i ORDER BY (i.v <-> a.w){} LIMIT \
         1) > 20 \
         ORDER BY 1",
    ] {
        let meant = query.replace("{}", "");
        let plan = sql.plan(&meant).await;
        assert!(plan.contains("KnnExec") && plan.contains("LateralExec"), "{meant}\n{plan}");
        let before = distances_computed();
        let got = sql.rows(&meant).await;
        assert_eq!(distances_computed(), before, "{meant}\n{plan}");
        assert_eq!(got, sql.rows(&query.replace("{}", " + 0.0")).await, "{meant}\n{plan}");
    }
    let error =
        sql.try_rows("SELECT (SELECT id FROM items i WHERE i.id > a.low) FROM asks a").await;
    assert_eq!(error.unwrap_err().state.0, "21000");
}

/// Joins that find nothing for long, sources that never end: a timeout ends them on time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_ends_any_statement() {
    let mut sql = Sql::new().await;
    sql.rows("CREATE TABLE n (i INT PRIMARY KEY, s TEXT)").await;
    let rows: Vec<String> = (0..20_000).map(|i| format!("({i}, 'row {i}')")).collect();
    sql.rows(&format!("INSERT INTO n VALUES {}", rows.join(", "))).await;
    sql.rows("SET statement_timeout = 300").await;
    for endless in [
        "SELECT count(*) FROM n a, n b WHERE a.i * b.i = -1",
        "SELECT a.s FROM n a JOIN n b ON a.s || b.s = 'never' ORDER BY 1",
        "SELECT count(*) FROM n a LEFT JOIN n b ON length(a.s || b.s) < 0",
        "SELECT count(*) FROM n a, n b, n c",
        "SELECT count(*) FROM generate_series(1, 100000000000) g WHERE g < 0",
        "WITH RECURSIVE r AS (SELECT 1::bigint AS x UNION ALL SELECT x + 1 FROM r) SELECT \
         max(x) FROM r",
        "SELECT count(*) FROM n a WHERE EXISTS (SELECT 1 FROM n b WHERE b.i * a.i < -1)",
        "SELECT max(a.s || b.s) FROM n a JOIN n b ON a.i % 2 = b.i % 2 GROUP BY a.i + b.i",
    ] {
        let start = Instant::now();
        let error = sql.try_rows(endless).await.expect_err(endless);
        let took = start.elapsed();
        assert_eq!(error.state.0, "57014", "{endless}: {error}");
        assert!(took < Duration::from_millis(550), "{endless} took {took:?}");
    }
}
