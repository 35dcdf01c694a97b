//! SET, SHOW, RESET, DISCARD and BEGIN's modes.

use super::SqlSession;
use super::block::{Block, Open};
use super::dispatch::{done, text_rows};
use crate::bind::{ident_name, object_name};
use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use cvx_dialect::{MaintenanceKind, Statement};
use cvx_session::{Notice, Outcome};
use cvx_types::{Column, PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, ContextModifier, DiscardObject, Expr, Ident, Set, SetSessionAuthorizationParamKind,
    TransactionAccessMode, TransactionIsolationLevel, TransactionMode, Value,
};

use super::identity::{DEFAULT, NONE};

/// A statement about the session; `None` for any other.
pub(super) fn run(session: &mut SqlSession, statement: &ast::Statement) -> Result<Option<Outcome>> {
    use ast::Statement as S;
    let outcome = match statement {
        S::Set(set) => assign(session, set)?,
        S::Discard { object_type } => discard(session, *object_type)?,
        S::UNLISTEN { .. } => done("UNLISTEN"),
        S::Reset(what) => {
            match &what.reset {
                ast::Reset::ALL => session.vars.reset_all(),
                ast::Reset::ConfigurationParameter(name) => {
                    reset(session, &object_name(name).join("."))?;
                }
            }
            done("RESET")
        }
        _ => return Ok(None),
    };
    Ok(Some(outcome))
}

/// Statements that the dialect reads by itself.
pub(super) fn utility(statement: &Statement) -> Result<Outcome> {
    match statement {
        Statement::Maintenance(work) => match work.kind {
            MaintenanceKind::Vacuum => Ok(done("VACUUM")),
            MaintenanceKind::Analyze => Ok(done("ANALYZE")),
            MaintenanceKind::Checkpoint => Ok(done("CHECKPOINT")),
            other => Err(SqlError::unsupported(format!("{other:?}").to_uppercase())),
        },
        Statement::SetConstraints { .. } => Ok(done("SET CONSTRAINTS")),
        Statement::AlterExtension { .. } => Ok(done("ALTER EXTENSION")),
        Statement::SetColumn(_) => Ok(done("ALTER TABLE")),
        Statement::Sql(_)
        | Statement::Move { .. }
        | Statement::DeletePortion(_)
        | Statement::Copy(_)
        | Statement::Role(_)
        | Statement::Database(_)
        | Statement::Grant(_)
        | Statement::GrantRole(_)
        | Statement::SetOwner(_)
        | Statement::ResetTableOptions { .. }
        | Statement::Show { .. } => Err(SqlError::unsupported("this statement")),
    }
}

fn discard(session: &mut SqlSession, what: DiscardObject) -> Result<Outcome> {
    if what == DiscardObject::ALL {
        if session.block.is_explicit() {
            return Err(SqlError::new(
                SqlState::ACTIVE_TRANSACTION,
                "DISCARD ALL cannot run inside a transaction block",
            ));
        }
        session.set_session_user(DEFAULT, false)?;
        session.vars.reset_all();
        session.statements.clear();
        session.cursors.close_all();
    }
    // No plans are kept, and there are no temporary tables.
    Ok(done(&format!("DISCARD {what}")))
}

/// BEGIN with its modes.
pub(super) fn begin(session: &mut SqlSession, modes: &[TransactionMode]) -> Result<Outcome> {
    check_modes(modes)?;
    match std::mem::replace(&mut session.block, Block::Idle) {
        Block::Idle => {
            let txn = session.begin();
            session.block = Block::explicit(txn, session.engine.now_us());
            session.block_began()?;
        }
        Block::Open(Open { txn, now_us, implicit: true }) => {
            session.block = Block::explicit(txn, now_us);
        }
        other => {
            session.block = other;
            session
                .warn(SqlState::ACTIVE_TRANSACTION, "there is already a transaction in progress");
        }
    }
    apply_modes(session, modes)?;
    Ok(done("BEGIN"))
}

impl SqlSession {
    /// The settings of a block begin as the session's defaults say.
    pub(super) fn block_began(&mut self) -> Result<()> {
        self.vars.begin();
        let read_only = self.vars.text("default_transaction_read_only");
        self.vars.set("transaction_read_only", &read_only, true)
    }

