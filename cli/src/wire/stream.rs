//! The socket, plain or within TLS.

use crate::error::{Error, Result};
use crate::target::Target;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long to wait for a server that does not answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to the first address that answers.
    pub(super) fn connect(target: &Target) -> Result<TcpStream> {
        let what = |error: &dyn std::fmt::Display| {
            let (host, port) = (&target.host, target.port);
            Error::Connection(format!("cannot connect to {host}, port {port}: {error}"))
        };
        let addrs = (target.host.as_str(), target.port).to_socket_addrs();
        let addrs = addrs.map_err(|error| what(&error))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for addr in addrs {
            match TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT) {
                Ok(socket) => {
                    socket.set_nodelay(true).map_err(|error| what(&error))?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(what(&last))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Whether the server has said something that was not read yet.
    pub(super) fn has_word(&self) -> bool {
        let socket = self.socket();
        if socket.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = socket.peek(&mut [0]);
        // A socket that cannot be made to wait again would fail at the next read anyway.
        socket.set_nonblocking(false).is_err() || peeked.is_ok()
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
