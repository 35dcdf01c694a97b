//! What new transactions see: one pointer, replaced at once when commits become visible.

use crate::table_store::TableStore;
use crate::{Catalog, Error, Result};
use cvx_core::SpaceId;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) type Stores = HashMap<SpaceId, Arc<TableStore>>;

/// The state after a commit. Who takes it and then a table's segments sees at least that state.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) seq: u64,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) stores: Arc<Stores>,
}

impl Published {
    pub(crate) fn store(&self, space: SpaceId) -> Result<&Arc<TableStore>> {
        let lost = || Error::Missing { kind: "table", name: format!("of space {}", space.0) };
        self.stores.get(&space).ok_or_else(lost)
    }
}
