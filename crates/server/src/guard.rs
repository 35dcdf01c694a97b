//! Watches the process's memory: before the machine ends the process, and with it every session,
//! the statement that holds most is stopped (53200).

use cvx_sql::Db;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks, and how long a statement that was stopped gets to let go.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches as long as the runtime lives. 0 is no bound.
pub(crate) fn watch(database: Arc<Db>, memory_bytes_max: usize) {
    if memory_bytes_max == 0 {
        return;
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(resident) = resident_bytes().filter(|bytes| *bytes > memory_bytes_max) else {
                continue;
            };
            if let Some(held) = database.relieve() {
                tracing::warn!(resident, memory_bytes_max, held, "stopped the largest statement");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    });
}

/// What the process has in memory; `None` where the system does not say.
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    // Pages are 4 KiB wherever /proc/self/statm is and this runs.
    pages.checked_mul(4096)
}
