//! By which names the server may be asked.
//!
//! A page of any site may make its own name lead to this machine (DNS rebinding), and read what a server here answers: to a browser it
//! is of the page's own origin. Such a request says in `Host` which name it asked for.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{header, uri::Authority},
    middleware::Next,
    response::Response,
};

use crate::config::HostName;
use crate::http::error::ApiError;

/// What probes ask, by whichever address they know the server; they tell nothing that is worth hiding.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// The names that a server is asked by.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    /// All of them.
    #[default]
    Any,
    /// This machine's, and these.
    Named(Vec<HostName>),
}

impl Hosts {
    /// For a server that listens there: behind a loopback address only known names are answered, elsewhere only where some are named.
    pub(crate) fn of(listen: IpAddr, named: &[HostName]) -> Self {
        let guarded = listen.to_canonical().is_loopback() || !named.is_empty();
        if guarded { Self::Named(named.to_vec()) } else { Self::Any }
    }

    fn admit(&self, authority: &str) -> bool {
        let Self::Named(names) = self else { return true };
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().strip_suffix('.').unwrap_or(authority.host());
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        loopback || host.eq_ignore_ascii_case("localhost") || names.iter().any(|name| name.is(host))
    }
}

/// Around every route. A request that names no host is of no browser.
pub(crate) async fn guard_host(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let said = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let mut said = said.chain(request.uri().authority().map(Authority::as_str));
    let unknown = said.find(|host| !hosts.admit(host)).map(str::to_owned);
    match unknown {
        Some(host) if !PROBES.contains(&request.uri().path()) => Err(ApiError::UnknownHost(host)),
        _ => Ok(next.run(request).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str, named: &[&str]) -> Hosts {
        let named: Vec<HostName> = named.iter().map(|name| name.parse().unwrap()).collect();
        Hosts::of(listen.parse().unwrap(), &named)
    }

    #[test]
    fn on_this_machine_its_own_names_are_answered() {
        for listen in ["127.0.0.1", "::1", "127.0.0.9", "::ffff:127.0.0.1"] {
            let hosts = hosts(listen, &["find.shop.example"]);
            for own in [
                "localhost",
                "LocalHost:8080",
                "localhost.",
                "127.0.0.1",
                "127.0.0.1:1",
                "127.0.0.9:80",
                "[::1]",
                "[::1]:8080",
                "find.shop.example",
                "FIND.shop.example:443",
            ] {
                assert!(hosts.admit(own), "{own}");
            }
            for other in [
                "",
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "evil.example:8080",
                "192.0.2.1",
                "[::2]",
                "shop.example",
                "localhost@evil.example",
                "0.0.0.0",
                "a b",
            ] {
                assert!(!hosts.admit(other), "{other}");
            }
        }
    }

    #[test]
    fn elsewhere_only_where_names_are_given() {
        assert!(hosts("0.0.0.0", &[]).admit("evil.example"));
        assert!(hosts("::", &[]).admit("evil.example"));
        let named = hosts("192.0.2.1", &["find.shop.example"]);
        assert!(named.admit("find.shop.example") && named.admit("localhost") && !named.admit("192.0.2.1"));
        assert!(hosts("127.0.0.1", &["*"]).admit("evil.example"));
    }
}
