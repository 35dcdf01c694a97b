//! The listener: who is let in, and how it ends.
//!
//! ```text
//! Open ──shutdown──> Draining ──drain_timeout──> Over ──> return
//!                    idle clients get 57P01      statements are stopped: 57P01
//! ```

use crate::backends::Backends;
use crate::connection::{Connection, say_goodbye};
use crate::failure::{Failure, Step, panicked};
use crate::frame::{Budget, Frames};
use crate::limits::WireLimits;
use crate::outbox::Outbox;
use crate::peer::Phase;
use crate::startup::{Client, Greeting, greet};
use cvx_session::Database;
use cvx_types::{SqlError, SqlState};
use futures::FutureExt;
use pgwire::messages::startup::{Authentication, BackendKeyData, SecretKey};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections beyond `connections_max` that may be in their startup: to be told 53300, or to
/// bring a cancel request. More are closed without a word.
const STRANGERS_MAX: usize = 64;
/// After statements were stopped, how long their connections may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause after a failed accept (no file descriptors left, usually).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

struct Shared {
    database: Arc<dyn Database>,
    limits: Arc<WireLimits>,
    backends: Arc<Backends>,
    seats: Arc<Semaphore>,
    budget: Arc<Budget>,
    phase: watch::Receiver<Phase>,
}

/// Serves clients of `listener` until `shutdown` is done and the connections have drained.
pub async fn serve(
    listener: TcpListener,
    database: Arc<dyn Database>,
    limits: WireLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (phase, phase_seen) = watch::channel(Phase::Open);
    let shared = Arc::new(Shared {
        database,
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
                    let room = shared.limits.connections_max.saturating_add(STRANGERS_MAX);
                    if connections.len() < room {
                        connections.spawn(welcome(shared.clone(), stream));
                    }
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
async fn welcome(shared: Arc<Shared>, stream: TcpStream) {
    // Latency before batching: we write in large pieces anyway.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let (reader, writer) = stream.into_split();
    let frames = Frames::new(reader, &shared.limits, shared.budget.clone());
    let outbox = Outbox::new(writer, shared.limits.output_bytes);
    let served = AssertUnwindSafe(serve_one(&shared, frames, outbox)).catch_unwind().await;
    if let Err(payload) = served {
        panicked(&*payload);
    }
}

async fn serve_one<R, W>(shared: &Shared, mut frames: Frames<R>, mut outbox: Outbox<W>)
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let mut phase = shared.phase.clone();
    let greeting = greet(&mut frames, &mut outbox);
    let greeted = tokio::select! {
        greeted = timeout(shared.limits.startup_timeout, greeting) => greeted,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    let admitted = match greeted {
        Ok(Ok(Greeting::Client(client))) => client,
        Ok(Ok(Greeting::Cancel { pid, secret })) => return shared.backends.cancel(pid, secret),
        Ok(Ok(Greeting::Nothing) | Err(Failure::Gone)) | Err(_) => return,
        Ok(Err(Failure::Fatal(error) | Failure::Statement(error))) => {
            return say_goodbye(&mut frames, &mut outbox, &error).await;
        }
    };
    let Ok(_seat) = shared.seats.clone().try_acquire_owned() else {
        let message = "sorry, too many clients already";
        let error = SqlError::new(SqlState::TOO_MANY_CONNECTIONS, message);
        return say_goodbye(&mut frames, &mut outbox, &error).await;
    };
    match seated(shared, &admitted).await {
        Ok(session) => admit(shared, session, frames, outbox).await,
        Err(error) => say_goodbye(&mut frames, &mut outbox, &error).await,
    }
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
