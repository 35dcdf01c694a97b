//! The temporal SQL dialect: text to syntax tree
