//! DELETE: closes versions; and its FOR PORTION OF VALID_TIME form, which ends entities.

use super::needs::Need;
use super::returning::Returning;
use super::target::Target;
use super::update::{addresses, found, qualified};
use super::{Changed, ReturnShape, rows};
use crate::error::{from_datafusion, from_engine};
use crate::plan::StatementCx;
use cvx_core::{EntityId, ValidTime};
use cvx_dialect::DeletePortion;
use cvx_engine::{Privileges, Table, Txn};
use cvx_types::{Result, SqlError, SqlState};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{Delete, FromTable, Query, TableWithJoins};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct DeletePlan {
    table: Arc<Table>,
    found: SendableRecordBatchStream,
    returning: Option<Returning>,
}

/// DELETE ... FOR PORTION OF VALID_TIME FROM t TO NULL.
pub struct EndPlan {
    table: Arc<Table>,
    found: SendableRecordBatchStream,
    at: ValidTime,
}

/// What a DELETE reads: the rows that match.
pub struct DeleteRead {
    pub table: Arc<Table>,
    pub query: Query,
    pub(super) returning: Option<Returning>,
}

impl DeleteRead {
    pub fn new(cx: &StatementCx<'_>, delete: &Delete) -> Result<Self> {
        let table = target_of(delete)?;
        let mut needs = vec![Need::whole(Privileges::DELETE)];
        if delete.selection.is_some() || delete.returning.is_some() || delete.using.is_some() {
            needs.push(Need::read(delete, delete.returning.as_ref()));
        }
        let target = Target::of(cx, table, &needs)?;
        let returning = Returning::of(cx, delete.returning.as_ref(), &target.table, &target.alias)?;
        let values = match &returning {
            Some(_) => {
                let columns = target.table.columns.iter();
                columns.map(|column| qualified(&target.alias, &column.name)).collect()
            }
            None => Vec::new(),
        };
        let using = delete.using.clone().unwrap_or_default();
        let query = found(&target, table, using, values, delete.selection.clone())?;
        Ok(Self { table: target.table, query, returning })
    }

    pub fn returning(&self) -> Option<&ReturnShape> {
        self.returning.as_ref().map(|returning| &returning.shape)
    }
}

impl DeletePlan {
    pub async fn new(cx: &StatementCx<'_>, delete: &Delete) -> Result<Self> {
        let read = DeleteRead::new(cx, delete)?;
        let found = crate::session::stream_target_query(cx, &read.table, read.query).await?;
        Ok(Self { table: read.table, found, returning: read.returning })
    }

    pub fn returning(&self) -> Option<&ReturnShape> {
        self.returning.as_ref().map(|returning| &returning.shape)
    }

    pub async fn run(mut self, txn: &mut Txn) -> Result<Changed> {
        let mut changed = Changed::default();
        while let Some(batch) = self.found.next().await {
            let batch = batch.map_err(from_datafusion)?;
            let deleted = txn.delete(&self.table, &addresses(&batch)).map_err(from_engine)?;
            changed.count += deleted;
            if let Some(returning) = &self.returning {
                let columns = batch.columns()[3..].to_vec();
                let old = rows::batch(&self.table, columns, batch.num_rows())?;
                changed.returned.push(returning.apply(&old)?);
            }
        }
        Ok(changed)
    }
}

impl EndPlan {
    pub async fn new(cx: &StatementCx<'_>, portion: &DeletePortion) -> Result<Self> {
        let DeletePortion { delete, from, to } = portion;
        if to.is_some() {
            return Err(SqlError::unsupported("FOR PORTION OF VALID_TIME with an end")
                .hint("FROM t TO NULL ends the entity at t."));
        }
        if delete.returning.is_some() {
            return Err(SqlError::unsupported("RETURNING with FOR PORTION OF"));
        }
        let read = DeleteRead::new(cx, delete)?;
        if read.table.valid_time.is_none() {
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("table \"{}\" has no valid time", read.table.name),
            ));
        }
        let at = ValidTime(cx.moment(from)?);
        let found = crate::session::stream_target_query(cx, &read.table, read.query).await?;
        Ok(Self { table: read.table, found, at })
    }

    pub async fn run(mut self, txn: &mut Txn) -> Result<Changed> {
        let mut entities: BTreeSet<EntityId> = BTreeSet::new();
        while let Some(batch) = self.found.next().await {
            let batch = batch.map_err(from_datafusion)?;
            entities.extend(addresses(&batch).iter().map(|addr| addr.entity));
        }
        let entities: Vec<EntityId> = entities.into_iter().collect();
        let count = txn.end(&self.table, &entities, self.at).map_err(from_engine)?;
        Ok(Changed { count, ..Changed::default() })
    }
}

fn target_of(delete: &Delete) -> Result<&TableWithJoins> {
    if !delete.order_by.is_empty() || delete.limit.is_some() || !delete.tables.is_empty() {
        return Err(SqlError::unsupported("this form of DELETE"));
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    match from.as_slice() {
        [table] => Ok(table),
        _ => Err(SqlError::unsupported("DELETE from several tables")),
    }
}
