//! The client that object stores are asked with: TLS by the authorities that are in the program and those of the system. It reads
//! no proxies from the environment.

use std::{error::Error, io, time::Duration};

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector as Tcp},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How long a connection may take to open, TLS aside.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a connection that nobody uses is kept: less than stores keep one.
const IDLE: Duration = Duration::from_secs(10);

/// Makes clients. What they are told of time limits is the caller's to hold.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |e| object_store::Error::Generic { store: "S3", source: Box::new(e) };
        Ok(HttpClient::new(Hyper(client().map_err(failed)?)))
    }
}

fn client() -> Result<Client<HttpsConnector<Tcp>, HttpRequestBody>, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine may have none, and some of them may be none that rustls takes.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = Tcp::new();
    tcp.enforce_http(false); // TLS is laid over it
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    // Without TLS where an address says so: AWS_ENDPOINT_URL may, and the machine's own address for credentials does.
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(https.wrap_connector(tcp)))
}

#[derive(Debug)]
struct Hyper(Client<HttpsConnector<Tcp>, HttpRequestBody>);

#[async_trait]
impl HttpService for Hyper {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.request(request).await.map_err(|e| HttpError::new(kind(&e), e))?;
        let interrupted = |e| HttpError::new(HttpErrorKind::Interrupted, e);
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(interrupted))))
    }
}

/// Whether a request that failed may have been heard.
fn kind(e: &legacy::Error) -> HttpErrorKind {
    if e.is_connect() {
        return HttpErrorKind::Connect;
    }
    let mut cause = e.source();
    while let Some(e) = cause {
        if let Some(e) = e.downcast_ref::<hyper::Error>()
            && (e.is_closed() || e.is_incomplete_message() || e.is_body_write_aborted())
        {
            return HttpErrorKind::Interrupted;
        }
        if e.is::<io::Error>() {
            return HttpErrorKind::Interrupted;
        }
        cause = e.source();
    }
    HttpErrorKind::Unknown
}
