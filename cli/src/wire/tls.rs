//! TLS over the socket, with libpq's modes: `require` encrypts, `verify-ca` also checks who signed
//! the certificate, `verify-full` also the name in it. With a root certificate given, `require`
//! checks as `verify-ca` does (so does libpq).

use super::stream::Stream;
use crate::error::{Error, Result};
use crate::target::{SslMode, Target};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

type Verified<T> = std::result::Result<T, rustls::Error>;

/// Encrypts a socket whose server has agreed to it.
pub(super) fn wrap(mut socket: TcpStream, target: &Target) -> Result<Stream> {
    let failed = |error: &dyn std::fmt::Display| Error::Connection(format!("TLS: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(verifier(target, provider.clone())?);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(&error))?;
    let client = ClientConnection::new(Arc::new(config), name);
    let mut client = client.map_err(|error| failed(&error))?;
    while client.is_handshaking() {
        client.complete_io(&mut socket).map_err(|error| failed(&error))?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(client, socket))))
}

fn verifier(target: &Target, provider: Arc<CryptoProvider>) -> Result<Verifier> {
    let names = target.ssl_mode == SslMode::VerifyFull;
    let Some(file) = &target.ssl_root_cert else {
        if names || target.ssl_mode == SslMode::VerifyCa {
            let message = "sslmode=verify-ca and verify-full need sslrootcert (or PGSSLROOTCERT)";
            return Err(Error::Connection(message.to_owned()));
        }
        return Ok(Verifier { provider, roots: None, names });
    };
    let roots = WebPkiServerVerifier::builder_with_provider(roots(file)?, provider.clone());
    let built = roots.build();
    let roots = built.map_err(|error| Error::Connection(format!("sslrootcert: {error}")))?;
    Ok(Verifier { provider, roots: Some(roots), names })
}

fn roots(file: &Path) -> Result<Arc<RootCertStore>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Connection(format!("sslrootcert {}: {error}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    Ok(Arc::new(roots))
}

/// Checks as much of a certificate as the mode wants. The handshake's signature is always checked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: Option<Arc<WebPkiServerVerifier>>,
    /// Whether the certificate must bear the host's name.
    names: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verified<ServerCertVerified> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
