//! One connection: its requests, one after the other.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::http::listener::{
    ConnectionLimits,
    body::{Watch, Watched},
    timed::{Exchange, Exchanges, TimedStream},
};
use lookalike_telemetry as telemetry;

/// Serves the connection to its end. What ends it (a client that left, a time limit) is no fault of the server's.
pub(crate) async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    drain: Watcher,
) {
    let _open = telemetry::OpenConnection::new();
    let exchanges = Exchanges::default();
    let stream = TokioIo::new(TimedStream::new(stream, exchanges.clone(), limits));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        // Both bodies count: a refused one is still read when its answer has left.
        let (coming_in, going_out) = (exchanges.begin(), exchanges.begin());
        let mut request: Request = request.map(|body| Body::new(Watched::new(body, coming_in)));
        request.extensions_mut().insert(ConnectInfo(from));
        let answer = router.clone().oneshot(request);
        async move { answer.await.map(|response| response.map(|body| Watched::new(body, going_out))) }
    });
    if let Err(e) = drain.watch(http1::Builder::new().serve_connection(stream, service)).await {
        tracing::debug!(%from, error = %e, "a connection ended early");
    }
}

/// The exchange is under way until its body is dropped.
impl Watch for Exchange {}
