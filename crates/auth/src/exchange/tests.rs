//! The exchange against RFC 7677's vector, another implementation's client, and liars.

use super::*;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use proptest::prelude::*;
use std::num::NonZeroU32;

const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn pencil() -> Verifier {
    let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    Verifier::with_salt("pencil", &salt, crate::ITERATIONS)
}

fn of_the_rfc() -> Exchange {
    let (plain, none) = (Mechanism::Plain, &Binding::None);
    Exchange::with_nonce(plain, none, pencil(), FIRST.as_bytes(), SERVER_NONCE).unwrap()
}

#[test]
fn the_example_of_rfc_7677() {
    let exchange = of_the_rfc();
    let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(exchange.challenge(), challenge);
    let done = exchange.finish(LAST.as_bytes()).unwrap();
    assert_eq!(done, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

#[test]
fn a_replayed_proof_proves_nothing() {
    let (plain, none) = (Mechanism::Plain, &Binding::None);
    let again = Exchange::start(plain, none, pencil(), FIRST.as_bytes()).unwrap();
    assert!(matches!(again.finish(LAST.as_bytes()), Err(Refused::Malformed(_))));
    let mock = Verifier::mock("user", &[1; 32]);
    let again = Exchange::with_nonce(plain, none, mock, FIRST.as_bytes(), SERVER_NONCE).unwrap();
    assert_eq!(again.finish(LAST.as_bytes()), Err(Refused::WrongProof));
}

/// A login by the client of postgres-protocol, which tokio-postgres uses.
fn login(
    password: &str,
    theirs: ChannelBinding,
    ours: &Binding,
    with: Mechanism,
) -> Result<(), Refused> {
    let verifier = Verifier::with_salt("right", b"salt", NonZeroU32::new(16).unwrap());
    let mut client = ScramSha256::new(password.as_bytes(), theirs);
    let exchange = Exchange::start(with, ours, verifier, client.message())?;
    client.update(exchange.challenge().as_bytes()).unwrap();
    let last = exchange.finish(client.message())?;
    client.finish(last.as_bytes()).expect("the server proves itself too");
    Ok(())
}

#[test]
fn passwords_right_and_wrong() {
    let plain =
        |password| login(password, ChannelBinding::unsupported(), &Binding::None, Mechanism::Plain);
    assert_eq!(plain("right"), Ok(()));
    for wrong in ["", "Right", "right ", "wrong"] {
        assert_eq!(plain(wrong), Err(Refused::WrongProof), "{wrong:?}");
    }
}

#[test]
fn a_bound_exchange_is_for_one_certificate() {
    let bind = |hash: &[u8]| ChannelBinding::tls_server_end_point(hash.to_vec());
    let ours = Binding::EndPoint(vec![1, 2, 3]);
    assert_eq!(login("right", bind(&[1, 2, 3]), &ours, Mechanism::Plus), Ok(()));
    let other = login("right", bind(&[9, 9, 9]), &ours, Mechanism::Plus);
    assert_eq!(other, Err(Refused::BindingCheck));
}

/// Somebody in between who hides SCRAM-SHA-256-PLUS from a client that could do it.
#[test]
fn a_downgrade_is_seen() {
    let ours = Binding::EndPoint(vec![1, 2, 3]);
    let hidden = login("right", ChannelBinding::unrequested(), &ours, Mechanism::Plain);
    assert_eq!(hidden, Err(Refused::BindingNegotiation));
    let unable = login("right", ChannelBinding::unsupported(), &ours, Mechanism::Plain);
    assert_eq!(unable, Ok(()));
}

#[test]
fn mechanisms_are_those_offered() {
    let bound = Binding::EndPoint(vec![1]);
    assert_eq!(Mechanism::named("SCRAM-SHA-256-PLUS", &Binding::None), None);
    assert_eq!(Mechanism::named("SCRAM-SHA-256-PLUS", &bound), Some(Mechanism::Plus));
    assert_eq!(Mechanism::named("PLAIN", &bound), None);
}

proptest! {
    #[test]
    fn any_first_message_is_an_answer_or_a_refusal(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        for mechanism in [Mechanism::Plain, Mechanism::Plus] {
            for binding in [Binding::None, Binding::EndPoint(vec![1])] {
                let _ = Exchange::start(mechanism, &binding, pencil(), &bytes);
            }
        }
    }

    /// Of what a right message becomes by a changed byte, nothing is let in.
    #[test]
    fn a_changed_byte_is_refused(at in 0..LAST.len(), to in any::<u8>()) {
        let mut bytes = LAST.as_bytes().to_vec();
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        prop_assert!(of_the_rfc().finish(&bytes).is_err());
    }

    #[test]
    fn any_last_message_is_refused(bytes in "(c=biws,)?(r=[ -~]{0,50},)?(p=[A-Za-z0-9+/=]{0,50})?") {
        prop_assert!(of_the_rfc().finish(bytes.as_bytes()).is_err());
    }
}
