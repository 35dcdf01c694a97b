//! Catalog, the one writer, snapshots, recovery
