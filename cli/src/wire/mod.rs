//! The Postgres protocol, from the client's side, over a blocking socket.
//!
//! Messages are made and read by `postgres-protocol`; this module holds the socket, the login and
//! the order of things. One message is held at a time, so a result of any size passes through in
//! bounded memory.
//!
//! Rejected: `tokio-postgres`. For simple queries, which the shell sends because their results are
//! text as the server writes it, it hides what a shell shows: the command tag, the types of the
//! columns, the transaction's state, and the place of a NOTICE among the rows.

mod connection;
mod fault;
mod interrupt;
mod login;
mod stream;
mod tls;

pub(crate) use connection::{Connection, Row, Transaction, texts};
pub(crate) use fault::Fault;
pub(crate) use interrupt::{Interrupt, Watch};
