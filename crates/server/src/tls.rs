//! The certificate's files, read once, before anything else is done.

use crate::config::{ClientCert, Config};
use anyhow::{Context as _, Result};
use cvx_wire::{Admission, ClientCertificates, Tls};
use std::path::Path;

/// Whom the configuration lets in how.
pub(crate) fn admission(config: &Config) -> Result<Admission> {
    let tls = config.has_tls().then(|| load(config)).transpose()?;
    let (trust_loopback, require_tls) = (config.trust_loopback, config.require_tls);
    Ok(Admission { tls, trust_loopback, require_tls })
}

fn load(config: &Config) -> Result<Tls> {
    let chain = read("tls_cert", &config.tls_cert)?;
    let key = read("tls_key", &config.tls_key)?;
    let authority = Some(&config.tls_client_ca).filter(|path| !path.as_os_str().is_empty());
    let authority = authority.map(|path| read("tls_client_ca", path)).transpose()?;
    let clients = authority.as_deref().map(|authority| ClientCertificates {
        authority,
        required: config.tls_client_cert == ClientCert::Required,
    });
    let (cert, key_file) = (config.tls_cert.display(), config.tls_key.display());
    Tls::from_pem(&chain, &key, clients)
        .with_context(|| format!("TLS with tls_cert {cert} and tls_key {key_file}"))
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{key} {}", path.display()))
}
