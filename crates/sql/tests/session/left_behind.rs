//! Statements that are stopped while their work is not done yet.

use crate::Sql;
use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use cvx_session::TxnStatus;
use futures::FutureExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The transaction is in the hands of an UPDATE whose client was answered already. Who goes back
/// to a savepoint has to wait for it: once the block was taken for lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_waits_for_a_change_left_behind() {
    let mut sql = Sql::new().await;
    for statement in [
        "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)",
        "INSERT INTO t VALUES (1, 1)",
        "BEGIN",
        "INSERT INTO t VALUES (2, 2)",
        "SAVEPOINT s",
    ] {
        sql.rows(statement).await;
    }
    let update = "UPDATE t SET n = 9 WHERE pg_sleep(0.2) IS NOT NULL";
    let update = sql.session.prepare(update, &[]).await.unwrap();
    let left = sql.session.execute(&update, &[]).now_or_never();
    assert!(left.is_none(), "it was to be left in the middle");
    sql.session.fail();
    sql.rows("ROLLBACK TO s").await;
    assert_eq!(sql.rows("SELECT id, n FROM t ORDER BY id").await, ["1|1", "2|2"]);
    sql.rows("COMMIT").await;
    assert_eq!(sql.rows("SELECT count(*) FROM t").await, ["2"]);
}

/// A statement was prepared without a look at its columns while the block had failed; sqlx kept
/// it, and from then on read no columns of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_block_prepares_nothing_but_its_end() {
    let mut sql = Sql::new().await;
    sql.rows("BEGIN").await;
    sql.try_rows("SELECT 1 / 0").await.unwrap_err();
    sql.session.fail();
    let refused = sql.session.prepare("SELECT 1", &[]).await.err().unwrap();
    assert_eq!(refused.state.0, "25P02");
    let unread = sql.session.prepare("SELEC 1", &[]).await.err().unwrap();
    assert_eq!(unread.state.0, "42601");
    sql.rows("ROLLBACK").await;
    assert_eq!(sql.rows("SELECT 1").await, ["1"]);
}

/// Rows of a COPY, enough to be at work for a while.
fn many(first: i64) -> Vec<ArrayRef> {
    let ids = || Arc::new(Int64Array::from_iter_values(first..first + 200_000));
    vec![ids(), ids()]
}

/// Waits until nobody but `known` has the engine: each transaction has it, too.
async fn nothing_left(sql: &Sql, known: usize, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Arc::strong_count(&sql.engine) > known {
        let left = Arc::strong_count(&sql.engine) - known;
        assert!(Instant::now() < deadline, "{what}: {left} transactions are left");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A COPY in a block was given up in the middle of its rows. The block waited for ROLLBACK, and
/// whoever had worked on the rows put the transaction, with all of them, back into it: it lay in
/// memory for as long as the client took to say ROLLBACK.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_copy_in_a_block_leaves_no_transaction() {
    let mut sql = Sql::new().await;
    sql.rows("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    let known = Arc::strong_count(&sql.engine);
    for round in 0..3 {
        sql.rows("BEGIN").await;
        assert_eq!(Arc::strong_count(&sql.engine), known + 1, "a transaction is not counted");
        let schema = sql.begin_copy("t").await.schema;
        let rows = RecordBatch::try_new(schema, many(round)).unwrap();
        sql.session.copy_rows(rows).await.unwrap();
        // As the wire does at CopyFail, while the rows are being written.
        sql.session.copy_abort().await;
        sql.session.fail();
        nothing_left(&sql, known, "given up").await;
        assert_eq!(sql.session.status(), TxnStatus::Failed);
        sql.rows("ROLLBACK").await;
    }
    // Rows that are refused: the second batch has keys of the first.
    sql.rows("BEGIN").await;
    let schema = sql.begin_copy("t").await.schema;
    for first in [0, 100_000] {
        let rows = RecordBatch::try_new(Arc::clone(&schema), many(first)).unwrap();
        sql.session.copy_rows(rows).await.unwrap();
    }
    let refused = sql.session.copy_finish().await.unwrap_err();
    assert_eq!(refused.state.0, "23505");
    sql.session.copy_abort().await;
    sql.session.fail();
    nothing_left(&sql, known, "refused").await;
    sql.rows("ROLLBACK").await;
    assert_eq!(sql.rows("SELECT count(*) FROM t").await, ["0"]);
}
