//! Checking: what is on disk by every checksum, and what is in memory against it, indexes too.

use crate::engine::Engine;
use crate::recover::closures_of;
use crate::table_store::TableStore;
use crate::timeline::Kind;
use crate::{RowAddr, Table};
use cvx_core::{CommitSeq, ValidTime};
use hashbrown::HashSet;

/// More of the same kind tell nothing new.
const FINDINGS_MAX: usize = 100;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A table, a file or a part of the database.
    pub place: String,
    pub what: String,
}

impl Engine {
    /// Reads everything and tells what is wrong; nothing, if all is well. Commits that happen
    /// meanwhile may be told as findings: check a database at rest.
    #[must_use]
    pub fn check(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .core()
            .store
            .verify()
            .into_iter()
            .map(|finding| Finding { place: finding.place, what: finding.what })
            .collect();
        let published = self.core().published.load_full();
        for table in published.catalog.all_tables() {
            match published.store(table.space) {
                Ok(store) => {
                    check_table(table, store, &mut findings);
                    let list = store.list.load_full();
                    let tell = |what| push(&mut findings, table, what);
                    self.core().indexes.check(table, &list, tell);
                }
                Err(error) => push(&mut findings, table, error.to_string()),
            }
        }
        findings
    }
}

fn push(findings: &mut Vec<Finding>, table: &Table, what: String) {
    if findings.len() < FINDINGS_MAX {
        let place = format!("{}.{}", table.schema, table.name);
        findings.push(Finding { place, what });
    }
}

/// Every row has its version and every point its row, once; closures say what timelines say.
fn check_table(table: &Table, store: &TableStore, findings: &mut Vec<Finding>) {
    let list = store.list.load_full();
    let mut rows: HashSet<RowAddr> = HashSet::new();
    for segment in list.iter() {
        if !segment.is_ordered() {
            push(findings, table, format!("segment {} is out of order", segment.number));
        }
        for row in 0..segment.rows() {
            if !rows.insert(segment.addr(row)) {
                push(findings, table, format!("two rows at {:?}", segment.addr(row)));
            }
        }
        let Ok(expected) = closures_of(store, segment) else {
            push(findings, table, format!("segment {} has unknown rows", segment.number));
            continue;
        };
        for row in 0..segment.rows() {
            if !segment.closures.load(row).agrees(&expected.load(row)) {
                let (addr, found) = (segment.addr(row), segment.closures.load(row));
                push(findings, table, format!("closure of {addr:?} is {found:?}"));
            }
        }
    }
    store.lines.for_each(|entity, line| {
        for version in line.versions.iter().filter(|version| version.kind == Kind::Point) {
            let (ts, seq) = (ValidTime(version.ts), CommitSeq(version.from));
            if !rows.remove(&RowAddr { entity, ts, seq }) {
                push(findings, table, format!("no row of {version:?} of entity {}", entity.0));
            }
        }
    });
    for addr in rows {
        push(findings, table, format!("a row in no timeline: {addr:?}"));
    }
}
