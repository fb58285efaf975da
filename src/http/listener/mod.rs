//! Connections: taken up to a number, each with a time limit while it waits for a request, drained when the server goes.
//!
//! `axum::serve` sets no timer, so that half a header would hold its connection for ever.

pub(crate) mod admission;
pub(crate) mod base;
mod body;
mod caller;
mod connection;
mod cors;
pub(crate) mod deadline;
pub(crate) mod guard;
mod guesses;
pub(crate) mod host;
pub(crate) mod layers;
mod linger;
mod names;
mod open_files;
mod pace;
mod places;
mod refusal;
mod timed;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::config::Network;
pub(crate) use open_files::allow_open_files;
use places::Places;
use refusal::Refusals;

/// How long to wait after the system could not hand over a connection: too many open files, above all.
const RECOVERY: Duration = Duration::from_secs(1);

/// What a connection may cost before it asks for anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Connections at once.
    pub(crate) most: usize,
    /// Connections at once from one address; 0 is as many as there are.
    pub(crate) from_one: usize,
    /// From a header's first byte to its last.
    pub(crate) header: Duration,
    /// Between a request and the next one's first byte.
    pub(crate) idle: Duration,
    /// While the client takes nothing of an answer.
    pub(crate) write: Duration,
}

/// Answers over HTTP/1.1 until `shutdown` comes; then takes no more connections, and returns when the last request under way
/// is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    (limits, trusted): (ConnectionLimits, Arc<[Network]>),
    shutdown: impl Future<Output = ()>,
) {
    let places = Places::new(limits.most, limits.from_one, trusted);
    let refusals = Refusals::of(limits.most, limits.from_one);
    let drain = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, from) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut shutdown => break,
        };
        match places.take(from.ip()) {
            Ok(place) => {
                let serving = connection::serve(stream, from, router.clone(), limits, drain.watcher());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(full) => refusals.refuse(stream, full),
        }
    }
    drop(listener);
    drain.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client left before it was taken.
            Err(e) if matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(e) => {
                tracing::error!(error = %e, "no connection can be taken for the moment");
                tokio::time::sleep(RECOVERY).await;
            }
        }
    }
}
