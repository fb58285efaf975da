//! What is sent as it was written: the page, the clients that a shop's pages load, and the API's description, held in the
//! binary.

use std::sync::LazyLock;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lookalike_common::hex;
use sha2::{Digest, Sha256};

use crate::{
    config::BasePath,
    http::{app::App, error::ApiError},
};

/// Nothing from elsewhere runs or loads; photos alone may come from where the shop keeps them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A browser asks every time whether its copy is still the one: the files of a new version come together.
const CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// A file, and what a browser knows its text by.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
    etag: String,
}

impl Asset {
    fn new(name: &'static str, media_type: &'static str, text: &'static str) -> Self {
        let digest: String = hex(&Sha256::digest(text)[..8]);
        Self { name, media_type, text, etag: format!("\"{digest}\"") }
    }

    /// The file, or 304 where the client has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        let same =
            known.is_some_and(|k| k.split(',').any(|e| e.trim().trim_start_matches("W/") == self.etag));
        let mut response =
            if same { StatusCode::NOT_MODIFIED.into_response() } else { self.text.into_response() };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, CACHE);
        if same {
            headers.remove(header::CONTENT_TYPE);
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

macro_rules! assets {
    ($($media_type:ident $folder:literal: $($name:literal)+;)+) => {
        vec![$($(Asset::new($name, $media_type, include_str!(concat!($folder, $name))),)+)+]
    };
}

const SVG: &str = "image/svg+xml";

/// What lies under `/assets/`: the page's parts, and the clients under the same names as in `clients/javascript`.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    assets! {
        JS "../page/": "chips.js" "crop.js" "dom.js" "facets.js" "filters.js" "gallery.js" "incoming.js" "keys.js" "money.js"
            "notice.js" "page.js" "photos.js" "picks.js" "query.js" "range.js" "refine.js" "search.js" "state.js" "view.js";
        CSS "../page/": "base.css" "filters.css" "query.css" "results.css";
        SVG "../page/": "icon.svg";
        JS "../../../clients/javascript/": "lookalike.js" "similar-items.js" "style.js";
    }
});

static PAGE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("", "text/html; charset=utf-8", include_str!("../page/index.html")));

/// `GET /`
pub(crate) async fn html(asked: HeaderMap) -> Response {
    let mut response = PAGE.answer(&asked);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// `GET /assets/{file}`
pub(crate) async fn asset(Path(file): Path<String>, asked: HeaderMap) -> Result<Response, ApiError> {
    let asset = ASSETS.iter().find(|asset| asset.name == file).ok_or(ApiError::NoRoute)?;
    Ok(asset.answer(&asked))
}

/// `GET /openapi.yaml`
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    sent("application/yaml", described(app.base()))
}

/// The description of a server below this path.
fn described(base: &BasePath) -> String {
    include_str!("../../../openapi.yaml").replacen(SERVERS, &format!("servers:\n  - url: {base}/\n"), 1)
}

/// What `openapi.yaml` says of where it is.
const SERVERS: &str = "servers:\n  - url: /\n";

/// A text of our own, to be asked for again each time.
pub(crate) fn sent(media_type: &'static str, text: impl IntoResponse) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] =
        [(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::CACHE_CONTROL, CACHE)];
    (headers, text).into_response()
}
