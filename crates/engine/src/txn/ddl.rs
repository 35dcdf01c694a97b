//! DDL: staged in the transaction, in effect at its commit.

use super::Txn;
use crate::catalog::Effect;
use crate::table_store::TableStore;
use crate::{Catalog, CatalogChange, Result};
use cvx_core::SpaceId;
use std::collections::HashMap;
use std::sync::Arc;

/// The catalog as the transaction wants it.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) created: HashMap<SpaceId, Arc<TableStore>>,
    pub(crate) dropped: Vec<SpaceId>,
}

impl Txn {
    /// Stages a change; the transaction's catalog has it at once, everybody else's after commit.
    pub fn ddl(&mut self, change: CatalogChange) -> Result<()> {
        let core = Arc::clone(self.engine.core());
        core.check_poison()?;
        let base = &self.catalog;
        let staged = self.ddl.get_or_insert_with(|| Staged {
            catalog: Arc::clone(base),
            created: HashMap::new(),
            dropped: Vec::new(),
        });
        let mut catalog = Catalog::clone(&staged.catalog);
        match catalog.apply(change, &core.numbers)? {
            Effect::Created(table) => {
                let store = Arc::new(TableStore::new(&table)?);
                staged.created.insert(table.space, store);
            }
            Effect::Dropped(spaces) => {
                for space in spaces {
                    // A table of this transaction was never there for anybody else.
                    if staged.created.remove(&space).is_none() {
                        staged.dropped.push(space);
                    }
                    if let Some(own) = self.tables.remove(&space) {
                        self.spilled.extend(own.state.write().settle()?);
                    }
                }
            }
            Effect::Definition => {}
        }
        staged.catalog = Arc::new(catalog);
        Ok(())
    }
}
