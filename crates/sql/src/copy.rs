//! COPY in its forms: from the client, from a Parquet file of the server's, to the client.

use crate::bind::{object_name, quote};
use crate::dml::CopyTarget;
use crate::plan::{Params, StatementCx};
use crate::session::{SqlSession, columns, physical, plan_query, rows_of, run_plan};
use cvx_dialect::{Copy, CopyDirection, CopyHeader, CopyOptions};
use cvx_session::{CopyFormat, CopyIn, Outcome};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    CopySource, CopyTarget as Target, Ident, ObjectName, Query, SelectItem, SetExpr, Statement,
};

pub async fn run(
    session: &mut SqlSession,
    statement: &Copy,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let format = format_of(&statement.options)?;
    if statement.selection.is_some() {
        return Err(SqlError::unsupported("COPY ... WHERE"));
    }
    match (statement.direction, &statement.source, &statement.target) {
        (CopyDirection::From, CopySource::Table { table_name, columns }, Target::Stdin) => {
            copy_in(session, table_name, columns, format, params, text)
        }
        (
            CopyDirection::From,
            CopySource::Table { table_name, columns },
            Target::File { filename },
        ) => crate::import::run(session, table_name, columns, filename, params, text).await,
        (CopyDirection::To, source, Target::Stdout) => {
            copy_out(session, source, format, params, text).await
        }
        (CopyDirection::To, _, Target::File { .. }) => {
            Err(SqlError::unsupported("COPY TO a file of the server")
                .hint("Use COPY ... TO STDOUT, or psql's \\copy."))
        }
        (_, _, Target::Program { .. }) => Err(SqlError::unsupported("COPY with PROGRAM")),
        _ => Err(SqlError::unsupported("this form of COPY")),
    }
}

fn copy_in(
    session: &mut SqlSession,
    table: &ObjectName,
    columns: &[Ident],
    format: CopyFormat,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let held = session.hold();
    let target = {
        let cx = session.cx(&held, params, text);
        CopyTarget::new(&cx, table, columns)
    };
    let target = match target {
        Ok(target) => target,
        Err(error) => {
            session.release(held);
            return Err(error);
        }
    };
    let announced = CopyIn {
        table: target.table().name.clone(),
        columns: target.columns.clone(),
        schema: std::sync::Arc::clone(&target.schema),
        format,
    };
    session.begin_copy(held, target);
    Ok(Outcome::CopyIn(announced))
}

async fn copy_out(
    session: &mut SqlSession,
    source: &CopySource,
    format: CopyFormat,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let query = match source {
        CopySource::Query(query) => (**query).clone(),
        CopySource::Table { table_name, columns } => table_query(table_name, columns)?,
    };
    session
        .reading(params, text, async |cx: &StatementCx<'_>| {
            let plan = plan_query(cx, query.clone())?;
            let columns = columns(&query, &plan);
            let rows = run_plan(cx, physical(cx, plan).await?)?;
            Ok(Outcome::CopyOut { columns, rows: rows_of(rows), format })
        })
        .await
}

/// `SELECT columns FROM table`.
fn table_query(table: &ObjectName, columns: &[Ident]) -> Result<Query> {
    let parts: Vec<String> =
        object_name(table).iter().map(|part| quote(part).to_string()).collect();
    let sql = format!("SELECT * FROM {}", parts.join("."));
    let statement = cvx_dialect::parse(&sql).map_err(crate::limits::from_parse)?.pop();
    let Some(cvx_dialect::Statement::Sql(statement)) = statement else {
        return Err(SqlError::unsupported("this form of COPY"));
    };
    let Statement::Query(mut query) = *statement else {
        return Err(SqlError::unsupported("this form of COPY"));
    };
    if let (SetExpr::Select(select), false) = (query.body.as_mut(), columns.is_empty()) {
        let item = |ident: &Ident| {
            SelectItem::UnnamedExpr(datafusion::sql::sqlparser::ast::Expr::Identifier(
                ident.clone(),
            ))
        };
        select.projection = columns.iter().map(item).collect();
    }
    Ok(*query)
}

/// The format that the options choose, defaults filled in.
fn format_of(options: &CopyOptions) -> Result<CopyFormat> {
    refuse_options(options)?;
    let header = matches!(options.header, Some(CopyHeader::On));
    let null = options.null.clone();
    match options.format.as_deref() {
        None | Some("text") => Ok(CopyFormat::Text {
            delimiter: byte(options.delimiter.as_deref(), b'\t', "delimiter")?,
            null: null.unwrap_or_else(|| "\\N".to_owned()),
            header,
        }),
        Some("csv") => {
            let quote = byte(options.quote.as_deref(), b'"', "quote")?;
            Ok(CopyFormat::Csv {
                delimiter: byte(options.delimiter.as_deref(), b',', "delimiter")?,
                null: null.unwrap_or_default(),
                header,
                quote,
                escape: byte(options.escape.as_deref(), quote, "escape")?,
            })
        }
        Some("binary") => Ok(CopyFormat::Binary),
        Some(other) => Err(SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("COPY format \"{other}\" not recognized"),
        )),
    }
}

fn byte(given: Option<&str>, default: u8, name: &str) -> Result<u8> {
    match given.map(str::as_bytes) {
        None => Ok(default),
        Some([byte]) => Ok(*byte),
        Some(_) => Err(SqlError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("COPY {name} must be a single one-byte character"),
        )),
    }
}

fn refuse_options(options: &CopyOptions) -> Result<()> {
    let utf8 = options
        .encoding
        .as_ref()
        .is_none_or(|name| matches!(name.to_lowercase().as_str(), "utf8" | "utf-8"));
    let unsupported = [
        (options.default.is_some(), "DEFAULT"),
        (matches!(options.header, Some(CopyHeader::Match)), "HEADER MATCH"),
        (options.force_quote.is_some(), "FORCE_QUOTE"),
        (options.force_not_null.is_some(), "FORCE_NOT_NULL"),
        (options.force_null.is_some(), "FORCE_NULL"),
        (!utf8, "ENCODING other than UTF8"),
        (options.on_error.as_deref().is_some_and(|word| word != "stop"), "ON_ERROR"),
        (options.reject_limit.is_some(), "REJECT_LIMIT"),
    ];
    match unsupported.into_iter().find(|(given, _)| *given) {
        Some((_, name)) => Err(SqlError::unsupported(format!("COPY option {name}"))),
        None => Ok(()),
    }
}
