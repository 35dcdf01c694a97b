//! From an address to a session: TLS, the startup message, the password.
//!
//! SCRAM-SHA-256, MD5 and clear text are spoken; a clear password leaves only through TLS or to
//! this machine, whatever the server asks for. Channel binding is not offered.

use super::connection::Connection;
use super::fault::Fault;
use super::interrupt::CancelKey;
use super::stream::Stream;
use super::tls;
use crate::error::{Error, Result};
use crate::target::{SslMode, Target};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use std::io::{self, Read as _, Write as _};

/// A password, however it is come by.
type Ask<'a> = &'a mut dyn FnMut() -> Option<String>;

pub(super) fn login(target: &Target, ask: Ask<'_>) -> Result<Connection> {
    let mut connection = Connection::over(connect(target)?);
    let parameters = [
        ("user", target.user.as_str()),
        ("database", &target.database),
        ("client_encoding", "UTF8"),
        ("application_name", &target.application_name),
        ("options", &target.options),
    ];
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    frontend::startup_message(given, &mut connection.outbox).map_err(|error| broken(&error))?;
    connection.flush()?;
    authenticate(&mut connection, target, ask)?;
    wait_until_ready(&mut connection, target)?;
    Ok(connection)
}

/// A connected socket, encrypted as the target wishes.
pub(super) fn connect(target: &Target) -> Result<Stream> {
    let mut socket = Stream::connect(target)?;
    if target.ssl_mode == SslMode::Disable {
        return Ok(Stream::Plain(socket));
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let mut answer = [0];
    let asked = socket.write_all(&request).and_then(|()| socket.read_exact(&mut answer));
    asked.map_err(|error| Error::lost(&error))?;
    match answer {
        [b'S'] => tls::wrap(socket, target),
        _ if target.ssl_mode == SslMode::Prefer => Ok(Stream::Plain(socket)),
        _ => Err(Error::Connection("the server does not speak TLS, and sslmode wants it".into())),
    }
}

fn broken(error: &io::Error) -> Error {
    Error::Connection(format!("the login failed: {error}"))
}

fn refused(message: &str) -> Error {
    Error::Connection(message.to_owned())
}

fn authenticate(connection: &mut Connection, target: &Target, ask: Ask<'_>) -> Result<()> {
    loop {
        match connection.next()? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                if !connection.is_encrypted() && !target.is_local() {
                    return Err(refused("the server wants the password in the clear: refused"));
                }
                send_password(connection, &password(target, ask)?)?;
            }
            Message::AuthenticationMd5Password(body) => {
                let password = password(target, ask)?;
                let hash = md5_hash(target.user.as_bytes(), password.as_bytes(), body.salt());
                send_password(connection, &hash)?;
            }
            Message::AuthenticationSasl(body) => scram(connection, &body, &password(target, ask)?)?,
            Message::ErrorResponse(body) => return Err(fatal(&Fault::read(body.fields()))),
            Message::NoticeResponse(_) => {}
            _ => return Err(refused("the server asks for a kind of login not known here")),
        }
    }
}

fn password(target: &Target, ask: Ask<'_>) -> Result<String> {
    let given = target.password.clone().or_else(ask);
    given.ok_or_else(|| refused("the server wants a password, and none was given"))
}

fn send_password(connection: &mut Connection, password: &str) -> Result<()> {
    let sent = frontend::password_message(password.as_bytes(), &mut connection.outbox);
    sent.map_err(|error| broken(&error))?;
    connection.flush()
}

/// RFC 5802 and 7677, by `postgres-protocol`. The server proves itself too.
fn scram(connection: &mut Connection, body: &AuthenticationSaslBody, password: &str) -> Result<()> {
    let known = body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256));
    if !known.map_err(|error| broken(&error))? {
        return Err(refused("the server offers no SCRAM-SHA-256"));
    }
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    let first =
        frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut connection.outbox);
    first.map_err(|error| broken(&error))?;
    connection.flush()?;
    loop {
        match connection.next()? {
            Message::AuthenticationSaslContinue(body) => {
                scram.update(body.data()).map_err(|error| broken(&error))?;
                let response = frontend::sasl_response(scram.message(), &mut connection.outbox);
                response.map_err(|error| broken(&error))?;
                connection.flush()?;
            }
            Message::AuthenticationSaslFinal(body) => {
                return scram.finish(body.data()).map_err(|error| broken(&error));
            }
            Message::ErrorResponse(body) => return Err(fatal(&Fault::read(body.fields()))),
            _ => return Err(refused("the server broke off the login")),
        }
    }
}

fn fatal(fault: &Fault) -> Error {
    let hint = fault.hint.as_ref().map(|hint| format!("\nHINT:  {hint}")).unwrap_or_default();
    Error::Connection(format!("{fault} ({}){hint}", fault.sqlstate))
}

fn wait_until_ready(connection: &mut Connection, target: &Target) -> Result<()> {
    loop {
        match connection.next()? {
            Message::ReadyForQuery(_) => return Ok(()),
            Message::BackendKeyData(body) => {
                let (process, secret) = (body.process_id(), body.secret_key());
                connection.key = Some(CancelKey { target: target.clone(), process, secret });
            }
            Message::ErrorResponse(body) => return Err(fatal(&Fault::read(body.fields()))),
            _ => {}
        }
    }
}
