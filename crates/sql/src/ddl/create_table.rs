//! CREATE TABLE: columns, keys, and what of them is the entity and the valid time.

use super::monitor::Watchable;
use super::options::Said;
use super::{DdlPlan, place};
use crate::bind::ident_name;
use crate::plan::StatementCx;
use crate::types::resolve_type;
use cvx_core::SpaceId;
use cvx_engine::{CatalogChange, ColumnDef, Table, TableOptions};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    self, ColumnOption, CreateTable, CreateTableOptions, DataType, Expr, GeneratedAs, SqlOption,
    TableConstraint,
};

const TAG: &str = "CREATE TABLE";
const COLUMNS_MAX: usize = 1_600;

pub(super) fn plan(cx: &StatementCx<'_>, create: &CreateTable) -> Result<DdlPlan> {
    refuse_forms(create)?;
    let (schema, name) = place(cx, &create.name)?;
    if create.if_not_exists && cx.catalog.table(&schema, &name).is_some() {
        return Ok(
            DdlPlan::new(TAG).notice(format!("relation \"{name}\" already exists, skipping"))
        );
    }
    if create.columns.len() > COLUMNS_MAX {
        return Err(SqlError::new(
            SqlState("54011"),
            format!("tables can have at most {COLUMNS_MAX} columns"),
        ));
    }
    let mut columns = Columns::default();
    for column in &create.columns {
        columns.add(cx, column)?;
    }
    for constraint in &create.constraints {
        columns.constraint(constraint)?;
    }
    let said = Said::read(with_list(&create.table_options)?, TableOptions::standard())?;
    let axes = columns.axes(&said)?;
    let watchable = Watchable { columns: &columns.list, is_temporal: axes.valid_time.is_some() };
    let monitor = said.monitor.settle(None, watchable)?;
    let table = Table {
        oid: 0,
        space: SpaceId(0),
        schema,
        name: name.clone(),
        key: columns.key_ids()?,
        columns: columns.list,
        entity: axes.entity,
        valid_time: axes.valid_time,
        options: TableOptions { monitor, ..said.options },
        indexes: Vec::new(),
        comment: None,
        key_index_oid: 0,
    };
    let mut plan = DdlPlan::change(TAG, CatalogChange::CreateTable(table));
    if let Some(implied) = axes.implied {
        plan = plan.notice(implied);
    }
    Ok(plan)
}

fn refuse_forms(create: &CreateTable) -> Result<()> {
    let unsupported = [
        (create.query.is_some(), "CREATE TABLE AS"),
        (create.like.is_some(), "CREATE TABLE ... LIKE"),
        (create.temporary, "CREATE TEMPORARY TABLE"),
        (create.external, "CREATE EXTERNAL TABLE"),
        (create.inherits.is_some(), "INHERITS"),
        (create.partition_by.is_some() || create.partition_of.is_some(), "PARTITION BY"),
        (create.or_replace, "CREATE OR REPLACE TABLE"),
    ];
    match unsupported.into_iter().find(|(given, _)| *given) {
        Some((_, what)) => Err(SqlError::unsupported(what)),
        None => Ok(()),
    }
}

fn with_list(options: &CreateTableOptions) -> Result<&[SqlOption]> {
    match options {
        CreateTableOptions::None => Ok(&[]),
        CreateTableOptions::With(list) => Ok(list),
        other => Err(SqlError::unsupported(format!("{other}"))),
    }
}

/// Columns and key as they are read.
#[derive(Default)]
struct Columns {
    list: Vec<ColumnDef>,
    key: Vec<String>,
}

/// Which columns are the entity and the time, and what to tell if nobody said so.
struct Axes {
    entity: Option<u16>,
    valid_time: Option<u16>,
    implied: Option<String>,
}

