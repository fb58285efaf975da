//! A stream that ends where no request comes, or half of one: a header has a time limit from its first byte, a connection
//! between two requests another one, an answer that its client does not read a third.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use atomic_waker::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use crate::http::listener::ConnectionLimits;
use lookalike_telemetry as telemetry;

/// How many bodies of a connection are under way, in either direction.
#[derive(Clone, Default)]
pub(crate) struct Exchanges(Arc<UnderWay>);

#[derive(Default)]
struct UnderWay {
    bodies: AtomicUsize,
    /// Who is to know when the last of them ends: a connection that is asleep would not begin to count its idle time.
    connection: AtomicWaker,
}

/// One of them; it ends when this is dropped.
pub(crate) struct Exchange(Exchanges);

impl Exchanges {
    pub(crate) fn begin(&self) -> Exchange {
        self.0.bodies.fetch_add(1, Ordering::AcqRel);
        Exchange(self.clone())
    }

    fn under_way(&self) -> bool {
        self.0.bodies.load(Ordering::Acquire) > 0
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let under_way = &self.0.0;
        if under_way.bodies.fetch_sub(1, Ordering::AcqRel) == 1 {
            under_way.connection.wake();
        }
    }
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of a request.
    Idle,
    /// The rest of its header.
    Header,
    /// Nothing that is timed here: a body, or an answer.
    Exchange,
}

/// Reads fail with [`io::ErrorKind::TimedOut`] where the time limit of the phase is past, writes where the client takes nothing for
/// too long.
pub(crate) struct TimedStream {
    stream: TcpStream,
    exchanges: Exchanges,
    phase: Phase,
    limit: Pin<Box<Sleep>>,
    limits: ConnectionLimits,
    /// Runs while nothing of an answer can be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    pub(crate) fn new(stream: TcpStream, exchanges: Exchanges, limits: ConnectionLimits) -> Self {
        let limit = Box::pin(sleep(limits.idle));
        Self { stream, exchanges, phase: Phase::Idle, limit, limits, stalled: None }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        let limit = if phase == Phase::Header { self.limits.header } else { self.limits.idle };
        // Far in the future where somebody wants no limit: an instant has an end.
        let now = Instant::now();
        self.limit.as_mut().reset(now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400 * 365)));
    }

    /// Brings the phase up to date after a read of so many bytes, or of none.
    fn note(&mut self, read: usize) {
        if self.exchanges.under_way() {
            self.phase = Phase::Exchange;
        } else if read > 0 && self.phase != Phase::Header {
            self.enter(Phase::Header);
        } else if read == 0 && self.phase == Phase::Exchange {
            self.enter(Phase::Idle);
        }
    }

    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let name = match self.phase {
            Phase::Exchange => return Poll::Pending,
            Phase::Header => "header",
            Phase::Idle => "idle",
        };
        self.limit.as_mut().poll(cx).map(|()| {
            telemetry::connection_timed_out(name);
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.exchanges.0.connection.register(cx.waker());
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.note(buffer.filled().len() - before);
        match read {
            Poll::Pending => self.poll_limit(cx),
            ready => ready,
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.moved(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl TimedStream {
    /// Passes on what a write came to. The end of an answer may leave when its body is already dropped: while it moves, the
    /// connection is not idle. While it does not move, its time runs.
    fn moved(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            if self.phase == Phase::Idle && matches!(written, Poll::Ready(Ok(1..))) {
                self.enter(Phase::Idle);
            }
            return written;
        }
        let limit = self.limits.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        stalled.as_mut().poll(cx).map(|()| {
            telemetry::connection_timed_out("reader");
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}
