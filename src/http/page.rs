//! What is sent as it was written: the page and the API's description, held in the binary.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

/// Nothing from elsewhere runs or loads; photos alone may come from where the shop keeps them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `GET /`
pub(super) async fn html() -> Response {
    let mut response = sent("text/html; charset=utf-8", include_str!("page/index.html"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// `GET /page.css`
pub(super) async fn css() -> Response {
    sent("text/css; charset=utf-8", include_str!("page/page.css"))
}

/// `GET /page.js`
pub(super) async fn js() -> Response {
    sent("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

/// `GET /openapi.yaml`
pub(super) async fn openapi() -> Response {
    sent("application/yaml", include_str!("../../openapi.yaml"))
}

pub(super) fn sent(media_type: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
