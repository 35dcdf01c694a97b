//! The column families: one per kind of data, so that each is tuned and counted by itself.

/// A column family of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Row records by [`RowKey`](crate::RowKey).
    Metadata,
    /// Raw vectors by row key and column, in blob files.
    Vectors,
    /// Closures: row key to the commit that ended the version.
    Timelines,
    /// Delta blocks by [`DeltaKey`](crate::DeltaKey).
    Deltas,
    /// Materialized views, by space.
    Views,
    /// Found change points, by space.
    Changepoints,
    /// The manifest, and the engine's catalog, dictionaries and counters.
    System,
}

impl Family {
    pub const ALL: [Self; 7] = [
        Self::Metadata,
        Self::Vectors,
        Self::Timelines,
        Self::Deltas,
        Self::Views,
        Self::Changepoints,
        Self::System,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Vectors => "vectors",
            Self::Timelines => "timelines",
            Self::Deltas => "deltas",
            Self::Views => "views",
            Self::Changepoints => "changepoints",
            Self::System => "system",
        }
    }
}
