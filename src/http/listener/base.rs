//! The path that a proxy puts before all others. Some proxies take it away before they hand a request on, some do not: both are
//! understood.

use axum::{
    Router,
    extract::Request,
    http::Uri,
    response::Redirect,
    routing::{MethodRouter, any},
};
use tower::ServiceExt;

use crate::config::BasePath;

/// The router, which answers below this path too.
pub(crate) fn below(base: &BasePath, router: Router) -> Router {
    if base.is_root() {
        return router;
    }
    let base = base.clone();
    let strip = move |mut request: Request| {
        if let Some(uri) = stripped(request.uri(), &base) {
            *request.uri_mut() = uri;
        }
        request
    };
    Router::new().fallback_service(ServiceExt::<Request>::map_request(router, strip))
}

/// For the path itself: the page's links are relative, and lead on only behind a slash.
pub(crate) fn home<S: Clone + Send + Sync + 'static>(base: &BasePath) -> MethodRouter<S> {
    let home = format!("{base}/");
    any(move || async move { Redirect::permanent(&home) })
}

/// The address without the path before it, where it is there.
fn stripped(uri: &Uri, base: &BasePath) -> Option<Uri> {
    let rest = base.below(uri.path())?;
    let rest = uri.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_alone_is_taken_away() {
        let base: BasePath = "/shop/find".parse().unwrap();
        let stripped = |uri: &str| stripped(&uri.parse().unwrap(), &base).map(|uri| uri.to_string());
        assert_eq!(
            stripped("/shop/find/items/a%2Fb?x=/shop/find&y=%20").as_deref(),
            Some("/items/a%2Fb?x=/shop/find&y=%20")
        );
        assert_eq!(stripped("/shop/find/").as_deref(), Some("/"));
        assert_eq!(stripped("/shop/find//x").as_deref(), Some("//x"));
        for other in ["/shop/find", "/shop/finder", "/items", "/x/shop/find/items"] {
            assert_eq!(stripped(other), None, "{other}");
        }
    }
}
