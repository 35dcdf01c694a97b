//! How big things are, and how a size is said.

use super::call::{Arg, BIGINT, Call, Spec, TEXT, text};
use crate::pg_catalog::relation::{Body, Relation};
use datafusion::common::{Result, ScalarValue};

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("pg_relation_size", &[Arg::Relation, Arg::Text], BIGINT, relation).optional(1),
    Spec::new("pg_table_size", &[Arg::Relation], BIGINT, relation),
    Spec::new("pg_indexes_size", &[Arg::Relation], BIGINT, indexes),
    Spec::new("pg_total_relation_size", &[Arg::Relation], BIGINT, total),
    Spec::new("pg_database_size", &[Arg::Any], BIGINT, database),
    // Nobody counts them.
    Spec::new("pg_stat_get_numscans", &[Arg::Oid], BIGINT, |call| Ok(call.null.clone())),
    Spec::new("pg_size_pretty", &[Arg::Int], TEXT, pretty),
];

/// Bytes of one relation: none for what is computed, unknown where nobody measured.
fn bytes(call: &Call<'_>, r: &Relation) -> Option<i64> {
    match r.body {
        Body::Table(_) | Body::Index(..) => call.model.session.sizes.bytes(r.oid),
        // The key's order is part of the table, a sequence is a number.
        Body::Key(_) | Body::Sequence(..) | Body::View(_) | Body::System(_) => Some(0),
    }
}

fn relation(call: &Call<'_>) -> Result<ScalarValue> {
    let found = call.relation(0)?;
    Ok(ScalarValue::Int64(found.and_then(|r| bytes(call, r))))
}

fn index_bytes(call: &Call<'_>, of: &Relation) -> Option<i64> {
    let all = call.model.relations().iter();
    let indexes = all.filter(|r| r.indexed().is_some_and(|table| table.oid == of.oid));
    indexes.map(|index| bytes(call, index)).sum()
}

fn indexes(call: &Call<'_>) -> Result<ScalarValue> {
    let found = call.relation(0)?;
    Ok(ScalarValue::Int64(found.and_then(|r| index_bytes(call, r))))
}

fn total(call: &Call<'_>) -> Result<ScalarValue> {
    let both = |r| Some(bytes(call, r)? + index_bytes(call, r)?);
    Ok(ScalarValue::Int64(call.relation(0)?.and_then(both)))
}

fn database(call: &Call<'_>) -> Result<ScalarValue> {
    let all: Option<i64> = call.model.relations().iter().map(|r| bytes(call, r)).sum();
    Ok(ScalarValue::Int64(all))
}

fn pretty(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(text(size_pretty(call.int(0).unwrap_or(0))))
}

/// As Postgres says sizes: the largest unit in which the number keeps at least two digits,
/// rounded half away from zero.
fn size_pretty(bytes: i64) -> String {
    if bytes.unsigned_abs() < 10 * 1024 {
        return format!("{bytes} bytes");
    }
    // From here on in half units, so that the last bit decides the rounding.
    let mut halves = bytes / 512;
    let units = ["kB", "MB", "GB", "TB", "PB"];
    let last = units.len() - 1;
    for (at, unit) in units.into_iter().enumerate() {
        if at == last || halves.unsigned_abs() < 20 * 1024 - 1 {
            return format!("{} {unit}", (halves + halves.signum()) / 2);
        }
        halves /= 1024;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::size_pretty;

    /// The examples of Postgres' own regression tests (dbsize.sql).
    #[test]
    fn sizes_are_said_as_postgres_says_them() {
        let said = [10, 1000, 1_000_000, 1_000_000_000, 1_000_000_000_000, 1_000_000_000_000_000]
            .map(size_pretty);
        let expected = ["10 bytes", "1000 bytes", "977 kB", "954 MB", "931 GB", "909 TB"];
        assert_eq!(said, expected);
        let edges = [10239, 10240, 10485247, 10485248, -10485248].map(size_pretty);
        assert_eq!(edges, ["10239 bytes", "10 kB", "10239 kB", "10 MB", "-10 MB"]);
    }
}
