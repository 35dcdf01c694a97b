//! One login: two messages from the client, two to it.
//!
//! A proof covers both nonces, the salt, the rounds and the client's word on channel binding, so
//! a message taken from another exchange, or changed on the way, proves nothing.

use crate::verifier::{Key, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

/// 18 bytes, as PostgreSQL's.
const NONCE_BYTES: usize = 18;

/// The two spellings of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    /// The proof also covers the server's certificate, so that nobody sits in between.
    Plus,
}

/// What the connection can be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is not encrypted, or the certificate has no hash to bind to.
    None,
    /// `tls-server-end-point`: the hash of the server's certificate (RFC 5929).
    EndPoint(Vec<u8>),
}

/// Why a login ends here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 28P01: the proof does not fit.
    #[error("the proof does not fit")]
    WrongProof,
    /// 08P01: a message that breaks the rules.
    #[error("malformed SCRAM message")]
    Malformed(&'static str),
    /// 0A000: an extension that nobody carries out.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// 28000: what the client says of channel binding does not fit the connection.
    #[error("SCRAM channel binding negotiation error")]
    BindingNegotiation,
    /// 28000: the exchange is bound to another certificate.
    #[error("SCRAM channel binding check failed")]
    BindingCheck,
    /// XX000: no randomness for a nonce.
    #[error("no randomness for a nonce")]
    NoNonce,
}

/// A login under way, after the client's first message.
#[derive(Debug)]
pub struct Exchange {
    verifier: Verifier,
    /// What the client's `c=` must decode to.
    bound: Vec<u8>,
    nonce: String,
    first_bare: String,
    server_first: String,
}

impl Mechanism {
    /// As SASL names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "SCRAM-SHA-256",
            Self::Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Those that can be offered, the best first.
    #[must_use]
    pub fn offered(binding: &Binding) -> Vec<Self> {
        match binding {
            Binding::None => vec![Self::Plain],
            Binding::EndPoint(_) => vec![Self::Plus, Self::Plain],
        }
    }

    /// The one of this name, if it was offered.
    #[must_use]
    pub fn named(name: &str, binding: &Binding) -> Option<Self> {
        Self::offered(binding).into_iter().find(|mechanism| mechanism.name() == name)
    }
}

impl Exchange {
    /// Takes the client's first message.
    pub fn start(
        mechanism: Mechanism,
        binding: &Binding,
        verifier: Verifier,
        message: &[u8],
    ) -> Result<Self, Refused> {
        let nonce = crate::random::<NONCE_BYTES>().ok_or(Refused::NoNonce)?;
        Self::with_nonce(mechanism, binding, verifier, message, &BASE64.encode(nonce))
    }

    fn with_nonce(
        mechanism: Mechanism,
        binding: &Binding,
        verifier: Verifier,
        message: &[u8],
        server_nonce: &str,
    ) -> Result<Self, Refused> {
        let text = text(message)?;
        let (flag, rest) = text.split_once(',').ok_or(Refused::Malformed("no GS2 header"))?;
        let (authzid, first_bare) =
            rest.split_once(',').ok_or(Refused::Malformed("no GS2 header"))?;
        if !authzid.is_empty() {
            return Err(Refused::Unsupported("SCRAM authorization identity"));
        }
        let mut bound = format!("{flag},,").into_bytes();
        bound.extend_from_slice(bound_data(mechanism, binding, flag)?);
        let client_nonce = client_nonce(first_bare)?;
        let nonce = format!("{client_nonce}{server_nonce}");
        let (salt, iterations) = (verifier.salt(), verifier.iterations());
        let server_first = format!("r={nonce},s={salt},i={iterations}");
        Ok(Self { verifier, bound, nonce, first_bare: first_bare.to_owned(), server_first })
    }

    /// What to say to the client now.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.server_first
    }

    /// Takes the client's second message; what to say to it if it knows the password.
    pub fn finish(self, message: &[u8]) -> Result<String, Refused> {
        let text = text(message)?;
        let (without_proof, proof) =
            text.rsplit_once(",p=").ok_or(Refused::Malformed("no proof"))?;
        let mut attributes = without_proof.split(',');
        let bound = attributes.next().and_then(|word| word.strip_prefix("c="));
        let bound = bound.ok_or(Refused::Malformed("no channel binding"))?;
        let bound = BASE64.decode(bound).map_err(|_| Refused::Malformed("not base64"))?;
        let nonce = attributes.next().and_then(|word| word.strip_prefix("r="));
        if !bool::from(bound.ct_eq(&self.bound)) {
            return Err(Refused::BindingCheck);
        }
        if nonce != Some(self.nonce.as_str()) {
            return Err(Refused::Malformed("the nonce is another one"));
        }
        let proof = BASE64.decode(proof).ok().and_then(|proof| Key::try_from(proof).ok());
        let proof = proof.ok_or(Refused::Malformed("a proof of another length"))?;
        let all = format!("{},{},{without_proof}", self.first_bare, self.server_first);
        if !self.verifier.proves(&proof, all.as_bytes()) {
            return Err(Refused::WrongProof);
        }
        Ok(format!("v={}", BASE64.encode(self.verifier.signature(all.as_bytes()))))
    }
}

/// What the connection adds to `c=`, after the client's word on binding was checked.
fn bound_data<'b>(
    mechanism: Mechanism,
    binding: &'b Binding,
    flag: &str,
) -> Result<&'b [u8], Refused> {
    match (mechanism, binding, flag) {
        (Mechanism::Plus, Binding::EndPoint(hash), "p=tls-server-end-point") => Ok(hash),
        (Mechanism::Plus, Binding::EndPoint(_), flag) if flag.starts_with("p=") => {
            Err(Refused::Unsupported("this SCRAM channel binding type"))
        }
        // "I could bind, but you cannot": we can, so somebody in between took our offer away.
        (Mechanism::Plain, Binding::EndPoint(_), "y") => Err(Refused::BindingNegotiation),
        (Mechanism::Plain, _, "n") | (Mechanism::Plain, Binding::None, "y") => Ok(&[]),
        _ => Err(Refused::Malformed("channel binding does not fit the mechanism")),
    }
}

/// `n=user,r=nonce`; the name is the startup packet's, and this one is not looked at.
fn client_nonce(first_bare: &str) -> Result<&str, Refused> {
    if first_bare.starts_with("m=") {
        return Err(Refused::Unsupported("a mandatory SCRAM extension"));
    }
    let mut attributes = first_bare.split(',');
    let named = attributes.next().is_some_and(|word| word.starts_with("n="));
    let nonce = attributes.next().and_then(|word| word.strip_prefix("r="));
    let printable = |nonce: &&str| !nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_graphic());
    match nonce.filter(printable) {
        Some(nonce) if named => Ok(nonce),
        _ => Err(Refused::Malformed("no nonce")),
    }
}

fn text(message: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(message).map_err(|_| Refused::Malformed("not UTF-8"))
}

#[cfg(test)]
mod tests;
