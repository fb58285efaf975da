//! A body that tells of what passes through it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// Is told of a body's bytes as they pass, and dropped together with the body.
pub(crate) trait Watch: Unpin {
    /// So many bytes come next.
    ///
    /// # Errors
    /// Where the body must end here: whoever reads it is told so in the bytes' place.
    fn passes(&mut self, _bytes: u64) -> Result<(), axum::Error> {
        Ok(())
    }

    /// Nothing comes any more: the body is complete, or failed. May be told more than once.
    fn ends(&mut self) {}
}

/// A body and who is told of it.
pub(crate) struct Watched<B, W> {
    body: B,
    watch: W,
}

impl<B, W> Watched<B, W> {
    pub(crate) fn new(body: B, watch: W) -> Self {
        Self { body, watch }
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Unpin, W: Watch> HttpBody for Watched<B, W> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx).map_err(axum::Error::new);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            if let Err(stop) = self.watch.passes(bytes) {
                self.watch.ends();
                return Poll::Ready(Some(Err(stop)));
            }
        }
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.watch.ends();
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
