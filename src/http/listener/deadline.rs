//! How long an answer may take, from when the whole body is here: how long that takes is the client's doing, and limited elsewhere.

use std::{pin::pin, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{sync::oneshot, time::timeout};

use crate::http::listener::body::{Watch, Watched};

/// Dropped, and so told, when the body has come in or nobody wants the rest of it.
struct Coming(Option<oneshot::Sender<()>>);

impl Watch for Coming {
    fn ends(&mut self) {
        self.0 = None;
    }
}

/// Around a route that has a body: 504 where the answer takes longer than this after the body's last byte.
pub(crate) async fn deadline(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let (coming, mut here) = oneshot::channel::<()>();
    let answer = next.run(request.map(|body| Body::new(Watched::new(body, Coming(Some(coming))))));
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        response = &mut answer => return response,
        _ = &mut here => {}
    }
    timeout(limit, answer).await.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}
