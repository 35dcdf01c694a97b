//! `\d` and its kin: what the catalog says, as tables.

use super::arguments::{like, name};
use super::wrong;
use crate::error::{Error, Result};
use crate::print::{Column, Shape, table};
use crate::session::Session;
use crate::sql::literal;
use crate::wire::Row;

/// Title, columns, query; `{}` is the condition on the name.
type List = (&'static str, &'static [&'static str], &'static str);

const RELATIONS: &str = "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'table' \
     WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' \
     ELSE c.relkind::text END, array_to_string(c.reloptions, ', ') \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
     AND c.relkind IN ({kinds}) AND c.relname LIKE {} ORDER BY 1, 2";

const INDEXES: List = (
    "Indexes",
    &["Schema", "Name", "Table", "Method", "Definition"],
    "SELECT n.nspname, i.relname, t.relname, m.amname, pg_catalog.pg_get_indexdef(i.oid) \
     FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
     JOIN pg_catalog.pg_class t ON t.oid = x.indrelid \
     JOIN pg_catalog.pg_am m ON m.oid = i.relam \
     JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace \
     WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast') AND i.relname LIKE {} ORDER BY 1, 2",
);

const FUNCTIONS: List = (
    "Functions",
    &["Schema", "Name", "Arguments", "Result"],
    "SELECT n.nspname, p.proname, pg_catalog.pg_get_function_arguments(p.oid), \
     pg_catalog.pg_get_function_result(p.oid) FROM pg_catalog.pg_proc p \
     JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
     WHERE p.proname LIKE {} ORDER BY 1, 2, 3",
);

const SCHEMAS: List = (
    "Schemas",
    &["Name", "Owner"],
    "SELECT nspname, pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace \
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname LIKE {} ORDER BY 1",
);

const ROLES: List = (
    "Roles",
    &["Name", "Superuser", "Login"],
    "SELECT rolname, rolsuper, rolcanlogin FROM pg_catalog.pg_roles WHERE rolname LIKE {} \
     AND rolname !~ '^pg_' ORDER BY 1",
);

const EXTENSIONS: List = (
    "Extensions",
    &["Name", "Version", "Schema"],
    "SELECT e.extname, e.extversion, n.nspname FROM pg_catalog.pg_extension e \
     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
     WHERE e.extname LIKE {} ORDER BY 1",
);

const DATABASES: List = (
    "Databases",
    &["Name", "Owner", "Encoding"],
    "SELECT datname, pg_catalog.pg_get_userbyid(datdba), pg_catalog.pg_encoding_to_char(encoding) \
     FROM pg_catalog.pg_database WHERE datname LIKE {} ORDER BY 1",
);

pub(super) fn describe(session: &mut Session, command: &str, words: &[&str]) -> Result<()> {
    if let ("\\d", [relation]) = (command, words) {
        return one(session, relation);
    }
    let pattern = match words {
        [] => "*",
        [pattern] => pattern,
        _ => return Err(wrong(command)),
    };
    match command {
        "\\d" => relations(session, "Relations", "'r', 'v', 'm', 'S'", pattern),
        "\\dt" => relations(session, "Tables", "'r'", pattern),
        "\\dv" => relations(session, "Views", "'v', 'm'", pattern),
        "\\ds" => relations(session, "Sequences", "'S'", pattern),
        "\\di" => list(session, INDEXES, pattern),
        "\\df" => list(session, FUNCTIONS, pattern),
        "\\dn" => list(session, SCHEMAS, pattern),
        "\\du" => list(session, ROLES, pattern),
        "\\dx" => list(session, EXTENSIONS, pattern),
        "\\l" => list(session, DATABASES, pattern),
        other => Err(wrong(other)),
    }
}

fn relations(session: &mut Session, title: &str, kinds: &str, pattern: &str) -> Result<()> {
    let sql = RELATIONS.replace("{kinds}", kinds).replace("{}", &literal(&like(pattern)));
    let rows = session.connection.rows(&sql)?;
    show(session, title, &["Schema", "Name", "Type", "Options"], rows)
}

fn list(session: &mut Session, (title, columns, sql): List, pattern: &str) -> Result<()> {
    let rows = session.connection.rows(&sql.replace("{}", &literal(&like(pattern))))?;
    show(session, title, columns, rows)
}

fn show(session: &mut Session, title: &str, columns: &[&str], rows: Vec<Row>) -> Result<()> {
    if rows.is_empty() {
        return session.remark(&format!("{title}: none."));
    }
    let column = |name: &&str| Column { name: (*name).to_owned(), shape: Shape::Text };
    let columns = columns.iter().map(column).collect();
    table(title, columns, rows, &mut session.out).map_err(Error::Output)?;
    session.print("")
}

/// One relation: its columns, what of them are its axes, its options and indexes, a view's query.
fn one(session: &mut Session, text: &str) -> Result<()> {
    let found = find(session, text)?;
    let rows = columns(session, &found)?;
    let title = format!("{} \"{}.{}\"", kind(&found.kind), found.schema, found.name);
    show(session, &title, &["Column", "Type", "Nullable", "Default", "Axis"], rows)?;
    let oid = &found.oid;
    if found.kind == "v" {
        let sql = format!("SELECT pg_catalog.pg_get_viewdef({oid})");
        let definition = session.connection.value(&sql)?.unwrap_or_default();
        return session.print(&format!("View definition:\n{definition}\n"));
    }
    let sql = format!(
        "SELECT pg_catalog.pg_get_indexdef(x.indexrelid) FROM pg_catalog.pg_index x \
         WHERE x.indrelid = {oid} ORDER BY x.indisprimary DESC, 1"
    );
    let indexes: Vec<_> = session.connection.rows(&sql)?.into_iter().flatten().flatten().collect();
    for (title, lines) in [("Indexes:", &indexes), ("Options:", &found.options)] {
        if !lines.is_empty() {
            session.print(&format!("{title}\n    {}", lines.join("\n    ")))?;
        }
    }
    session.print("")
}

/// A relation as `pg_class` has it.
pub(super) struct Relation {
    oid: String,
    schema: String,
    name: String,
    kind: String,
    /// `entity=doc_id` and others.
    options: Vec<String>,
}

impl Relation {
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        let value =
            |option: &'_ String| option.split_once('=').is_some_and(|(word, _)| word == name);
        let option = self.options.iter().find(|option| value(option))?;
        option.split_once('=').map(|(_, value)| value)
    }
}

