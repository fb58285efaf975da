//! A body that is read to its end even where nobody wants it any more.
//!
//! A client that is refused while it is still sending sees a broken connection instead of the answer, unless somebody
//! takes what it sends. So what is left of a refused body is read and thrown away, within bounds.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use http_body::{Frame, SizeHint};

/// How long a refused client may go on sending.
const PATIENCE: Duration = Duration::from_secs(10);

struct Lingering {
    body: Body,
    /// The client waits for leave to send (`Expect: 100-continue`) and has not got it.
    silent: bool,
    ended: bool,
    /// Bytes that a refused client may still send.
    appetite: u64,
}

/// Lets whatever is done with the request leave the client a connection on which the answer arrives, if no more than `appetite`
/// bytes of the body are left.
pub(crate) fn lingering(request: Request, appetite: u64) -> Request {
    let silent = request.headers().contains_key(header::EXPECT);
    request.map(|body| {
        let ended = body.is_end_stream();
        Body::new(Lingering { body, silent, ended, appetite })
    })
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.silent = false;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
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

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.ended || self.silent || self.body.is_end_stream() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (body, appetite) = (std::mem::take(&mut self.body), self.appetite);
            runtime.spawn(async move {
                let _ = tokio::time::timeout(PATIENCE, discard(body, appetite)).await;
            });
        }
    }
}

async fn discard(mut body: Body, appetite: u64) {
    let mut taken = 0;
    while taken < appetite {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else { return };
        taken += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
