//! Who a client is: trusted, shown by a certificate, or proved by a password.
//!
//! Here only the proof is asked for. That the role exists, may log in and may enter the database
//! is the database's question, and is asked after the proof, so that nobody without one learns it.

use crate::door::{Admission, Caller};
use crate::failure::{Failure, Step, violation};
use crate::frame::{Frame, Frames};
use crate::outbox::Outbox;
use crate::request::sasl_initial;
use crate::startup::Client;
use cvx_auth::{Exchange, Mechanism, Refused, Verifier};
use cvx_types::{SqlError, SqlState};
use pgwire::messages::startup::Authentication;
use tokio::io::{AsyncRead, AsyncWrite};

/// 28P01
const WRONG_PASSWORD: SqlState = SqlState("28P01");

/// What is asked of a client.
#[derive(Debug, PartialEq, Eq)]
enum Demand {
    Nothing,
    Password,
}

/// Returns once the client has shown that it is who it says.
pub(crate) async fn identify<R, W>(
    frames: &mut Frames<R>,
    outbox: &mut Outbox<W>,
    client: &Client,
    caller: &Caller,
    admission: &Admission,
    verifier: impl FnOnce() -> Verifier,
) -> Step<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    match demand(&client.user, caller, admission).map_err(Failure::Fatal)? {
        Demand::Nothing => Ok(()),
        Demand::Password => {
            let proved = password(frames, outbox, caller, verifier()).await;
            proved.map_err(|failure| blamed(failure, client, caller))
        }
    }
}

fn demand(user: &str, caller: &Caller, admission: &Admission) -> Result<Demand, SqlError> {
    let refused = |message: String| SqlError::new(SqlState::INVALID_AUTHORIZATION, message);
    if !caller.encrypted && (admission.require_tls || !caller.is_local()) {
        let address = caller.address;
        let message = format!("connection of user \"{user}\" from {address} is not encrypted");
        return Err(refused(message).hint("Connect with sslmode=require, or verify-full."));
    }
    if admission.trust_loopback && caller.is_local() {
        return Ok(Demand::Nothing);
    }
    match &caller.certificate {
        Some(name) if name == user => Ok(Demand::Nothing),
        Some(_) => {
            let message = format!("certificate authentication failed for user \"{user}\"");
            Err(refused(message).detail("The certificate's common name is another one."))
        }
        None => Ok(Demand::Password),
    }
}

/// SCRAM-SHA-256, or -PLUS.
async fn password<R, W>(
    frames: &mut Frames<R>,
    outbox: &mut Outbox<W>,
    caller: &Caller,
    verifier: Verifier,
) -> Step<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let binding = &caller.binding;
    let offered = Mechanism::offered(binding).iter().map(|m| m.name().to_owned()).collect();
    outbox.send(&Authentication::SASL(offered))?;
    let frame = answer(frames, outbox).await?;
    let (name, message) = sasl_initial(&frame).map_err(Failure::Fatal)?;
    let mechanism = Mechanism::named(&name, binding).ok_or_else(|| {
        let message = "client selected an invalid SASL authentication mechanism";
        Failure::Fatal(violation(message))
    })?;
    let message = match message {
        Some(message) => message,
        None => {
            outbox.send(&Authentication::SASLContinue(bytes::Bytes::new()))?;
            answer(frames, outbox).await?.body
        }
    };
    let exchange = Exchange::start(mechanism, binding, verifier, &message).map_err(fatal)?;
    let challenge = exchange.challenge().as_bytes().to_vec();
    outbox.send(&Authentication::SASLContinue(challenge.into()))?;
    let last = answer(frames, outbox).await?;
    let done = exchange.finish(&last.body).map_err(fatal)?;
    Ok(outbox.send(&Authentication::SASLFinal(done.into_bytes().into()))?)
}

/// Says what was to be said, and takes the client's next message of the exchange.
async fn answer<R, W>(frames: &mut Frames<R>, outbox: &mut Outbox<W>) -> Step<Frame>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    outbox.flush().await?;
    let frame = frames.next().await?.ok_or(Failure::Gone)?;
    if frame.tag == b'p' {
        return Ok(frame);
    }
    let message = format!("expected SASL response, got message type {}", frame.tag);
    Err(Failure::Fatal(violation(message)))
}

fn fatal(refused: Refused) -> Failure {
    let state = match refused {
        Refused::WrongProof => WRONG_PASSWORD,
        Refused::Malformed(_) => SqlState::PROTOCOL_VIOLATION,
        Refused::Unsupported(_) => SqlState::FEATURE_NOT_SUPPORTED,
        Refused::BindingNegotiation | Refused::BindingCheck => SqlState::INVALID_AUTHORIZATION,
        Refused::NoNonce => SqlState::INTERNAL_ERROR,
    };
    let error = SqlError::new(state, refused.to_string());
    Failure::Fatal(match refused {
        Refused::Malformed(what) => error.detail(what),
        Refused::BindingNegotiation => error.detail(
            "The client supports SCRAM channel binding but thinks the server does not. However, \
             this server does support channel binding.",
        ),
        _ => error,
    })
}

/// Names the user, and leaves a line in the log.
fn blamed(failure: Failure, client: &Client, caller: &Caller) -> Failure {
    let Failure::Fatal(mut error) = failure else { return failure };
    let (user, address) = (&client.user, caller.address);
    tracing::warn!(%user, %address, state = error.state.0, "login refused");
    if error.state == WRONG_PASSWORD {
        error.message = format!("password authentication failed for user \"{user}\"");
    }
    Failure::Fatal(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvx_auth::Binding;

    fn caller(address: &str, encrypted: bool, certificate: Option<&str>) -> Caller {
        Caller {
            address: address.parse().unwrap(),
            encrypted,
            certificate: certificate.map(str::to_owned),
            binding: Binding::None,
        }
    }

    fn asked(caller: &Caller, trust_loopback: bool, require_tls: bool) -> Option<Demand> {
        let admission = Admission { tls: None, trust_loopback, require_tls };
        demand("ada", caller, &admission).ok()
    }

    /// Every caller, every configuration, and what is asked.
    #[test]
    fn what_is_asked_of_whom() {
        let (near, far) = ("127.0.0.1", "192.0.2.7");
        let mapped = "::ffff:127.0.0.1";
        for address in [near, "::1", mapped] {
            assert_eq!(asked(&caller(address, false, None), true, false), Some(Demand::Nothing));
            assert_eq!(asked(&caller(address, false, None), false, false), Some(Demand::Password));
            assert_eq!(asked(&caller(address, false, None), true, true), None);
        }
        for (trust, require) in [(true, true), (true, false), (false, true), (false, false)] {
            assert_eq!(asked(&caller(far, false, None), trust, require), None, "plaintext");
            assert_eq!(asked(&caller(far, true, None), trust, require), Some(Demand::Password));
            let own = asked(&caller(far, true, Some("ada")), trust, require);
            assert_eq!(own, Some(Demand::Nothing), "its own certificate");
            assert_eq!(asked(&caller(far, true, Some("eve")), trust, require), None);
            assert_eq!(asked(&caller(far, true, Some("")), trust, require), None);
        }
    }
}
