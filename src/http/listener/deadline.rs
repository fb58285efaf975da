//! How long an answer may take, from when the whole body is here: how long that takes is the client's doing, and limited elsewhere.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body::{Frame, SizeHint};
use tokio::{sync::oneshot, time::timeout};

/// A body that says when it has come in, or when nobody wants the rest of it.
struct Watched {
    body: Body,
    /// Dropped then.
    coming: Option<oneshot::Sender<()>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.coming = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Around a route that has a body: 504 where the answer takes longer than this after the body's last byte.
pub(crate) async fn deadline(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let (coming, mut here) = oneshot::channel::<()>();
    let answer = next.run(request.map(|body| Body::new(Watched { body, coming: Some(coming) })));
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        response = &mut answer => return response,
        _ = &mut here => {}
    }
    timeout(limit, answer).await.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}
