//! A client that connects only to addresses it has looked at: a name is resolved once, each of its addresses is held to the
//! rules, and those very addresses are connected to. It reads no proxies from the environment, keeps no cookies, follows no
//! redirects and unpacks nothing.

use std::{
    error::Error,
    fmt::Display,
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec::IntoIter,
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tower::Service;

use super::{FetchError, hosts::Rules};

/// How long a connection may take to open, TLS aside.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(10);

pub(super) type HttpsClient = Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>;

/// Keeps at most `idle` connections to a host open.
///
/// # Errors
/// Where the file of certificates cannot be read, or TLS cannot be set up.
pub(super) fn client(rules: Arc<Rules>, ca: Option<&Path>, idle: usize) -> io::Result<HttpsClient> {
    let mut connector = HttpConnector::new_with_resolver(Resolver(rules));
    connector.enforce_http(false); // TLS is laid over it
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(trusted(ca)?)
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1();
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        .build(https.wrap_connector(connector)))
}

/// Mozilla's authorities, which are in the program (an image may hold no /etc/ssl), and a shop's own.
fn trusted(ca: Option<&Path>) -> io::Result<RootCertStore> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = ca else { return Ok(store) };
    let refuse = |why: &dyn Display| io::Error::other(format!("--image-ca {}: {why}", path.display()));
    let known = store.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| refuse(&e))? {
        store.add(certificate.map_err(|e| refuse(&e))?).map_err(|e| refuse(&e))?;
    }
    if store.len() == known {
        return Err(refuse(&"there is no certificate in it (BEGIN CERTIFICATE)"));
    }
    Ok(store)
}

/// Resolves a name, and gives its addresses out only where all of them may be connected to.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Rules>);

#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("it has an address that is not public")]
    Private,
    #[error("{0}")]
    Unknown(#[from] io::Error),
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            // The connector sets the port.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().all(|address| rules.reaches(address.ip())) {
                true => Ok(found.into_iter()),
                false => Err(ResolveError::Private),
            }
        })
    }
}

/// What whoever asked is told of a request that was not answered.
pub(super) fn told(error: &(dyn Error + 'static)) -> FetchError {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(ResolveError::Private) = e.downcast_ref() {
            return FetchError::Private;
        }
        if e.is::<rustls::Error>() {
            return FetchError::Tls;
        }
        // What an error of the system wraps is not its source, but the source of that is.
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|e| e as &(dyn Error + 'static)).or_else(|| e.source());
    }
    FetchError::Unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shops_own_authorities_are_read_from_pem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let all = || trusted(Some(&path)).map(|store| store.len());
        assert!(all().is_err());
        std::fs::write(&path, "no certificate").unwrap();
        assert!(all().unwrap_err().to_string().contains("BEGIN CERTIFICATE"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(all().is_err());
        let key = rcgen::KeyPair::generate().unwrap();
        let own =
            rcgen::CertificateParams::new(vec!["images.local".into()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&path, own.pem()).unwrap();
        assert_eq!(all().unwrap(), trusted(None).unwrap().len() + 1);
    }
}
