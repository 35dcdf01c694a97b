//! Every number that bounds the wire.

use std::time::Duration;

/// Bounds of one listener; each has a key in `config.example.toml`.
#[derive(Clone, Debug)]
pub struct WireLimits {
    /// More clients are told 53300.
    pub connections_max: usize,
    /// A client that has not said who it is by then is cut off.
    pub startup_timeout: Duration,
    /// The longest message (a query, the parameters of a Bind, a piece of COPY).
    pub message_bytes_max: usize,
    /// All large messages being received at a time, over all connections.
    pub inflight_bytes_max: usize,
    /// The longest line, or binary row, of a COPY.
    pub copy_row_bytes_max: usize,
    /// Results are sent when so many bytes of them are ready.
    pub output_bytes: usize,
    /// Named prepared statements of one connection.
    pub statements_max: usize,
    /// Named portals of one connection.
    pub portals_max: usize,
    /// How long running statements may go on after a shutdown was asked for.
    pub drain_timeout: Duration,
}

impl WireLimits {
    /// What a server has when nothing else is configured.
    pub const STANDARD: Self = Self {
        connections_max: 200,
        startup_timeout: Duration::from_secs(10),
        message_bytes_max: 64 << 20,
        inflight_bytes_max: 256 << 20,
        copy_row_bytes_max: 64 << 20,
        output_bytes: 64 << 10,
        statements_max: 10_000,
        portals_max: 1_000,
        drain_timeout: Duration::from_secs(5),
    };
}
