//! Trained models: kept in the data directory, decoded once, shared by all reads.
//!
//! What a model is, the engine does not know: whoever trained it gives bytes and reads bytes. The
//! decoded value stays in memory until another is stored in its place. [`Engine::load_models`] has
//! them all there before anybody asks.
//!
//! A model has learnt from its table's points, and is made of what it learnt. So it goes when
//! points are erased, and what was trained on a snapshot from before the erasure is not kept.

use crate::core::Core;
use crate::read::TableRead;
use crate::{Engine, Error, Result};
use cvx_core::SpaceId;
use cvx_storage::Store;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Models in memory.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By space and column.
    decoded: HashMap<(SpaceId, u16), Arc<dyn Any + Send + Sync>>,
    /// Spaces that lost points for good, and the commit after which that was.
    erased: HashMap<SpaceId, u64>,
}

impl Models {
    /// Removes a space's models, in memory and on disk, and refuses those of older snapshots.
    pub(crate) fn forget(&self, store: &Store, space: SpaceId, seq: u64) -> Result<()> {
        let mut known = self.0.lock();
        known.erased.insert(space, seq);
        known.decoded.retain(|(of, _), _| *of != space);
        store.remove_models(space)?;
        Ok(())
    }
}

impl Engine {
    /// Reads all models that are not in memory yet, and says how many are there then. What cannot
    /// be read or decoded is told by its file; the others are not kept from work.
    pub fn load_models<T: Send + Sync + 'static>(
        &self,
        decode: impl Fn(&[u8]) -> std::result::Result<T, String>,
        mut damaged: impl FnMut(&Path, String),
    ) -> Result<usize> {
        let mut there = 0;
        for (space, column, path) in self.core().store.models()? {
            match known(self.core(), (space, column), &decode) {
                Ok(model) => there += usize::from(model.is_some()),
                Err(reason) => damaged(&path, reason.to_string()),
            }
        }
        Ok(there)
    }
}

/// A model from memory, or from disk into memory.
fn known<T: Send + Sync + 'static>(
    core: &Core,
    key: (SpaceId, u16),
    decode: impl FnOnce(&[u8]) -> std::result::Result<T, String>,
) -> Result<Option<Arc<T>>> {
    // Held while reading, so that a model is decoded once, and none older replaces a newer.
    let models = &mut core.models.0.lock().decoded;
    let known = models.get(&key).map(|model| Arc::clone(model).downcast::<T>());
    if let Some(Ok(model)) = known {
        return Ok(Some(model));
    }
    let Some(bytes) = core.store.read_model(key.0, key.1)? else { return Ok(None) };
    let what = |reason| Error::Corrupt(format!("the model of column {}: {reason}", key.1));
    let model = Arc::new(decode(&bytes).map_err(what)?);
    models.insert(key, Arc::clone(&model) as Arc<dyn Any + Send + Sync>);
    Ok(Some(model))
}

impl TableRead {
    /// The model of a vector column, by `decode` where it is not in memory yet; `None` without
    /// one.
    pub fn model<T: Send + Sync + 'static>(
        &self,
        column: u16,
        decode: impl FnOnce(&[u8]) -> std::result::Result<T, String>,
    ) -> Result<Option<Arc<T>>> {
        let (core, key) = self.model_key(column);
        known(core, key, decode)
    }

    /// Keeps a model of a vector column, durably, in the place of an older one. A conflict if
    /// points were erased since this read's snapshot.
    pub fn store_model<T: Send + Sync + 'static>(
        &self,
        column: u16,
        bytes: &[u8],
        model: T,
    ) -> Result<()> {
        let (core, key) = self.model_key(column);
        let mut models = core.models.0.lock();
        if models.erased.get(&key.0).is_some_and(|seq| self.0.snapshot < *seq) {
            return Err(Error::Conflict);
        }
        core.store.write_model(key.0, key.1, bytes)?;
        models.decoded.insert(key, Arc::new(model));
        Ok(())
    }

    fn model_key(&self, column: u16) -> (&Core, (SpaceId, u16)) {
        (&self.0.core, (self.0.layout.table.space, column))
    }
}
