//! The dialect planned and run