    /// Whether a statement may only read: by its block's mode, or by the session's default.
    pub(super) fn reads_only(&self, in_block: bool) -> bool {
        let block = self.vars.is_on("transaction_read_only");
        block || (!in_block && self.vars.is_on("default_transaction_read_only"))
    }

    pub(super) fn warn(&mut self, state: SqlState, message: &str) {
        let message = message.to_owned();
        self.notices.push(Notice { severity: "WARNING", state: state.0, message });
    }
}

/// The modes of the block that is open.
pub(super) fn modes(session: &SqlSession) -> Vec<TransactionMode> {
    let read_only = session.vars.is_on("transaction_read_only");
    let access =
        if read_only { TransactionAccessMode::ReadOnly } else { TransactionAccessMode::ReadWrite };
    vec![TransactionMode::AccessMode(access)]
}

fn check_modes(modes: &[TransactionMode]) -> Result<()> {
    let serializable = TransactionMode::IsolationLevel(TransactionIsolationLevel::Serializable);
    if modes.contains(&serializable) {
        return Err(SqlError::unsupported("isolation level SERIALIZABLE")
            .hint("Transactions here are snapshots: REPEATABLE READ."));
    }
    Ok(())
}

fn apply_modes(session: &mut SqlSession, modes: &[TransactionMode]) -> Result<()> {
    for mode in modes {
        match mode {
            TransactionMode::AccessMode(access) => {
                session.vars.set("transaction_read_only", on_or_off(*access), true)?;
            }
            TransactionMode::IsolationLevel(_) => {}
        }
    }
    Ok(())
}

fn on_or_off(access: TransactionAccessMode) -> &'static str {
    match access {
        TransactionAccessMode::ReadOnly => "on",
        TransactionAccessMode::ReadWrite => "off",
    }
}

/// SET TRANSACTION: the modes of the block, so that outside one it says nothing.
fn set_transaction(session: &mut SqlSession, modes: &[TransactionMode]) -> Result<()> {
    check_modes(modes)?;
    if !session.block.is_open() {
        let message = "SET TRANSACTION can only be used in transaction blocks";
        session.warn(SqlState::NO_ACTIVE_TRANSACTION, message);
        return Ok(());
    }
    apply_modes(session, modes)
}

/// SET SESSION CHARACTERISTICS: the modes of blocks to come.
fn set_characteristics(session: &mut SqlSession, modes: &[TransactionMode]) -> Result<()> {
    check_modes(modes)?;
    for mode in modes {
        let (name, value) = match mode {
            TransactionMode::AccessMode(access) => {
                ("default_transaction_read_only", on_or_off(*access).to_owned())
            }
            TransactionMode::IsolationLevel(level) => {
                ("default_transaction_isolation", level.to_string().to_lowercase())
            }
        };
        session.vars.set(name, &value, false)?;
    }
    Ok(())
}

fn assign(session: &mut SqlSession, set: &Set) -> Result<Outcome> {
    match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            let name = object_name(variable).join(".");
            let local = matches!(scope, Some(ContextModifier::Local));
            assign_one(session, &name, values, local)?;
        }
        Set::SetTimeZone { local, value } => {
            assign_one(session, "timezone", std::slice::from_ref(value), *local)?;
        }
        Set::SetTransaction { snapshot: Some(_), .. } => {
            return Err(SqlError::unsupported("SET TRANSACTION SNAPSHOT"));
        }
        Set::SetTransaction { modes, session: true, .. } => set_characteristics(session, modes)?,
        Set::SetTransaction { modes, session: false, .. } => set_transaction(session, modes)?,
        Set::SetNames { charset_name, .. } => {
            session.vars.set("client_encoding", &ident_name(charset_name), false)?;
        }
        Set::SetNamesDefault {} => session.vars.reset("client_encoding")?,
        Set::SetRole { context_modifier, role_name } => {
            let local = matches!(context_modifier, Some(ContextModifier::Local));
            let name = role_name.as_ref().map_or(NONE.to_owned(), ident_name);
            session.set_role(&name, local)?;
        }
        Set::SetSessionAuthorization(set) => {
            let local = set.scope == ContextModifier::Local;
            let name = match &set.kind {
                SetSessionAuthorizationParamKind::Default => DEFAULT.to_owned(),
                SetSessionAuthorizationParamKind::User(name) => ident_name(name),
            };
            session.set_session_user(&name, local)?;
        }
        other => return Err(SqlError::unsupported(format!("{other}"))),
    }
    Ok(done("SET"))
}

