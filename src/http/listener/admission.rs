//! Bodies are admitted before they are read, by what `Content-Length` says, and hold room for what has come in of them.
//!
//! Room is not held for what is announced: a client that announces much and sends nothing would keep others out.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};

use crate::{
    budget::{BodyRoom, COPIES, MemoryBudget},
    http::{
        error::ApiError,
        listener::body::{Watch, Watched},
        upload::essence,
    },
};
use lookalike_telemetry as telemetry;

/// Around the routes that take bodies. A body's room is held until its request is answered, or its client left.
pub(crate) async fn admit(
    State((budget, max_body)): State<(MemoryBudget, usize)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let announced = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0u64);
    if announced > max_body as u64 {
        return Err(ApiError::TooLarge(max_body));
    }
    // Text is taken apart into strings, and what is base64 in it into bytes.
    let copies = if essence(&request) == "application/json" { 2 * COPIES } else { COPIES };
    if announced.saturating_mul(copies) > budget.free_for_bodies() {
        telemetry::body_refused();
        return Err(ApiError::NoMemory);
    }
    let admission = Arc::new(Admission { room: Mutex::new(budget.body()), refused: AtomicBool::new(false) });
    let growing = Growing { received: 0, copies, admission: Arc::clone(&admission) };
    let request = request.map(|body| Body::new(Watched::new(body, growing)));
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

/// Takes room for a body as it comes in.
struct Growing {
    received: u64,
    copies: u64,
    admission: Arc<Admission>,
}

impl Watch for Growing {
    fn passes(&mut self, bytes: u64) -> Result<(), axum::Error> {
        self.received += bytes;
        let mut room = self.admission.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.grow_to(self.received.saturating_mul(self.copies)) {
            return Ok(());
        }
        drop(room);
        self.admission.refused.store(true, Ordering::Relaxed);
        Err(axum::Error::new("there is no memory for this body"))
    }
}
