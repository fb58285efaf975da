//! `GET /admin/snapshot`: the state as one tar, written while it is served.

use std::{
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use http_body::Frame;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{
    backup,
    http::{app::App, endpoints::writes::REVISION, error::ApiError, params::NoParams},
    ingest::IngestError,
};

/// How long a snapshot may take in all: as long the state's file keeps what was there when it began.
const WHOLE: Duration = Duration::from_secs(2 * 60 * 60);
/// How long a client may take nothing of it.
const STALLED: Duration = Duration::from_secs(60);

/// Bytes that travel as one, …
const PART: usize = 256 << 10;
/// … and how many of them may wait for the client.
const WAITING: usize = 8;
/// How long the thread that writes waits before it looks whether there is room again.
const AGAIN: Duration = Duration::from_millis(5);

/// `GET /admin/snapshot`
pub(crate) async fn snapshot(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let ingest = app.recommender().ingest().ok_or(ApiError::NoRoute)?;
    let snapshot = ingest.snapshot().await?;
    let revision = snapshot.records().about().revision;
    let (parts, body) = mpsc::channel(WAITING);
    let writer = app.clone();
    let run = move || {
        let mut sink = Sink { parts, buffer: Vec::with_capacity(PART), begun: Instant::now() };
        let written = backup::write(&snapshot, &mut sink).and_then(|()| sink.send(Part::End));
        match written {
            Ok(()) => tracing::info!(revision, "a snapshot was sent"),
            Err(e) => tracing::warn!(revision, error = %e, "a snapshot was cut off"),
        }
        if let Some(ingest) = writer.recommender().ingest() {
            ingest.let_go(snapshot);
        }
    };
    thread::Builder::new().name("snapshot".into()).spawn(run).map_err(IngestError::Keep)?;
    let name = format!("attachment; filename=\"lookalike-state-{revision}.tar\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (headers, Body::new(Parts(body))).into_response();
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response.headers_mut().insert(REVISION, HeaderValue::from(revision));
    Ok(response)
}

/// What the thread that writes hands over.
enum Part {
    Bytes(Bytes),
    /// All of it was written: a body that ends without this was cut off, and the client is to see that.
    End,
}

/// Where the tar is written to: it goes on as fast as the client takes it.
struct Sink {
    parts: mpsc::Sender<Part>,
    buffer: Vec<u8>,
    begun: Instant,
}

impl Sink {
    fn send(&mut self, mut part: Part) -> io::Result<()> {
        let waiting = Instant::now();
        loop {
            part = match self.parts.try_send(part) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(io::Error::other("the client has left")),
                Err(TrySendError::Full(part)) => part,
            };
            if waiting.elapsed() > STALLED || self.begun.elapsed() > WHOLE {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes it too slowly"));
            }
            thread::sleep(AGAIN);
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PART {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART));
        self.send(Part::Bytes(part.into()))
    }
}

/// The body of the answer.
struct Parts(mpsc::Receiver<Part>);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|part| match part {
            Some(Part::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Part::End) => None,
            None => Some(Err(io::Error::other("the snapshot was cut off"))),
        })
    }
}
