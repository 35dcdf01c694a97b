//! The server's side of TLS: its certificate, and what of the handshake a login may rest on.
//!
//! Everything is read and checked before the first client comes. What is wrong with a
//! certificate is an error of the start; there is no way on from here to a plaintext server.
//!
//! The provider is ring, named explicitly: rustls panics where two are compiled in and none is
//! chosen, and a dependency can always bring a second one.

use cvx_auth::Binding;
use ring::digest;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_certificate::X509Certificate;

/// What PostgreSQL's clients call the protocol in ALPN (PostgreSQL 17).
pub(crate) const PROTOCOL: &[u8] = b"postgresql";

/// A server's certificate, ready for handshakes.
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// What SCRAM-SHA-256-PLUS binds a login to.
    pub(crate) binding: Binding,
}

/// Clients that may show certificates of their own.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificates<'a> {
    /// PEM: who signs them.
    pub authority: &'a [u8],
    /// Nobody connects without one.
    pub required: bool,
}

/// Why a certificate is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

fn refuse(what: impl std::fmt::Display) -> TlsError {
    TlsError(what.to_string())
}

impl Tls {
    /// From the PEM text of a certificate chain, the server's own first, and of its key.
    pub fn from_pem(
        chain: &[u8],
        key: &[u8],
        clients: Option<ClientCertificates<'_>>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(chain, "the certificate")?;
        let own = chain.first().ok_or_else(|| refuse("the certificate: no certificate in it"))?;
        check_validity(own)?;
        let binding = binding_of(own);
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| refuse(format!("the key: no private key in it ({error})")))?;
        let verifier =
            clients.map_or_else(|| Ok(WebPkiClientVerifier::no_client_auth()), verifier)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refuse)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| refuse(format!("the certificate and the key: {error}")))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), binding })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.map_err(|error| refuse(format!("{what}: {error}")))
}

fn verifier(clients: ClientCertificates<'_>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(clients.authority, "the clients' authority")? {
        roots
            .add(certificate)
            .map_err(|error| refuse(format!("the clients' authority: {error}")))?;
    }
    let provider = Arc::new(default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| refuse(format!("the clients' authority: {error}")))
}

/// A certificate that no client would accept is refused here, where somebody reads it.
fn check_validity(der: &CertificateDer<'_>) -> Result<(), TlsError> {
    let certificate = parsed(der).ok_or_else(|| refuse("the certificate: not X.509"))?;
    let now = cvx_core::Clock::now_us(&cvx_core::SystemClock) / 1_000_000;
    let (from, to) = (certificate.validity_not_before(), certificate.validity_not_after());
    if to.timestamp() < now {
        return Err(refuse(format!("the certificate: expired on {to}")));
    }
    if from.timestamp() > now {
        return Err(refuse(format!("the certificate: not valid before {from}")));
    }
    Ok(())
}

fn parsed(der: &CertificateDer<'_>) -> Option<X509Certificate> {
    X509Certificate::from_der(der.as_ref()).ok()
}

/// The common name of a certificate's subject: the role it is for.
pub(crate) fn common_name(der: &CertificateDer<'_>) -> Option<String> {
    parsed(der)?.subject_common_name()
}

/// `tls-server-end-point` (RFC 5929, section 4.1): the certificate's hash, by the hash function of
/// its signature, SHA-256 in place of older ones. A signature without a hash function of its own
/// (Ed25519) has no binding.
fn binding_of(der: &CertificateDer<'_>) -> Binding {
    let algorithm =
        parsed(der).map(|certificate| certificate.signature_algorithm_oid().to_string());
    let hash = match algorithm.as_deref() {
        // MD5, SHA-1 and SHA-256, with RSA; SHA-1 and SHA-256, with ECDSA.
        Some(
            "1.2.840.113549.1.1.4"
            | "1.2.840.113549.1.1.5"
            | "1.2.840.113549.1.1.11"
            | "1.2.840.10045.4.1"
            | "1.2.840.10045.4.3.2",
        ) => &digest::SHA256,
        Some("1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3") => &digest::SHA384,
        Some("1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4") => &digest::SHA512,
        _ => return Binding::None,
    };
    Binding::EndPoint(digest::digest(hash, der.as_ref()).as_ref().to_vec())
}
