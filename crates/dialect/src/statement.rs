//! A parsed statement.

use sqlparser::ast::{self, Expr, FetchDirection, Ident, ObjectName, Value};

use crate::dialect::CvxDialect;
use crate::error::{Fault, Place};
use crate::lift::{Lifted, Portion};
use crate::parse::{expect_end, expression, parser};
use crate::utility::{
    self, ColumnSetting, Copy, DatabaseStatement, Grant, GrantRole, Maintenance, RoleStatement,
    SetOwner,
};

/// One statement: sqlparser's, wherever it has one that carries what was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Everything that sqlparser knows.
    Sql(Box<ast::Statement>),
    /// `DELETE FROM docs FOR PORTION OF VALID_TIME FROM t TO u WHERE ...`
    DeletePortion(Box<DeletePortion>),
    /// COPY, with Postgres' old and new options in one form.
    Copy(Box<Copy>),
    /// `SHOW name`, in lower case: `hnsw.ef_search`, `all`, `timezone`, `transaction_isolation`,
    /// `session_authorization`.
    Show {
        /// The parameter's name, dots included.
        name: String,
    },
    /// `MOVE ... IN cursor`: FETCH without its rows. FETCH itself is sqlparser's.
    Move {
        /// How far, as FETCH says it.
        direction: FetchDirection,
        /// The cursor.
        cursor: Ident,
    },
    /// VACUUM, ANALYZE, REINDEX, CLUSTER, CHECKPOINT.
    Maintenance(Box<Maintenance>),
    /// `SET CONSTRAINTS ALL DEFERRED`
    SetConstraints {
        /// The constraints; none for ALL.
        names: Vec<ObjectName>,
        /// DEFERRED rather than IMMEDIATE.
        deferred: bool,
    },
    /// `ALTER EXTENSION vector UPDATE [TO '0.8.0']`
    AlterExtension {
        /// The extension.
        name: Ident,
        /// The version to go to; none for the newest.
        version: Option<String>,
    },
    /// `ALTER TABLE t RESET (option, ...)`
    ResetTableOptions {
        /// The table.
        table: ObjectName,
        /// The options that go back to their defaults.
        options: Vec<Ident>,
    },
    /// `ALTER TABLE t ALTER COLUMN c SET STORAGE plain`, and STATISTICS and COMPRESSION likewise.
    SetColumn(Box<ColumnSetting>),
    /// CREATE, ALTER and DROP DATABASE.
    Database(Box<DatabaseStatement>),
    /// CREATE, ALTER, DROP ROLE, USER and GROUP.
    Role(Box<RoleStatement>),
    /// GRANT and REVOKE of privileges.
    Grant(Box<Grant>),
    /// GRANT and REVOKE of membership in roles.
    GrantRole(Box<GrantRole>),
    /// `ALTER TABLE docs OWNER TO x`
    SetOwner(Box<SetOwner>),
}

/// A DELETE that ends what it matches at a valid time.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletePortion {
    /// The DELETE without its clause.
    pub delete: ast::Delete,
    /// Where the portion begins.
    pub from: Expr,
    /// Where it ends; none for NULL, which is never.
    pub to: Option<Expr>,
}

/// Reads a statement whose temporal clauses have been lifted.
pub(crate) fn read(lifted: Lifted) -> Result<Statement, Fault> {
    let Lifted { tokens, portion, moved } = lifted;
    let read = || {
        let dialect = CvxDialect::for_tokens(tokens.len());
        let mut parser = parser(&dialect, tokens);
        let statement = match utility::read(&mut parser)? {
            Some(statement) => statement,
            None => Statement::Sql(Box::new(parser.parse_statement()?)),
        };
        expect_end(&parser)?;
        Ok(statement)
    };
    let statement = read().map_err(|fault| blame(fault, &moved))?;
    match portion {
        Some(portion) => delete_portion(statement, portion),
        None => Ok(statement),
    }
}

/// An error at a moved clause is about where the clause stood.
fn blame(fault: Fault, moved: &[sqlparser::tokenizer::Location]) -> Fault {
    match fault.place {
        Place::Near(at) if moved.contains(&at) => {
            Fault::syntax(at, "a time clause is not allowed here").hint(
                "AS OF stands at the end of a SELECT, FOR VALID_TIME and FOR SYSTEM_TIME behind \
                 a table in FROM",
            )
        }
        Place::Near(_) | Place::At(_) | Place::End | Place::Nowhere => fault,
    }
}

fn delete_portion(statement: Statement, portion: Portion) -> Result<Statement, Fault> {
    let at = portion.at;
    let refused = || Fault::unsupported(at, "only a DELETE of its own takes FOR PORTION OF");
    let Statement::Sql(sql) = statement else {
        return Err(refused());
    };
    let ast::Statement::Delete(delete) = *sql else {
        return Err(refused());
    };
    let from = expression(portion.from)?;
    let to = Some(expression(portion.to)?).filter(|to| !is_null(to));
    Ok(Statement::DeletePortion(Box::new(DeletePortion { delete, from, to })))
}

fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if value.value == Value::Null)
}
