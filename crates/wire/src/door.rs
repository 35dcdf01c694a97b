//! Before the startup packet: is this connection encrypted, and who shows a certificate on it.
//!
//! ```text
//! SSLRequest     S + handshake, or N where there is no certificate
//! GSSENCRequest  N
//! 0x16           a TLS handshake at once (sslnegotiation=direct), which must speak of PostgreSQL
//! other          the startup packet begins
//! ```
//!
//! Eight bytes are read and no more: what somebody slipped in behind an SSLRequest goes into the
//! handshake, which it breaks, and never into the session (CVE-2021-23214).

use crate::tls::{PROTOCOL, Tls, common_name};
use bytes::Bytes;
use cvx_auth::Binding;
use pgwire::messages::startup::{GssEncRequest, SslRequest};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// One request each for TLS and GSS encryption, then the startup packet.
const REQUESTS_MAX: usize = 3;
const HANDSHAKE: u8 = 0x16;

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Whom the server lets in how.
#[derive(Clone, Debug)]
pub struct Admission {
    pub tls: Option<Tls>,
    /// Clients of this machine need no password.
    pub trust_loopback: bool,
    /// Clients of this machine, too, must encrypt; others always must.
    pub require_tls: bool,
}

/// A connection that has settled on encryption, and where it comes from.
pub(crate) struct Line {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// Read already: the startup packet's beginning.
    pub(crate) first: Bytes,
    pub(crate) caller: Caller,
}

/// What is known of a client before it says anything.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    pub(crate) encrypted: bool,
    /// The common name of the certificate it showed, which the clients' authority signed.
    pub(crate) certificate: Option<String>,
    pub(crate) binding: Binding,
}

impl Admission {
    /// Everybody on this machine, nobody else: what a server has that was told nothing.
    pub const LOOPBACK: Self = Self { tls: None, trust_loopback: true, require_tls: false };
}

impl Caller {
    pub(crate) fn is_local(&self) -> bool {
        self.address.to_canonical().is_loopback()
    }
}

/// Settles whether the connection is encrypted.
pub(crate) async fn settle(
    mut stream: TcpStream,
    address: SocketAddr,
    tls: Option<&Tls>,
) -> Result<Line> {
    let mut first = [0_u8; 1];
    if let Some(tls) = tls
        && stream.peek(&mut first).await? == 1
        && first == [HANDSHAKE]
    {
        let stream = tls.acceptor.accept(stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            return Err(Error::new(ErrorKind::InvalidData, "a direct handshake without ALPN"));
        }
        return Ok(encrypted(stream, address, tls));
    }
    for _ in 0..REQUESTS_MAX {
        let head = head(&mut stream).await?;
        match (request(&head), tls) {
            (Some(SslRequest::BODY_MAGIC_NUMBER), Some(tls)) => {
                stream.write_all(b"S").await?;
                return Ok(encrypted(tls.acceptor.accept(stream).await?, address, tls));
            }
            (Some(_), _) => stream.write_all(b"N").await?,
            (None, _) => return Ok(plain(stream, address, head)),
        }
    }
    Ok(plain(stream, address, Bytes::new()))
}

/// The first eight bytes; fewer where the client closed.
async fn head(stream: &mut TcpStream) -> Result<Bytes> {
    let mut head = Vec::with_capacity(8);
    let mut limited = stream.take(8);
    while head.len() < 8 {
        if limited.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head.into())
}

/// The request to encrypt that these bytes are.
fn request(head: &[u8]) -> Option<i32> {
    let (length, code) = head.split_first_chunk::<4>()?;
    let code = i32::from_be_bytes(code.try_into().ok()?);
    let known = matches!(code, SslRequest::BODY_MAGIC_NUMBER | GssEncRequest::BODY_MAGIC_NUMBER);
    (known && i32::from_be_bytes(*length) == 8).then_some(code)
}

fn plain(stream: TcpStream, address: SocketAddr, first: Bytes) -> Line {
    let (reader, writer) = stream.into_split();
    let caller = Caller {
        address: address.ip(),
        encrypted: false,
        certificate: None,
        binding: Binding::None,
    };
    Line { reader: Box::new(reader), writer: Box::new(writer), first, caller }
}

fn encrypted(stream: TlsStream<TcpStream>, address: SocketAddr, tls: &Tls) -> Line {
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let caller = Caller {
        address: address.ip(),
        encrypted: true,
        certificate: shown.map(|der| common_name(der).unwrap_or_default()),
        binding: tls.binding.clone(),
    };
    let (reader, writer) = tokio::io::split(stream);
    Line { reader: Box::new(reader), writer: Box::new(writer), first: Bytes::new(), caller }
}
