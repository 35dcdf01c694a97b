//! The session and the server: settings, names, the search path, who and since when.

use super::call::{
    Arg, BIGINT, BOOL, Call, INT, NAME, NAMES, OID, Spec, TEXT, TIMESTAMPTZ, VOID, bool, error,
    oid, text,
};
use crate::pg_catalog::rows::{self, Cell};
use cvx_types::SqlState;
use datafusion::common::{Result, ScalarValue};
use std::net::SocketAddr;

/// What `version()` says; clients look for `PostgreSQL` and the number after it.
pub const VERSION: &str = concat!("PostgreSQL 16.6 (cvx ", env!("CARGO_PKG_VERSION"), ")");

pub const FUNCTIONS: &[Spec] = &[
    Spec::new("version", &[], TEXT, version),
    Spec::new("current_setting", &[Arg::Text, Arg::Bool], TEXT, current_setting).optional(1),
    Spec::new("current_database", &[], NAME, |call| Ok(text(&call.model.session.database))),
    Spec::new("current_catalog", &[], NAME, |call| Ok(text(&call.model.session.database))),
    Spec::new("current_schema", &[], NAME, |call| call.text_or_null(call.model.path(false).next())),
    Spec::new("current_schemas", &[Arg::Bool], NAMES, current_schemas),
    Spec::new("current_user", &[], NAME, |call| Ok(text(&call.model.session.user))),
    Spec::new("current_role", &[], NAME, |call| Ok(text(&call.model.session.user))),
    Spec::new("session_user", &[], NAME, |call| Ok(text(&call.model.session.session_user))),
    Spec::new("user", &[], NAME, |call| Ok(text(&call.model.session.user))),
    Spec::new("pg_backend_pid", &[], INT, backend_pid),
    Spec::new("pg_is_in_recovery", &[], BOOL, |_| Ok(bool(false))),
    Spec::new("pg_is_wal_replay_paused", &[], BOOL, |_| Ok(bool(false))),
    Spec::new("pg_my_temp_schema", &[], OID, |_| Ok(oid(0))),
    Spec::new("pg_is_other_temp_schema", &[Arg::Oid], BOOL, |_| Ok(bool(false))),
    Spec::new("txid_current", &[], BIGINT, txid),
    Spec::new("pg_current_xact_id", &[], BIGINT, txid),
    Spec::new("pg_postmaster_start_time", &[], TIMESTAMPTZ, started),
    Spec::new("pg_conf_load_time", &[], TIMESTAMPTZ, started),
    Spec::new("inet_server_addr", &[], TEXT, |call| address(call, call.model.session.server)),
    Spec::new("inet_client_addr", &[], TEXT, |call| address(call, call.model.session.client)),
    Spec::new("inet_server_port", &[], INT, |call| port(call.model.session.server)),
    Spec::new("inet_client_port", &[], INT, |call| port(call.model.session.client)),
    // No advisory lock can be taken, so none is left to let go.
    Spec::new("pg_advisory_unlock_all", &[], VOID, |_| Ok(ScalarValue::Null)),
];

fn version(_: &Call<'_>) -> Result<ScalarValue> {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    Ok(text(format!("{VERSION} on {arch}-{os}")))
}

fn current_setting(call: &Call<'_>) -> Result<ScalarValue> {
    let name = call.text(0).unwrap_or_default();
    match call.model.setting(name) {
        Some(value) => Ok(text(value)),
        None if call.bool(1) == Some(true) => Ok(call.null.clone()),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(error(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

fn current_schemas(call: &Call<'_>) -> Result<ScalarValue> {
    let implicit = call.bool(0).unwrap_or(false);
    let schemas: Vec<Cell> = call.model.path(implicit).map(Cell::from).collect();
    let list = rows::array(&[&Cell::List(schemas)], &call.null.data_type())?;
    ScalarValue::try_from_array(&list, 0)
}

fn backend_pid(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::Int32(Some(call.model.session.backend_pid)))
}

fn txid(call: &Call<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::Int64(Some(call.model.session.txid)))
}

fn started(call: &Call<'_>) -> Result<ScalarValue> {
    let started = Some(call.model.session.started_us);
    Ok(ScalarValue::TimestampMicrosecond(started, Some("UTC".into())))
}

fn address(call: &Call<'_>, of: Option<SocketAddr>) -> Result<ScalarValue> {
    call.text_or_null(of.map(|address| address.ip().to_string()))
}

fn port(of: Option<SocketAddr>) -> Result<ScalarValue> {
    Ok(ScalarValue::Int32(of.map(|address| address.port().into())))
}
