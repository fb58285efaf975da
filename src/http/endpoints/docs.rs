//! The API's documentation, to read and to try: Swagger UI, held in the binary, over our own `openapi.yaml`. Nothing of it
//! comes from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use utoipa_swagger_ui::Config;

use crate::http::{endpoints::page::sent, error::ApiError};

/// Swagger UI styles its elements inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::default()));

/// `GET /docs`
pub(crate) async fn html() -> Response {
    let mut response = sent("text/html; charset=utf-8", include_str!("../docs/index.html"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// `GET /docs/{file}`
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let media_type = match name.as_str() {
        "start.js" => return Ok(sent("text/javascript; charset=utf-8", include_str!("../docs/start.js"))),
        "swagger-ui-bundle.js" => "text/javascript; charset=utf-8",
        "swagger-ui.css" => "text/css; charset=utf-8",
        _ => return Err(ApiError::NoRoute),
    };
    match utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
                (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
            ];
            Ok((headers, Body::from(file.bytes.into_owned())).into_response())
        }
        _ => Err(ApiError::NoRoute),
    }
}
