//! What every request passes on its way in and out, outermost last.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};
use tracing::{Span, field::Empty};

use crate::http::{
    app::AppOptions,
    listener::{
        caller::Client,
        cors::{Sharing, share},
        host::guard_host,
        linger::lingering,
        names::{REQUEST_ID, TRACEPARENT, TRACESTATE},
    },
    problem::{Problem, request_id},
};
use crate::{
    config::Network,
    traces::{self, TraceParent},
};
use lookalike_telemetry as telemetry;

/// The request's id, for handlers that write it out.
#[derive(Clone)]
pub(crate) struct RequestIdText(pub(crate) String);

/// Puts the layers around the routes, which are asked by these methods.
pub(crate) fn around(routes: Router, methods: Vec<Method>, options: &AppOptions) -> Router {
    let sharing = Arc::new(Sharing::new(&options.cors_origins, methods));
    let trusted: Arc<[Network]> = options.trusted_proxies.as_slice().into();
    routes
        .layer(DefaultBodyLimit::disable()) // each route has one that holds for every kind of body
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Arc::new(options.hosts.clone()), guard_host))
        .layer(middleware::from_fn_with_state(options.max_body, identify))
        .layer(middleware::from_fn_with_state(sharing, share))
        .layer(middleware::map_response(harden))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log).on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(RandomId))
        .layer(middleware::map_request_with_state((trusted, options.max_body as u64), receive))
}

/// The first thing done to a request: what it says of itself is checked.
async fn receive(State((trusted, appetite)): State<(Arc<[Network]>, u64)>, mut request: Request) -> Request {
    let fit = |id: &HeaderValue| {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._~-".contains(b);
        (1..=128).contains(&id.len()) && id.as_bytes().iter().all(allowed)
    };
    if request.headers().get(&REQUEST_ID).is_some_and(|id| !fit(id)) {
        request.headers_mut().remove(&REQUEST_ID);
    }
    if let Some(client) = Client::of(&request, &trusted) {
        request.extensions_mut().insert(client);
    }
    lingering(request, appetite)
}

/// An id for a request that comes without one.
#[derive(Clone, Copy)]
struct RandomId;

impl MakeRequestId for RandomId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&request_id()).ok().map(RequestId::new)
    }
}

/// Hands the request's id to the handler, and to the problem document of a failure; counts the answer.
async fn identify(State(max_body): State<usize>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = RequestIdText(given.unwrap_or_default().to_owned());
    request.extensions_mut().insert(id.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let status = response.status();
    telemetry::answered(route.as_ref().map_or("none", MatchedPath::as_str), status.as_u16());
    if status.is_client_error() || status.is_server_error() {
        let known = response.extensions_mut().remove::<Problem>();
        known.unwrap_or_else(|| Problem::of_status(status, max_body)).write(&id.0, &mut response);
    }
    response
}

/// A panic has been logged by the hook; the client learns that it was not its fault.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn span(request: &Request) -> Span {
    let header = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (method, path, id) =
        (request.method(), request.uri().path(), header(&REQUEST_ID).unwrap_or_default());
    let span = tracing::info_span!(
        "request",
        %method,
        path,
        request_id = id,
        client = Empty,
        key = Empty,
        trace_id = Empty,
        parent_id = Empty,
        otel.name = Empty,
        otel.kind = Empty,
    );
    if let Some(Client(address)) = request.extensions().get() {
        span.record("client", tracing::field::display(address));
    }
    let parent = header(&TRACEPARENT).and_then(|parent| TraceParent::parse(parent, header(&TRACESTATE)));
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    traces::adopt(&span, parent.as_ref(), format!("{method} {route}").trim_end());
    span
}

fn log<B>(response: &axum::http::Response<B>, latency: Duration, span: &Span) {
    traces::finished(span, response.status().as_u16());
    let latency_ms = (latency.as_secs_f64() * 1e6).round() / 1e3;
    tracing::info!(status = response.status().as_u16(), latency_ms, "answered");
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        budget::{MemoryBudget, PhotoRoom},
        config::{ApiKeys, BasePath},
        http::listener::host::Hosts,
    };

    #[tokio::test]
    async fn a_panic_is_the_servers_fault_and_keeps_its_words_to_itself() {
        let budget = MemoryBudget::new(1 << 30, 1 << 28, 1 << 20).unwrap();
        let options = AppOptions {
            images: None,
            max_body: 1000,
            room: PhotoRoom::new(1000, budget.clone()),
            budget,
            request_timeout: Duration::from_secs(1),
            upload_timeout: Duration::from_secs(1),
            cors_origins: vec!["*".into()],
            trusted_proxies: Vec::new(),
            hosts: Hosts::Any,
            base_path: BasePath::default(),
            keys: ApiKeys::default(),
            open_reads: false,
            rate: None,
            burst: None,
            compact_at: None,
        };
        async fn boom() -> Response {
            panic!("a secret of the house")
        }
        let router = around(Router::new().route("/boom", get(boom)), vec![Method::GET], &options);
        let response = router.oneshot(Request::get("/boom").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("internal_error") && !text.contains("secret"), "{text}");
    }
}
