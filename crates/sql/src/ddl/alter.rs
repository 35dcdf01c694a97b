//! ALTER TABLE.

use super::create_table::column_def;
use super::monitor::Watchable;
use super::options::{self, Said};
use super::{DdlPlan, place};
use crate::bind::{ident_name, object_name};
use crate::dml::column;
use crate::plan::StatementCx;
use arrow::array::Array;
use cvx_engine::{CatalogChange, Table, TableOptions};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, Ident, ObjectName, RenameTableNameKind,
};

pub(super) fn plan(cx: &StatementCx<'_>, alter: &AlterTable) -> Result<DdlPlan> {
    const TAG: &str = "ALTER TABLE";
    if alter.if_exists && cx.find_table(&object_name(&alter.name)).is_none() {
        let name = object_name(&alter.name).join(".");
        return Ok(
            DdlPlan::new(TAG).notice(format!("relation \"{name}\" does not exist, skipping"))
        );
    }
    let table = cx.table(&alter.name)?;
    let mut plan = DdlPlan::new(TAG);
    let mut width = table.columns.iter().map(|column| usize::from(column.id)).max().unwrap_or(0);
    for operation in &alter.operations {
        if let AlterTableOperation::AddColumn { if_not_exists: true, column_def, .. } = operation
            && table.column(&ident_name(&column_def.name)).is_some()
        {
            let name = ident_name(&column_def.name);
            plan = plan.notice(format!("column \"{name}\" already exists, skipping"));
            continue;
        }
        plan.changes.push(change(cx, &table, operation, &mut width)?);
    }
    Ok(plan)
}

fn change(
    cx: &StatementCx<'_>,
    table: &Table,
    operation: &AlterTableOperation,
    width: &mut usize,
) -> Result<CatalogChange> {
    let oid = table.oid;
    Ok(match operation {
        AlterTableOperation::AddColumn { column_def: syntax, .. } => {
            let def = column_def(cx, syntax, *width)?;
            *width += 1;
            add_column(cx, table, def)?
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            let id = column(table, &ident_name(old_column_name))?.id;
            CatalogChange::RenameColumn { oid, id, name: ident_name(new_column_name) }
        }
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
            CatalogChange::RenameTable { oid, name: place(cx, name)?.1 }
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            alter_column(cx, table, &ident_name(column_name), op)?
        }
        AlterTableOperation::SetOptionsParens { options } => {
            let said = Said::read(options, table.options.clone())?;
            if said.entity.is_some() || said.valid_time.is_some() {
                return Err(SqlError::unsupported("changing a table's time axes"));
            }
            let watchable = Watchable { columns: &table.columns, is_temporal: table.is_temporal() };
            let monitor = said.monitor.settle(table.options.monitor, watchable)?;
            CatalogChange::SetOptions { oid, options: TableOptions { monitor, ..said.options } }
        }
        other => return Err(SqlError::unsupported(format!("ALTER TABLE {other}"))),
    })
}

/// `ALTER TABLE t RESET (option, ...)`
pub(crate) fn reset_options(
    cx: &StatementCx<'_>,
    name: &ObjectName,
    options: &[Ident],
) -> Result<DdlPlan> {
    let table = cx.table(name)?;
    let options = options::reset(options, table.options.clone())?;
    let change = CatalogChange::SetOptions { oid: table.oid, options };
    Ok(DdlPlan::change("ALTER TABLE", change))
}

fn add_column(
    cx: &StatementCx<'_>,
    table: &Table,
    def: cvx_engine::ColumnDef,
) -> Result<CatalogChange> {
    if def.sequence.is_some() {
        return Err(SqlError::unsupported("adding a column that counts by itself"));
    }
    let missing = match &def.default {
        Some(text) => {
            let expr = cvx_dialect::parse_expr(text).map_err(crate::limits::from_parse)?;
            Some(cx.constant(&expr, &def.ty, def.typmod)?)
        }
        None => None,
    };
    let empty = cx.txn.read(&cx.table_by(table)?).map_err(crate::error::from_engine)?;
    let without = missing.as_ref().is_none_or(|value| value.is_null(0));
    if def.not_null && without && empty.row_count_hint() > 0 {
        return Err(SqlError::new(
            SqlState::NOT_NULL_VIOLATION,
            format!("column \"{}\" of relation \"{}\" contains null values", def.name, table.name),
        ));
    }
    Ok(CatalogChange::AddColumn { oid: table.oid, column: def, missing })
}

fn alter_column(
    cx: &StatementCx<'_>,
    table: &Table,
    name: &str,
    operation: &AlterColumnOperation,
) -> Result<CatalogChange> {
    let (oid, def) = (table.oid, column(table, name)?);
    let id = def.id;
    Ok(match operation {
        AlterColumnOperation::SetDefault { value } => {
            cx.constant(value, &def.ty, def.typmod)?;
            CatalogChange::SetDefault { oid, id, default: Some(value.to_string()) }
        }
        AlterColumnOperation::DropDefault => CatalogChange::SetDefault { oid, id, default: None },
        AlterColumnOperation::DropNotNull => CatalogChange::SetNotNull { oid, id, not_null: false },
        other => return Err(SqlError::unsupported(format!("ALTER COLUMN {other}"))),
    })
}
