//! `*` where hidden columns are in sight: spelt out, so that it never shows them.

use super::names::{ident_name, object_name, quote};
use crate::access::denied;
use cvx_engine::Table;
use cvx_types::Result;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Select, SelectItem, SelectItemQualifiedWildcardKind,
    TableFactor, WildcardAdditionalOptions,
};

/// A relation of FROM as `*` sees it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    name: Option<Ident>,
    /// The user's columns of a base table; other relations show all they have.
    columns: Option<Vec<String>>,
    /// The name of a table of which only some columns may be read.
    partly: Option<String>,
    /// A base table's vectors, and the column that says their time.
    timed: Option<(Vec<String>, String)>,
}

impl Shown {
    pub(super) fn whole(factor: &TableFactor) -> Self {
        Self { name: name_of(factor), columns: None, partly: None, timed: None }
    }

    /// `partly`: not all of it may be read.
    pub(super) fn table(factor: &TableFactor, table: &Table, partly: bool) -> Self {
        let columns = table.columns.iter().map(|column| column.name.clone()).collect();
        let partly = partly.then(|| table.name.clone());
        Self { name: name_of(factor), columns: Some(columns), partly, timed: timed(table) }
    }

    /// The time of the rows that a vector belongs to, as this relation's column.
    pub(super) fn time_of(&self, relation: Option<&str>, vector: &str) -> Option<Expr> {
        let (vectors, time) = self.timed.as_ref()?;
        let name = self.name.as_ref()?;
        let ours = relation.is_none_or(|relation| ident_name(name) == relation);
        let column = || Expr::CompoundIdentifier(vec![name.clone(), quote(time)]);
        (ours && vectors.iter().any(|known| known == vector)).then(column)
    }

    fn items(&self) -> Vec<SelectItem> {
        let Some(name) = &self.name else {
            return vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        };
        match &self.columns {
            Some(columns) => columns
                .iter()
                .map(|column| Expr::CompoundIdentifier(vec![name.clone(), quote(column)]))
                .map(SelectItem::UnnamedExpr)
                .collect(),
            None => {
                let object = ObjectName(vec![ObjectNamePart::Identifier(name.clone())]);
                let kind = SelectItemQualifiedWildcardKind::ObjectName(object);
                vec![SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions::default())]
            }
        }
    }
}

fn timed(table: &Table) -> Option<(Vec<String>, String)> {
    let time = table.column_by_id(table.valid_time?)?.name.clone();
    let vectors = table.columns.iter().filter(|column| column.dimension().is_some());
    Some((vectors.map(|column| column.name.clone()).collect(), time))
}

fn name_of(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { name, alias, .. } => alias
            .as_ref()
            .map(|alias| alias.name.clone())
            .or_else(|| object_name(name).last().map(|last| quote(last))),
        TableFactor::Derived { alias, .. } | TableFactor::Function { alias, .. } => {
            alias.as_ref().map(|alias| alias.name.clone())
        }
        _ => None,
    }
}

/// 42501 for a `*` over a table of which only some columns may be read.
pub(super) fn check(select: &Select, shown: &[Shown]) -> Result<()> {
    let mut partly = shown.iter().filter_map(|shown| Some((shown, shown.partly.as_ref()?)));
    let found = partly.find(|(relation, _)| {
        select.projection.iter().any(|item| match item {
            SelectItem::Wildcard(_) => true,
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(object),
                _,
            ) => object_name(object).last() == relation.name.as_ref().map(ident_name).as_ref(),
            _ => false,
        })
    });
    match found {
        Some((_, table)) => Err(denied(&format!("table {table}"))),
        None => Ok(()),
    }
}

/// Replaces `*` and `t.*` by the columns they mean.
pub(super) fn expand(select: &mut Select, shown: &[Shown]) -> Result<()> {
    if shown.iter().all(|relation| relation.columns.is_none()) {
        return Ok(());
    }
    let items = std::mem::take(&mut select.projection);
    select.projection = items.into_iter().flat_map(|item| expanded(item, shown)).collect();
    Ok(())
}

fn expanded(item: SelectItem, shown: &[Shown]) -> Vec<SelectItem> {
    match item {
        SelectItem::Wildcard(_) => shown.iter().flat_map(Shown::items).collect(),
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(object),
            options,
        ) => {
            let wanted = object_name(&object);
            let relation = shown
                .iter()
                .find(|relation| relation.name.as_ref().map(ident_name).as_ref() == wanted.last());
            match relation {
                Some(relation) => relation.items(),
                None => vec![SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(object),
                    options,
                )],
            }
        }
        other => vec![other],
    }
}
