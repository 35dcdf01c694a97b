//! What a server keeps of a password: enough to check a proof, too little to make one.
//!
//! As text it is PostgreSQL's: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, so a
//! verifier made by psql's `\password` or taken from another server's `pg_authid` fits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use std::borrow::Cow;
use std::num::NonZeroU32;
use subtle::{Choice, ConstantTimeEq};

/// Rounds of PBKDF2 for passwords that are set here, as in PostgreSQL.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("4096 is not zero");

/// A password that was hashed elsewhere may ask for more rounds, but not for hours of a client.
const ITERATIONS_MAX: u32 = 10_000_000;
const PREFIX: &str = "SCRAM-SHA-256$";
const SALT_BYTES: usize = 16;

pub(crate) type Key = [u8; 32];

/// A password's verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
    /// Nothing proves it.
    is_mock: bool,
}

impl Verifier {
    /// Of a password, with a new salt. `None` where the machine gives no randomness.
    #[must_use]
    pub fn of_password(password: &str) -> Option<Self> {
        let salt = crate::random::<SALT_BYTES>()?;
        Some(Self::with_salt(password, &salt, ITERATIONS))
    }

    /// Of a password, with this salt.
    #[must_use]
    pub fn with_salt(password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        // As RFC 5802 says; what is no valid text there is taken as it is, as PostgreSQL does.
        let prepared = stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password));
        let mut salted = [0; 32];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, salt, prepared.as_bytes(), &mut salted);
        let stored_key = sha256(&mac(&salted, b"Client Key"));
        let server_key = mac(&salted, b"Server Key");
        Self { iterations, salt: salt.to_vec(), stored_key, server_key, is_mock: false }
    }

    /// What stands in for a role without a password: the same each time for the same name, as a
    /// real one is, and proved by nothing.
    #[must_use]
    pub fn mock(user: &str, secret: &[u8; 32]) -> Self {
        let derived = |what: &str| mac(secret, format!("{what}:{user}").as_bytes());
        let salt = derived("salt").into_iter().take(SALT_BYTES).collect();
        let (stored_key, server_key) = (derived("stored"), derived("server"));
        Self { iterations: ITERATIONS, salt, stored_key, server_key, is_mock: true }
    }

    /// Reads the text form; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix(PREFIX)?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse().ok().filter(|n: &u32| *n <= ITERATIONS_MAX)?;
        let key = |text: &str| BASE64.decode(text).ok()?.try_into().ok();
        Some(Self {
            iterations: NonZeroU32::new(iterations)?,
            salt: BASE64.decode(salt).ok().filter(|salt| !salt.is_empty())?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
            is_mock: false,
        })
    }

    /// Whether this is the password's verifier.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        let other = Self::with_salt(password, &self.salt, self.iterations);
        bool::from(other.stored_key.ct_eq(&self.stored_key)) && !self.is_mock
    }

    pub(crate) fn salt(&self) -> String {
        BASE64.encode(&self.salt)
    }

    pub(crate) fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    /// Whether the proof over this message was made by somebody who knows the password.
    pub(crate) fn proves(&self, proof: &Key, message: &[u8]) -> bool {
        let signature = mac(&self.stored_key, message);
        let mut client_key = [0; 32];
        for ((key, proof), signature) in client_key.iter_mut().zip(proof).zip(&signature) {
            *key = proof ^ signature;
        }
        let same = sha256(&client_key).ct_eq(&self.stored_key);
        bool::from(same & Choice::from(u8::from(!self.is_mock)))
    }

    /// What shows the client that the server knows the verifier.
    pub(crate) fn signature(&self, message: &[u8]) -> Key {
        mac(&self.server_key, message)
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stored, server) = (BASE64.encode(self.stored_key), BASE64.encode(self.server_key));
        write!(f, "{PREFIX}{}:{}${stored}:{server}", self.iterations, self.salt())
    }
}

/// Secrets stay out of logs.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

fn mac(key: &[u8], message: &[u8]) -> Key {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    key_of(tag.as_ref())
}

fn sha256(bytes: &[u8]) -> Key {
    key_of(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 gives 32 bytes.
fn key_of(bytes: &[u8]) -> Key {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = *from;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A verifier of PostgreSQL 16's own, of the password `secret`: computed by the client
    /// library that `\password` uses, which shares no code with ours.
    #[test]
    fn verifiers_are_postgres_own() {
        let theirs = postgres_protocol::password::scram_sha_256("sécret €".as_bytes());
        let verifier = Verifier::parse(&theirs).unwrap();
        assert!(verifier.fits("sécret €"));
        assert!(!verifier.fits("sécret"));
        assert_eq!(verifier.to_string(), theirs);
    }

    #[test]
    fn what_is_no_verifier_is_refused() {
        for text in [
            "",
            "secret",
            "md53175bce1d3201d16594cebf9d7eb3f9d",
            "SCRAM-SHA-256$4096:c2FsdA==$c2hvcnQ=:c2hvcnQ=",
            "SCRAM-SHA-256$0:c2FsdA==$c2hvcnQ=:c2hvcnQ=",
            "SCRAM-SHA-256$99999999999:c2FsdA==$a:b",
        ] {
            assert!(Verifier::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_fits_a_mock_and_it_stays_the_same() {
        let (one, two) = (Verifier::mock("ada", &[7; 32]), Verifier::mock("ada", &[7; 32]));
        assert_eq!(one.to_string(), two.to_string());
        assert_ne!(one.salt(), Verifier::mock("eve", &[7; 32]).salt());
        assert!(!one.fits(""));
        assert!(!format!("{one:?}").contains(&one.salt()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn text_and_back(password in ".{0,20}", salt in proptest::collection::vec(any::<u8>(), 1..40)) {
            let verifier = Verifier::with_salt(&password, &salt, NonZeroU32::MIN);
            prop_assert_eq!(Verifier::parse(&verifier.to_string()), Some(verifier.clone()));
            prop_assert!(verifier.fits(&password));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(SCRAM-SHA-256\\$)?[0-9a-zA-Z+/=:$]{0,120}") {
            let _ = Verifier::parse(&text);
        }
    }
}
