//! The dialect planned and run

pub mod functions;
pub mod types;
