//! Bodies are admitted before they are read: by what `Content-Length` says, or as they grow.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};

use crate::{
    budget::{BodyRoom, COPIES, MemoryBudget},
    http::{error::ApiError, upload::essence},
};
use lookalike_telemetry as telemetry;

/// Around the routes that take bodies. A body's room is held until its request is answered, or its client left.
pub(crate) async fn admit(
    State((budget, max_body)): State<(MemoryBudget, usize)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let declared = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0u64);
    if declared > max_body as u64 {
        return Err(ApiError::TooLarge(max_body));
    }
    // Text is taken apart into strings, and what is base64 in it into bytes.
    let copies = if essence(&request) == "application/json" { 2 * COPIES } else { COPIES };
    let mut room = budget.body();
    if !room.grow_to(declared.saturating_mul(copies)) {
        telemetry::body_refused();
        return Err(ApiError::NoMemory);
    }
    let admission = Arc::new(Admission { room: Mutex::new(room), refused: AtomicBool::new(false) });
    let growing = Arc::clone(&admission);
    let request = request.map(|body| Body::new(Growing { body, received: 0, copies, admission: growing }));
    let response = next.run(request).await;
    if admission.refused.load(Ordering::Relaxed) {
        telemetry::body_refused();
        return Err(ApiError::NoMemory);
    }
    Ok(response)
}

struct Admission {
    room: Mutex<BodyRoom>,
    refused: AtomicBool,
}

/// A body that takes its room as it comes in, where it was not told before how large it is.
struct Growing {
    body: Body,
    received: u64,
    copies: u64,
    admission: Arc<Admission>,
}

impl HttpBody for Growing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            let mut room = self.admission.room.lock().unwrap_or_else(PoisonError::into_inner);
            if !room.grow_to(self.received.saturating_mul(self.copies)) {
                drop(room);
                self.admission.refused.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(axum::Error::new("there is no memory for this body"))));
            }
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