impl Columns {
    fn add(&mut self, cx: &StatementCx<'_>, column: &ast::ColumnDef) -> Result<()> {
        let def = column_def(cx, column, self.list.len())?;
        if self.list.iter().any(|known| known.name == def.name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", def.name),
            ));
        }
        if column.options.iter().any(|o| matches!(o.option, ColumnOption::PrimaryKey(_))) {
            self.set_key(vec![def.name.clone()])?;
        }
        self.list.push(def);
        Ok(())
    }

    fn constraint(&mut self, constraint: &TableConstraint) -> Result<()> {
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                let names = key.columns.iter().map(|column| match &column.column.expr {
                    Expr::Identifier(ident) => Ok(ident_name(ident)),
                    other => Err(SqlError::unsupported(format!("{other} in a primary key"))),
                });
                self.set_key(names.collect::<Result<_>>()?)
            }
            other => Err(SqlError::unsupported(format!("constraint {other}"))),
        }
    }

    fn set_key(&mut self, names: Vec<String>) -> Result<()> {
        if !self.key.is_empty() {
            return Err(SqlError::new(
                SqlState::INVALID_TABLE_DEFINITION,
                "multiple primary keys are not allowed",
            ));
        }
        self.key = names;
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&ColumnDef> {
        self.list.iter().find(|column| column.name == name).ok_or_else(|| {
            SqlError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" named in key does not exist"),
            )
        })
    }

    fn key_ids(&mut self) -> Result<Vec<u16>> {
        let ids =
            self.key.iter().map(|name| Ok(self.find(name)?.id)).collect::<Result<Vec<_>>>()?;
        for column in &mut self.list {
            column.not_null |= ids.contains(&column.id);
        }
        Ok(ids)
    }

    fn axes(&self, said: &Said) -> Result<Axes> {
        match (&said.entity, &said.valid_time) {
            (None, None) => self.implied_axes(),
            (Some(entity), Some(time)) => self.named_axes(entity, time),
            (None, Some(time)) => {
                let others: Vec<_> = self.key.iter().filter(|name| *name != time).collect();
                match others.as_slice() {
                    [entity] => self.named_axes(entity, time),
                    _ => Err(key_shape()),
                }
            }
            (Some(_), None) => Err(SqlError::new(
                SqlState::INVALID_PARAMETER,
                "option \"entity\" needs option \"valid_time\"",
            )),
        }
    }

    fn named_axes(&self, entity: &str, time: &str) -> Result<Axes> {
        let (entity, time) = (self.find(entity)?, self.find(time)?);
        let named = self.key.contains(&entity.name) && self.key.contains(&time.name);
        if !named || self.key.len() != 2 || entity.id == time.id {
            return Err(key_shape());
        }
        if !is_entity(entity) {
            return Err(SqlError::unsupported(format!("an entity of type {}", entity.ty.name()))
                .hint("An entity is a BIGINT, INT, TEXT or UUID column."));
        }
        if !is_time(time, true) {
            return Err(SqlError::unsupported(format!("valid time of type {}", time.ty.name()))
                .hint("Valid time is TIMESTAMPTZ, TIMESTAMP or BIGINT microseconds."));
        }
        Ok(Axes { entity: Some(entity.id), valid_time: Some(time.id), implied: None })
    }

    /// Silent WITH: only for a vector table whose key is exactly an entity and a timestamp.
    fn implied_axes(&self) -> Result<Axes> {
        let none = Axes { entity: None, valid_time: None, implied: None };
        let has_vector = self.list.iter().any(|column| column.ty.is_vector());
        let [first, second] = self.key.as_slice() else { return Ok(none) };
        let (first, second) = (self.find(first)?, self.find(second)?);
        let (entity, time) = if is_time(second, false) { (first, second) } else { (second, first) };
        if !has_vector || !is_entity(entity) || !is_time(time, false) {
            return Ok(none);
        }
        let implied = format!(
            "valid time is implied: entity = '{}', valid_time = '{}'; points of an entity must \
             come in the order of time (out_of_order = 'reject')",
            entity.name, time.name
        );
        Ok(Axes { entity: Some(entity.id), valid_time: Some(time.id), implied: Some(implied) })
    }
}

fn key_shape() -> SqlError {
    SqlError::unsupported("valid time with a primary key of other columns than entity and time")
        .hint("PRIMARY KEY (entity, valid_time) with exactly these two columns.")
}

fn is_entity(column: &ColumnDef) -> bool {
    matches!(
        column.ty,
        PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Text | PgType::Varchar | PgType::Uuid
    )
}

fn is_time(column: &ColumnDef, said: bool) -> bool {
    matches!(column.ty, PgType::Timestamptz | PgType::Timestamp)
        || (said && column.ty == PgType::Int8)
}

/// A column from its definition, the `index`-th of its table.
pub(super) fn column_def(
    cx: &StatementCx<'_>,
    column: &ast::ColumnDef,
    index: usize,
) -> Result<ColumnDef> {
    let id = u16::try_from(index + 1).unwrap_or(u16::MAX);
    let name = ident_name(&column.name);
    if crate::bind::HIDDEN.contains(&name.as_str())
        || ["_entity", "_ts", "_seq"].contains(&name.as_str())
    {
        return Err(SqlError::new(
            SqlState("42939"),
            format!("column name \"{name}\" is reserved"),
        ));
    }
    let (ty, typmod, serial) = column_type(&column.data_type)?;
    let mut def = ColumnDef::new(id, &name, ty, typmod);
    if serial {
        def.sequence = Some(0);
        def.not_null = true;
    }
    for option in &column.options {
        column_option(cx, &mut def, &option.option)?;
    }
    Ok(def)
}

/// What stands as the default of an identity column that takes no other value.
pub(crate) const GENERATED_ALWAYS: &str = "GENERATED ALWAYS";

fn column_option(cx: &StatementCx<'_>, def: &mut ColumnDef, option: &ColumnOption) -> Result<()> {
    match option {
        ColumnOption::Null => {}
        ColumnOption::NotNull => def.not_null = true,
        ColumnOption::PrimaryKey(_) => def.not_null = true,
        ColumnOption::Default(expr) => {
            cx.constant(expr, &def.ty, def.typmod)?;
            def.default = Some(expr.to_string());
        }
        ColumnOption::Generated { generated_as, generation_expr: None, .. }
            if matches!(generated_as, GeneratedAs::Always | GeneratedAs::ByDefault) =>
        {
            def.sequence = Some(0);
            def.not_null = true;
            if matches!(generated_as, GeneratedAs::Always) {
                def.default = Some(GENERATED_ALWAYS.to_owned());
            }
        }
        ColumnOption::Identity(_) => {
            def.sequence = Some(0);
            def.not_null = true;
        }
        other => return Err(SqlError::unsupported(format!("column option {other}"))),
    }
    Ok(())
}

/// A column's type, modifier, and whether it counts by itself.
fn column_type(data_type: &DataType) -> Result<(PgType, i32, bool)> {
    if let DataType::Custom(name, _) = data_type {
        let serial = match crate::bind::object_name(name).last().map(String::as_str) {
            Some("bigserial" | "serial8") => Some(PgType::Int8),
            Some("serial" | "serial4") => Some(PgType::Int4),
            Some("smallserial" | "serial2") => Some(PgType::Int2),
            _ => None,
        };
        if let Some(ty) = serial {
            return Ok((ty, -1, true));
        }
    }
    let (ty, typmod) = resolve_type(data_type)?;
    Ok((ty, typmod, false))
}
