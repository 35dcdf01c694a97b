//! COPY in its forms: from the client, from a Parquet file of the server's, to the client.

use crate::bind::{object_name, quote};
use crate::dml::CopyTarget;
use crate::plan::{Params, StatementCx};
use crate::session::{SqlSession, columns, physical, plan_query, rows_of, run_plan};
use cvx_session::{CopyFormat, CopyIn, Outcome};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget as Target, Ident,
    ObjectName, Query, SelectItem, SetExpr, Statement,
};

pub async fn run(
    session: &mut SqlSession,
    statement: &Statement,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let Statement::Copy { source, to, target, options, legacy_options, .. } = statement else {
        return Err(SqlError::unsupported("this form of COPY"));
    };
    let format = Options::read(options, legacy_options)?.format()?;
    match (to, source, target) {
        (false, CopySource::Table { table_name, columns }, Target::Stdin) => {
            copy_in(session, table_name, columns, format, params, text)
        }
        (false, CopySource::Table { table_name, columns }, Target::File { filename }) => {
            crate::import::run(session, table_name, columns, filename, params, text).await
        }
        (true, source, Target::Stdout) => copy_out(session, source, format, params, text).await,
        (true, _, Target::File { .. }) => Err(SqlError::unsupported("COPY TO a file of the server")
            .hint("Use COPY ... TO STDOUT, or psql's \\copy.")),
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
            let plan = plan_query(cx, query)?;
            let columns = columns(cx, &plan);
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
            SelectItem::UnnamedExpr(datafusion::sql::sqlparser::ast::Expr::Identifier(ident.clone()))
        };
        select.projection = columns.iter().map(item).collect();
    }
    Ok(*query)
}

/// COPY's options before their defaults are known.
#[derive(Default)]
struct Options {
    format: Option<String>,
    delimiter: Option<char>,
    null: Option<String>,
    header: bool,
    quote: Option<char>,
    escape: Option<char>,
}

impl Options {
    fn read(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<Self> {
        let mut said = Self::default();
        for option in options {
            said.option(option)?;
        }
        for option in legacy {
            said.legacy(option)?;
        }
        Ok(said)
    }

    fn option(&mut self, option: &CopyOption) -> Result<()> {
        match option {
            CopyOption::Format(name) => self.format = Some(name.value.to_lowercase()),
            CopyOption::Freeze(_) => {}
            CopyOption::Delimiter(delimiter) => self.delimiter = Some(*delimiter),
            CopyOption::Null(null) => self.null = Some(null.clone()),
            CopyOption::Header(header) => self.header = *header,
            CopyOption::Quote(quote) => self.quote = Some(*quote),
            CopyOption::Escape(escape) => self.escape = Some(*escape),
            CopyOption::Encoding(name) if name.to_lowercase().replace('-', "") == "utf8" => {}
            other => return Err(SqlError::unsupported(format!("COPY option {other}"))),
        }
        Ok(())
    }

    fn legacy(&mut self, option: &CopyLegacyOption) -> Result<()> {
        match option {
            CopyLegacyOption::Binary => self.format = Some("binary".to_owned()),
            CopyLegacyOption::Delimiter(delimiter) => self.delimiter = Some(*delimiter),
            CopyLegacyOption::Null(null) => self.null = Some(null.clone()),
            CopyLegacyOption::Header => self.header = true,
            CopyLegacyOption::Csv(csv) => {
                self.format = Some("csv".to_owned());
                for option in csv {
                    match option {
                        CopyLegacyCsvOption::Header => self.header = true,
                        CopyLegacyCsvOption::Quote(quote) => self.quote = Some(*quote),
                        CopyLegacyCsvOption::Escape(escape) => self.escape = Some(*escape),
                        other => {
                            return Err(SqlError::unsupported(format!("COPY option {other}")));
                        }
                    }
                }
            }
            other => return Err(SqlError::unsupported(format!("COPY option {other}"))),
        }
        Ok(())
    }

    fn format(self) -> Result<CopyFormat> {
        let byte = |given: Option<char>, default: u8, name: &str| match given {
            None => Ok(default),
            Some(c) => u8::try_from(c).ok().filter(u8::is_ascii).ok_or_else(|| {
                SqlError::unsupported(format!("a COPY {name} of more than one byte"))
            }),
        };
        match self.format.as_deref() {
            None | Some("text") => Ok(CopyFormat::Text {
                delimiter: byte(self.delimiter, b'\t', "delimiter")?,
                null: self.null.unwrap_or_else(|| "\\N".to_owned()),
                header: self.header,
            }),
            Some("csv") => {
                let quote = byte(self.quote, b'"', "quote")?;
                Ok(CopyFormat::Csv {
                    delimiter: byte(self.delimiter, b',', "delimiter")?,
                    null: self.null.unwrap_or_default(),
                    header: self.header,
                    quote,
                    escape: byte(self.escape, quote, "escape")?,
                })
            }
            Some("binary") => Ok(CopyFormat::Binary),
            Some(other) => Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                format!("COPY format \"{other}\" not recognized"),
            )),
        }
    }
}
