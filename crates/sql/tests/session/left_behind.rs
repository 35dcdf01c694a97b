//! Statements that are stopped while their work is not done yet.

use crate::Sql;
use futures::FutureExt;

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
