//! Which versions go.

use crate::segment::Segment;
use crate::table_store::TableStore;
use crate::timeline::{Kind, Version};
use cvx_core::EntityId;
use hashbrown::HashSet;

/// The versions that go. What it says of a segment's row never changes while it stands.
#[derive(Debug)]
pub(crate) enum Doom {
    /// All versions of these points, by (entity, ts).
    Points(HashSet<(u64, i64)>),
    /// Versions closed at a moment or before it, and the entities that have some.
    ClosedBy { moment: u64, entities: Vec<EntityId> },
}

/// What becomes of one entity.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) entity: EntityId,
    pub(crate) gone: Vec<Version>,
    pub(crate) kept: Vec<Version>,
}

impl Doom {
    /// History up to a moment. The horizon is drawn at the last closing that is really there, so
    /// that no read is refused for nothing.
    pub(crate) fn closed_by(store: &TableStore, moment: u64) -> Self {
        let (mut entities, mut last) = (Vec::new(), 0);
        store.lines.for_each(|entity, line| {
            let closed = line.versions.iter().map(|v| v.to).filter(|to| *to <= moment);
            if let Some(to) = closed.max() {
                entities.push(entity);
                last = last.max(to);
            }
        });
        entities.sort_unstable();
        Self::ClosedBy { moment: last, entities }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Points(points) => points.is_empty(),
            Self::ClosedBy { entities, .. } => entities.is_empty(),
        }
    }

    /// Whether a segment's row goes.
    pub(crate) fn takes_row(&self, segment: &Segment, row: usize) -> bool {
        match self {
            Self::Points(points) => points.contains(&(segment.entities[row], segment.ts[row])),
            Self::ClosedBy { moment, .. } => segment.closures.sys_to(row) <= *moment,
        }
    }

    pub(crate) fn takes_any(&self, segment: &Segment) -> bool {
        (0..segment.rows()).any(|row| self.takes_row(segment, row))
    }

    /// The rows of a segment that stay, as (segment, row) of one segment.
    pub(crate) fn kept(&self, segment: &Segment) -> Vec<(usize, usize)> {
        let kept = (0..segment.rows()).filter(|row| !self.takes_row(segment, *row));
        kept.map(|row| (0, row)).collect()
    }

    fn takes(&self, entity: EntityId, version: &Version) -> bool {
        match self {
            Self::Points(points) => {
                version.kind == Kind::Point && points.contains(&(entity.0, version.ts))
            }
            Self::ClosedBy { moment, .. } => version.to <= *moment,
        }
    }

    /// What becomes of each entity that loses something, as things stand now.
    pub(crate) fn fates(&self, store: &TableStore) -> Vec<Fate> {
        let mut entities: Vec<EntityId> = match self {
            Self::Points(points) => points.iter().map(|(entity, _)| EntityId(*entity)).collect(),
            Self::ClosedBy { entities, .. } => entities.clone(),
        };
        entities.sort_unstable();
        entities.dedup();
        let fates = entities.into_iter().map(|entity| self.fate(store, entity));
        fates.filter(|fate| !fate.gone.is_empty()).collect()
    }

    fn fate(&self, store: &TableStore, entity: EntityId) -> Fate {
        let versions = store
            .lines
            .read(entity, |line| line.map(|line| line.versions.to_vec()).unwrap_or_default());
        let (mut gone, mut kept): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|version| self.takes(entity, version));
        // End markers tell of an entity; where nothing else does, they go too.
        let erases = matches!(self, Self::Points(_)) && !gone.is_empty();
        if erases && kept.iter().all(|version| version.kind == Kind::End) {
            gone.append(&mut kept);
        }
        Fate { entity, gone, kept }
    }
}
