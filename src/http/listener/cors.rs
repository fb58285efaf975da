//! Which pages of other origins may ask.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::names::{API_KEY, REQUEST_ID, TRACEPARENT, TRACESTATE};

/// What any page may load: scripts that are modules, and pictures.
const OPEN: [&str; 2] = ["/assets/", "/images/"];

/// Every origin.
const EVERY: &str = "*";

/// What pages of other origins are granted.
pub(crate) struct Sharing {
    open: CorsLayer,
    /// For all that is not open; pages of no other origin may ask where none is named.
    named: Option<CorsLayer>,
}

impl Sharing {
    /// With pages of these origins, and by these methods.
    pub(crate) fn new(origins: &[String], methods: Vec<Method>) -> Self {
        let every = origins.iter().any(|origin| origin == EVERY);
        let listed = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let listed = if every { AllowOrigin::from(Any) } else { AllowOrigin::list(listed) };
        let named = (!origins.is_empty()).then(|| granted(methods).allow_origin(listed));
        Self { open: granted(vec![Method::GET]).allow_origin(Any), named }
    }

    fn of(&self, path: &str) -> Option<&CorsLayer> {
        if OPEN.iter().any(|open| path.starts_with(open)) { Some(&self.open) } else { self.named.as_ref() }
    }
}

/// What a page may send, the headers that upload widgets add among it, and what it may read.
fn granted(methods: Vec<Method>) -> CorsLayer {
    CorsLayer::new()
        .allow_methods(methods)
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::CACHE_CONTROL,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            API_KEY,
            REQUEST_ID,
            TRACEPARENT,
            TRACESTATE,
            HeaderName::from_static("x-requested-with"),
        ])
        .expose_headers([
            REQUEST_ID,
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("server-timing"),
            HeaderName::from_static("x-revision"),
        ])
        .max_age(Duration::from_secs(3600))
}

/// Around every route.
pub(crate) async fn share(State(sharing): State<Arc<Sharing>>, request: Request, next: Next) -> Response {
    let Some(cors) = sharing.of(request.uri().path()) else { return next.run(request).await };
    match cors.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