pub(super) fn find(session: &mut Session, text: &str) -> Result<Relation> {
    let (schema, relation) = name(text);
    let condition = match &schema {
        Some(schema) => format!("n.nspname = {}", literal(schema)),
        None => "pg_catalog.pg_table_is_visible(c.oid)".to_owned(),
    };
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, array_to_string(c.reloptions, chr(10)) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = {} AND {condition} LIMIT 1",
        literal(&relation)
    );
    let row = session.connection.rows(&sql)?.into_iter().next();
    let row = row.ok_or_else(|| Error::Usage(format!("there is no relation {text}")))?;
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    let (oid, schema, name, kind) = (next(), next(), next(), next());
    let options = next().lines().map(str::to_owned).collect();
    Ok(Relation { oid, schema, name, kind, options })
}

/// Name, type, nullable, default, axis.
pub(super) fn columns(session: &mut Session, relation: &Relation) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
         CASE WHEN a.attnotnull THEN 'not null' END, pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
         FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d \
         ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attrelid = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        relation.oid
    );
    let mut rows = session.connection.rows(&sql)?;
    for row in &mut rows {
        let name = row.first().cloned().flatten();
        let is = |option: &str| {
            relation.option(option).is_some_and(|value| Some(value) == name.as_deref())
        };
        row.push(match (is("entity"), is("valid_time")) {
            (true, _) => Some("entity".to_owned()),
            (_, true) => Some("valid time".to_owned()),
            _ => None,
        });
    }
    Ok(rows)
}

fn kind(letter: &str) -> &'static str {
    match letter {
        "r" => "Table",
        "v" => "View",
        "m" => "Materialized view",
        "i" => "Index",
        "S" => "Sequence",
        _ => "Relation",
    }
}
