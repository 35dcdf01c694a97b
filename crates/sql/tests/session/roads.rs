//! The roads a search can take, as EXPLAIN ANALYZE tells of them: a graph is walked, cells are
//! asked, codes are sifted, rows are compared. What comes of each is what comparing every row
//! gives.
//!
//! Cells are of indexes of 100,000 rows and more; an option of the engine has them at 10,000.

use crate::Sql;
use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array};
use arrow::datatypes::{DataType, Field};
use cvx_engine::EngineOptions;
use std::ops::Range;
use std::sync::Arc;

const ROWS: u64 = 10_000;
const DIM: u64 = 64;
/// Where rows lie; fifty at each.
const HOMES: u64 = 200;
/// Rows in memory, behind those that are sealed.
const TAIL: u64 = 600;

/// Between -0.5 and 0.5, the same each time (the finalizer of splitmix64).
fn noise(n: u64) -> f32 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 24) as f32 - 0.5
}

fn vector(id: u64) -> impl Iterator<Item = f32> {
    let home = id.wrapping_mul(7_919) % HOMES;
    (0..DIM).map(move |at| noise(home * DIM + at) + 0.4 * noise((1 << 40) + id * DIM + at))
}

/// `id`, `part` (one in forty rows has each), `v`.
fn columns(ids: Range<u64>) -> Vec<ArrayRef> {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from_iter_values(ids.clone().flat_map(vector)));
    vec![
        Arc::new(Int64Array::from_iter_values(ids.clone().map(|id| id as i64))),
        Arc::new(Int64Array::from_iter_values(ids.map(|id| (id * 31 % 40) as i64))),
        Arc::new(FixedSizeListArray::new(item, DIM as i32, values, None)),
    ]
}

async fn filled() -> Sql {
    let options = EngineOptions { index_cells_rows: ROWS as usize, ..EngineOptions::standard() };
    let mut sql = Sql::with(options).await;
    sql.rows("CREATE TABLE docs (id BIGINT PRIMARY KEY, part BIGINT, v VECTOR(64))").await;
    sql.rows("CREATE INDEX docs_v_idx ON docs USING hnsw (v vector_l2_ops)").await;
    sql.copy("docs", columns(0..ROWS)).await;
    sql.rows("CALL cvx.seal('docs')").await;
    sql.rows("REINDEX TABLE docs").await;
    sql
}

/// Segments by road: walked, probed, sifted, scanned.
fn roads(plan: &str) -> [usize; 4] {
    ["walked", "probed", "sifted", "scanned"].map(|road| {
        let value = plan.split(&format!("segments_{road}=")).nth(1).unwrap_or_default();
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("no {road} in {plan}"))
    })
}

/// Searches for what lies near some rows that are not there; `condition` is the WHERE clause.
async fn takes(sql: &mut Sql, ef: usize, condition: &str, expected: [usize; 4]) {
    sql.rows(&format!("SET hnsw.ef_search = {ef}")).await;
    for query in 0..5 {
        let query: Vec<f32> = vector(ROWS + 13 * query).collect();
        let search = format!("SELECT id FROM docs {condition} ORDER BY v <-> '{query:?}' LIMIT 5");
        sql.rows("SET cvx.search = auto").await;
        let plan = sql.rows(&format!("EXPLAIN ANALYZE {search}")).await.join("\n");
        assert!(plan.contains("search=auto, index docs_v_idx"), "{plan}");
        assert_eq!(roads(&plan), expected, "ef {ef} {condition}\n{plan}");
        let found = sql.rows(&search).await;
        sql.rows("SET cvx.search = exact").await;
        let plan = sql.rows(&format!("EXPLAIN ANALYZE {search}")).await.join("\n");
        assert_eq!(roads(&plan)[..3], [0, 0, 0], "{plan}");
        assert_eq!(found, sql.rows(&search).await, "ef {ef} {condition}");
        assert_eq!(found.len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_road_is_taken_and_told() {
    let mut sql = filled().await;
    // With little effort a walk is the cheapest; with more cells are.
    takes(&mut sql, 10, "", [1, 0, 0, 0]).await;
    takes(&mut sql, 200, "", [0, 1, 0, 0]).await;
    // 250 rows are sifted before a query would be ready for cells, 60 are compared.
    takes(&mut sql, 200, "WHERE part = 7", [0, 0, 1, 0]).await;
    takes(&mut sql, 200, "WHERE id < 60", [0, 0, 0, 1]).await;
    // What is in memory has codes from its commit on, and a few rows are compared there too.
    sql.copy("docs", columns(ROWS..ROWS + TAIL)).await;
    takes(&mut sql, 10, "", [1, 0, 1, 0]).await;
    takes(&mut sql, 200, "", [0, 1, 1, 0]).await;
    takes(&mut sql, 200, &format!("WHERE id >= {ROWS}"), [0, 0, 1, 0]).await;
    takes(&mut sql, 200, &format!("WHERE id >= {}", ROWS + TAIL - 50), [0, 0, 0, 1]).await;
}
