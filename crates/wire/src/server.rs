//! The listener: who is let in, and how it ends.
//!
//! ```text
//! Open ──shutdown──> Draining ──drain_timeout──> Over ──> return
//!                    idle clients get 57P01      statements are stopped: 57P01
//! ```

use crate::backends::Backends;
use crate::connection::{Connection, say_goodbye};
use crate::door::{Admission, Caller, Reader, Writer, settle};
use crate::failure::{Failure, Step, panicked};
use crate::frame::{Budget, Frames};
use crate::limits::WireLimits;
use crate::login::identify;
use crate::outbox::Outbox;
use crate::peer::Phase;
use crate::startup::{Client, Greeting, greet};
use crate::strangers::{Place, Strangers};
use cvx_session::Database;
use cvx_types::{SqlError, SqlState};
use futures::FutureExt;
use pgwire::messages::startup::{Authentication, BackendKeyData, SecretKey};
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// After statements were stopped, how long their connections may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause after a failed accept (no file descriptors left, usually).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

struct Shared {
    database: Arc<dyn Database>,
    admission: Admission,
    limits: Arc<WireLimits>,
    strangers: Arc<Strangers>,
    backends: Arc<Backends>,
    seats: Arc<Semaphore>,
    budget: Arc<Budget>,
    phase: watch::Receiver<Phase>,
}

/// Serves clients of `listener` until `shutdown` is done and the connections have drained.
pub async fn serve(
    listener: TcpListener,
    database: Arc<dyn Database>,
    admission: Admission,
    limits: WireLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (phase, phase_seen) = watch::channel(Phase::Open);
    let shared = Arc::new(Shared {
        database,
        admission,
        strangers: Arc::default(),
        backends: Arc::default(),
        seats: Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS))),
        budget: Arc::new(Budget::new(&limits)),
        limits: Arc::new(limits),
        phase: phase_seen,
    });
    let mut connections = JoinSet::new();
    accept_until(&listener, &shared, &mut connections, shutdown).await;
    drop(listener);
    // Sending fails only without receivers, and `shared` holds one.
    let _ = phase.send(Phase::Draining);
    if timeout(shared.limits.drain_timeout, all_of(&mut connections)).await.is_err() {
        tracing::warn!(connections = connections.len(), "stopping what still runs");
        let _ = phase.send(Phase::Over);
        shared.backends.cancel_all();
        if timeout(LAST_WORDS, all_of(&mut connections)).await.is_err() {
            connections.shutdown().await;
        }
    }
    Ok(())
}

async fn accept_until(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    tracing::debug!(%address, "accepted");
                    let place = shared.strangers.place();
                    let number = place.number();
                    let task = connections.spawn(welcome(shared.clone(), stream, address, place));
                    shared.strangers.stand(number, task);
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn all_of(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// A connection from its first byte to its last; a panic in it is its own.
async fn welcome(shared: Arc<Shared>, stream: TcpStream, address: SocketAddr, place: Place) {
    // Latency before batching: we write in large pieces anyway.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let served = AssertUnwindSafe(serve_one(&shared, stream, address, place)).catch_unwind().await;
    if let Err(payload) = served {
        panicked(&*payload);
    }
}

async fn serve_one(shared: &Shared, stream: TcpStream, address: SocketAddr, place: Place) {
    let mut phase = shared.phase.clone();
    let meeting = timeout(shared.limits.startup_timeout, get_to_know(shared, stream, address));
    let known = tokio::select! {
        known = meeting => known,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    let Ok(Some((client, mut frames, mut outbox))) = known else { return };
    let Ok(_seat) = shared.seats.clone().try_acquire_owned() else {
        let message = "sorry, too many clients already";
        let error = SqlError::new(SqlState::TOO_MANY_CONNECTIONS, message);
        return say_goodbye(&mut frames, &mut outbox, &error).await;
    };
    drop(place);
    frames.admit(shared.limits.message_bytes_max);
    match seated(shared, &client).await {
        Ok(session) => admit(shared, session, frames, outbox).await,
        Err(error) => say_goodbye(&mut frames, &mut outbox, &error).await,
    }
}

/// A client that has shown who it is, and the two ends of its line.
type Known = (Client, Frames<Reader>, Outbox<Writer>);

/// Settles encryption, hears who it is and has that proved. `None` where nobody is let in.
async fn get_to_know(shared: &Shared, stream: TcpStream, address: SocketAddr) -> Option<Known> {
    let line = match settle(stream, address, shared.admission.tls.as_ref()).await {
        Ok(line) => line,
        Err(error) => {
            tracing::debug!(%address, %error, "no connection came about");
            return None;
        }
    };
    let frames = Frames::new(line.reader, &shared.limits, shared.budget.clone());
    let mut frames = frames.with_first(&line.first);
    let mut outbox = Outbox::new(line.writer, shared.limits.output_bytes);
    match introduce(shared, &mut frames, &mut outbox, &line.caller).await {
        Ok(Some(client)) => Some((client, frames, outbox)),
        Ok(None) | Err(Failure::Gone) => None,
        Err(Failure::Fatal(error) | Failure::Statement(error)) => {
            say_goodbye(&mut frames, &mut outbox, &error).await;
            None
        }
    }
}

async fn introduce(
    shared: &Shared,
    frames: &mut Frames<Reader>,
    outbox: &mut Outbox<Writer>,
    caller: &Caller,
) -> Step<Option<Client>> {
    let client = match greet(frames, outbox).await? {
        Greeting::Client(client) => client,
        Greeting::Cancel { pid, secret } => {
            shared.backends.cancel(pid, secret);
            return Ok(None);
        }
        Greeting::Nothing => return Ok(None),
    };
    let verifier = || shared.database.verifier(&client.user);
    identify(frames, outbox, &client, caller, &shared.admission, verifier).await?;
    Ok(Some(client))
}

async fn seated(
    shared: &Shared,
    client: &Client,
) -> Result<Box<dyn cvx_session::Session>, SqlError> {
    let Client { user, database, settings } = client;
    let connecting = shared.database.connect(user, database, settings);
    let connected = AssertUnwindSafe(connecting).catch_unwind().await;
    connected.unwrap_or_else(|payload| Err(panicked(&*payload)))
}

async fn admit<R, W>(
    shared: &Shared,
    session: Box<dyn cvx_session::Session>,
    mut frames: Frames<R>,
    mut outbox: Outbox<W>,
) where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let Some(entry) = shared.backends.enter(session.cancel_token()) else {
        let error = SqlError::new(SqlState::INTERNAL_ERROR, "no randomness for a secret key");
        return say_goodbye(&mut frames, &mut outbox, &error).await;
    };
    let key = BackendKeyData::new(entry.backend.pid, SecretKey::I32(entry.backend.secret));
    let (phase, limits) = (shared.phase.clone(), shared.limits.clone());
    let mut connection = Connection::new(frames, outbox, session, entry, phase, limits);
    match open(&mut connection, &key).await {
        Ok(()) => connection.run().await,
        Err(failure) => tracing::debug!(?failure, "the client left during startup"),
    }
}

/// Tells the client that it is in.
async fn open<R, W>(connection: &mut Connection<R, W>, key: &BackendKeyData) -> Step<()>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    connection.outbox.send(&Authentication::Ok)?;
    connection.report()?;
    connection.outbox.send(key)?;
    connection.ready().await
}
