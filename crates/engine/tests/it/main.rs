//! The engine from outside: histories against a model, crashes, concurrency.

mod basics;
mod model;
mod oracle;
mod support;