fn assign_one(session: &mut SqlSession, name: &str, values: &[Expr], local: bool) -> Result<()> {
    if let [Expr::Identifier(word)] = values
        && ident_name(word) == "default"
    {
        return reset(session, name);
    }
    let text = values.iter().map(value_text).collect::<Result<Vec<_>>>()?.join(", ");
    if is_moment(name) {
        session.check_moment(name, &text)?;
    }
    if local && !session.block.is_open() {
        // As Postgres: checked, and forgotten at once.
        if !matches!(name, "role" | "session_authorization") {
            session.vars.check(name, &text)?;
        }
        let message = "SET LOCAL can only be used in transaction blocks";
        session.warn(SqlState::NO_ACTIVE_TRANSACTION, message);
        return Ok(());
    }
    match name {
        "role" => session.set_role(&text, local),
        "session_authorization" => session.set_session_user(&text, local),
        _ => session.vars.set(name, &text, local),
    }
}

fn reset(session: &mut SqlSession, name: &str) -> Result<()> {
    match name {
        "role" => session.set_role(NONE, false),
        "session_authorization" => session.set_session_user(DEFAULT, false),
        _ => session.vars.reset(name),
    }
}

fn is_moment(name: &str) -> bool {
    matches!(name, "cvx.valid_time" | "cvx.system_time")
}

impl SqlSession {
    /// A session's moment must be a time now, not when it is first used.
    fn check_moment(&mut self, name: &str, text: &str) -> Result<()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let moment =
            cvx_types::parse_text(&PgType::Timestamptz, -1, text, &self.reading_settings())?;
        let us = moment.as_primitive::<TimestampMicrosecondType>().value(0);
        if name == "cvx.system_time" && us > self.engine.now_us() {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                "a system time in the future cannot be read",
            ));
        }
        Ok(())
    }
}

/// A setting's value as text; bare words are text too.
fn value_text(value: &Expr) -> Result<String> {
    match value {
        Expr::Identifier(ident) => Ok(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => {
            Ok(parts.iter().map(|part: &Ident| part.value.clone()).collect::<Vec<_>>().join("."))
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Ok(text.clone()),
            Value::Boolean(value) => Ok(value.to_string()),
            Value::Null => Ok(String::new()),
            other => Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("not a setting: {other}"))),
        },
        Expr::UnaryOp { .. } => Ok(value.to_string()),
        Expr::TypedString(typed) => value_text(&Expr::Value(typed.value.clone())),
        other => Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("not a setting: {other}"))),
    }
}

pub(super) fn show_columns(name: &str) -> Vec<Column> {
    let column = super::prepare::text_column;
    if name.eq_ignore_ascii_case("all") {
        return vec![column("name"), column("setting"), column("description")];
    }
    vec![column(name)]
}

pub(super) fn show(session: &SqlSession, name: &str) -> Result<Outcome> {
    let name = match name.to_ascii_lowercase().as_str() {
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "time zone" => "timezone".to_owned(),
        other => other.to_owned(),
    };
    if name == "transaction_read_only" {
        let shown = if session.reads_only(session.block.is_open()) { "on" } else { "off" };
        return text_rows(&name, vec![shown.to_owned()], "SHOW");
    }
    if name == "all" {
        return show_all(session);
    }
    text_rows(&name, vec![session.vars.show(&name)?], "SHOW")
}

fn show_all(session: &SqlSession) -> Result<Outcome> {
    use arrow::array::{ArrayRef, StringArray};
    let all: Vec<(String, String, String)> = session.vars.all();
    let column = |pick: fn(&(String, String, String)) -> &String| -> ArrayRef {
        std::sync::Arc::new(StringArray::from_iter_values(all.iter().map(pick)))
    };
    let batch = arrow::record_batch::RecordBatch::try_from_iter([
        ("name", column(|row| &row.0)),
        ("setting", column(|row| &row.1)),
        ("description", column(|row| &row.2)),
    ])
    .map_err(|error| crate::error::from_arrow(&error))?;
    let rows = Box::pin(futures::stream::iter(vec![Ok(batch)]));
    Ok(Outcome::Rows { columns: show_columns("all"), rows, verb: "SHOW".to_owned() })
}
