//! A table as the catalog knows it.

use super::{IndexDef, Monitor};
use crate::{Error, Result};
use arrow::datatypes::{Field, Schema, SchemaRef};
use cvx_core::{Metric, SpaceId};
use cvx_types::PgType;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A table's definition. `Arc<Table>` is one version of it: a change makes a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Given by the engine at CREATE; what the caller sets is ignored, as `space` is.
    pub oid: u32,
    pub space: SpaceId,
    pub schema: String,
    pub name: String,
    /// In table order; ids grow and are never reused.
    pub columns: Vec<ColumnDef>,
    /// Column ids of the primary key, in key order; empty without one.
    pub key: Vec<u16>,
    /// Column id of the entity of a table with valid time.
    pub entity: Option<u16>,
    /// Column id of the valid time.
    pub valid_time: Option<u16>,
    pub options: TableOptions,
    pub indexes: Vec<IndexDef>,
    pub comment: Option<String>,
    /// The OID of the primary key's index, 0 without one; given by the engine.
    pub key_index_oid: u32,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDef {
    /// Names the column in storage.
    pub id: u16,
    pub attnum: i16,
    pub name: String,
    pub ty: PgType,
    pub typmod: i32,
    pub not_null: bool,
    /// SQL text.
    pub default: Option<String>,
    /// The sequence behind serial and identity columns; any value at CREATE asks for a new one.
    pub sequence: Option<u32>,
    /// What rows older than ADD COLUMN hold, as the engine keeps it; see
    /// [`crate::CatalogChange::AddColumn`].
    pub missing: Option<Vec<u8>>,
}

/// What WITH may say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableOptions {
    pub metric: Metric,
    pub time_scale_us: i64,
    pub out_of_order: OutOfOrder,
    pub partition_us: Option<i64>,
    pub keyframe_interval: u32,
    /// 0 is lossless; else the largest error per dimension in delta blocks.
    pub delta_epsilon: f64,
    pub history_retention_us: Option<i64>,
    /// Kept behind the tables, where older catalogs have nothing.
    #[serde(skip)]
    pub monitor: Option<Monitor>,
}

/// What an INSERT before an entity's last point meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutOfOrder {
    Reject,
    Accept,
}

/// 30 days, the default `time_scale`.
pub const TIME_SCALE_US: i64 = 30 * 24 * 3_600 * 1_000_000;
/// 7 days, the default `partition`.
pub const PARTITION_US: i64 = 7 * 24 * 3_600 * 1_000_000;

impl TableOptions {
    /// What a table has where WITH is silent.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            metric: Metric::Cosine,
            time_scale_us: TIME_SCALE_US,
            out_of_order: OutOfOrder::Reject,
            partition_us: Some(PARTITION_US),
            keyframe_interval: 32,
            delta_epsilon: 0.0,
            history_retention_us: None,
            monitor: None,
        }
    }
}

impl ColumnDef {
    /// A nullable column that was there from the start.
    #[must_use]
    pub fn new(id: u16, name: &str, ty: PgType, typmod: i32) -> Self {
        Self {
            id,
            attnum: i16::try_from(id).unwrap_or(i16::MAX),
            name: name.to_owned(),
            ty,
            typmod,
            not_null: false,
            default: None,
            sequence: None,
            missing: None,
        }
    }

    /// The column as readers see it: named, nullable unless NOT NULL, its Postgres type said.
    #[must_use]
    pub fn field(&self) -> Field {
        self.ty.field(&self.name, self.typmod, !self.not_null)
    }

    /// The dimension of a column of dense vectors, which can be searched.
    #[must_use]
    pub fn dimension(&self) -> Option<usize> {
        match self.ty {
            PgType::Vector | PgType::Halfvec => {
                usize::try_from(self.typmod).ok().filter(|d| *d > 0)
            }
            _ => None,
        }
    }
}

impl Table {
    /// Whether points have a valid time.
    #[must_use]
    pub fn is_temporal(&self) -> bool {
        self.valid_time.is_some()
    }

    /// The column with this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDef> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column with this id.
    #[must_use]
    pub fn column_by_id(&self, id: u16) -> Option<&ColumnDef> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The index that can answer for a column under a metric.
    #[must_use]
    pub fn index_of(&self, column: u16, metric: Metric) -> Option<&IndexDef> {
        let serves = |index: &&IndexDef| index.column == column && index.answers() == Some(metric);
        self.indexes.iter().find(serves)
    }

    /// Where in table order the column with this id stands.
    #[must_use]
    pub fn position(&self, id: u16) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }

    /// As `position`, for ids that come from the table itself.
    pub(crate) fn place(&self, id: u16) -> Result<usize> {
        let lost = || Error::Corrupt(format!("table {} has no column {id}", self.name));
        self.position(id).ok_or_else(lost)
    }

    /// The columns in table order, as an INSERT's batch must have them.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(ColumnDef::field).collect::<Vec<_>>()))
    }
}
