//! Photos by their address: fetched from hosts that the shop names, within bounds of time, size and number.
//!
//! May enter: an address that a client sent, trusted in nothing. An admin key is no reason to let a request reach into the
//! network that the server is in: `hosts.rs` says which addresses are asked, `addresses.rs` which IP addresses are connected
//! to, `client.rs` that nothing comes between the two.

mod addresses;
mod client;
mod hosts;

pub use hosts::ImageHost;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use client::HttpsClient;
use hosts::Rules;

/// Photos fetched at once, over all writes: so many are held in memory besides those that are embedded.
const FETCHES: usize = 16;

/// Of them, by addresses of one host.
const FROM_ONE_HOST: usize = 8;

/// Redirects that are followed for one photo.
const REDIRECTS: usize = 3;

/// What a host of photos is told of who asks.
const USER_AGENT: &str = concat!("lookalike/", env!("CARGO_PKG_VERSION"));

/// Why a photo was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No hosts are named.
    #[error(
        "this server fetches no photos, for it was started without --image-hosts: send the photo itself, or have its \
         host named there"
    )]
    Off,
    /// The address is none that is asked, or a redirect leads to such a one.
    #[error("the photo's address, or one that it redirects to, {0}")]
    Refused(&'static str),
    /// The host is not out there.
    #[error(
        "the photo's host has an address that is not public: --image-private-addresses allows those of a network of \
         one's own, and no setting any other"
    )]
    Private,
    /// Redirects that do not end.
    #[error("the photo's address redirects more than {REDIRECTS} times: send the one that it leads to")]
    Redirects,
    /// The host has something else to say.
    #[error(
        "the photo's host answered {0}, and not 200 with a photo: see that its address opens without a login"
    )]
    Status(u16),
    /// Nothing is heard.
    #[error(
        "the photo's host cannot be reached, or broke off: see that its name is right, and send it again later"
    )]
    Unreachable,
    /// The host is not who it should be.
    #[error(
        "no TLS with the photo's host: its certificate must be for its name, in date, and of a public authority or \
         one in the file of --image-ca"
    )]
    Tls,
    /// It takes too long.
    #[error("the photo did not come within {} s, which is what --image-timeout allows", .0.as_secs_f64())]
    TooSlow(Duration),
    /// It is too large.
    #[error("the photo is larger than the {0} bytes that --max-body allows")]
    TooLarge(usize),
    /// So many are being fetched that this one did not come on in time.
    #[error("more photos are being fetched than this server takes on at once")]
    Busy,
}

/// What is fetched, and what it may cost.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// From here alone.
    pub hosts: Vec<ImageHost>,
    /// Hosts may be in a network of one's own.
    pub private_addresses: bool,
    /// A file of authorities, in PEM, that are trusted besides the public ones.
    pub ca: Option<PathBuf>,
    /// How long a photo may take, redirects and all.
    pub timeout: Duration,
    /// How large it may be, in bytes.
    pub max_bytes: usize,
}

/// Fetches photos.
pub struct Fetcher {
    rules: Arc<Rules>,
    client: HttpsClient,
    timeout: Duration,
    max_bytes: usize,
    all: Arc<Semaphore>,
    /// Of hosts that are being asked.
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A photo that was fetched. Another one is not begun in its place before this is dropped.
pub struct Fetched {
    /// As they came.
    pub bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl Fetcher {
    /// # Errors
    /// Where the file of authorities cannot be used.
    pub fn new(options: FetchOptions) -> io::Result<Self> {
        let FetchOptions { hosts, private_addresses: private, ca, timeout, max_bytes } = options;
        let rules = Arc::new(Rules { hosts, private });
        let client = client::client(Arc::clone(&rules), ca.as_deref(), FROM_ONE_HOST)?;
        let all = Arc::new(Semaphore::new(FETCHES));
        Ok(Self { rules, client, timeout, max_bytes, all, hosts: Mutex::default() })
    }

    /// Fetches a photo. Where many are being fetched it waits for its turn: as long as it takes where it is `patient`, else as long
    /// as a photo may take.
    ///
    /// # Errors
    /// Every [`FetchError`] but [`FetchError::Off`].
    pub async fn fetch(&self, address: &str, patient: bool) -> Result<Fetched, FetchError> {
        let url = self.rules.read(address)?;
        let host = self.of_host(&url);
        let turn = async {
            let of_host = host.acquire_owned().await.map_err(|_| FetchError::Busy)?;
            // Last, so that whoever has it waits for nobody.
            let place = Arc::clone(&self.all).acquire_owned().await.map_err(|_| FetchError::Busy)?;
            Ok::<_, FetchError>((of_host, place))
        };
        let (_of_host, place) = match patient {
            true => turn.await?,
            false => tokio::time::timeout(self.timeout, turn).await.map_err(|_| FetchError::Busy)??,
        };
        let followed = tokio::time::timeout(self.timeout, self.follow(url)).await;
        let bytes = followed.map_err(|_| FetchError::TooSlow(self.timeout))??;
        Ok(Fetched { bytes, _place: place })
    }

    async fn follow(&self, mut url: Url) -> Result<Bytes, FetchError> {
        for _ in 0..=REDIRECTS {
            let response = self.ask(&url).await?;
            let to = response.headers().get(header::LOCATION).filter(|_| redirects(response.status()));
            let Some(to) = to else { return self.body(response).await };
            let to = to.to_str().ok().and_then(|to| url.join(to).ok());
            url = self.rules.check(to.ok_or(FetchError::Refused("is none"))?)?;
        }
        Err(FetchError::Redirects)
    }

    async fn ask(&self, url: &Url) -> Result<Response<Incoming>, FetchError> {
        let request = Request::get(url.as_str())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "image/*")
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Empty::new())
            .map_err(|_| FetchError::Refused("holds what no address may"))?;
        self.client.request(request).await.map_err(|e| {
            tracing::debug!(host = url.host_str(), error = ?e, "a photo's host is not reached");
            client::told(&e)
        })
    }

    /// As much of it as is allowed, whatever length it is said to have.
    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, FetchError> {
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let whole = Limited::new(response.into_body(), self.max_bytes).collect().await;
        let whole = whole.map_err(|e| match e.is::<LengthLimitError>() {
            true => FetchError::TooLarge(self.max_bytes),
            false => FetchError::Unreachable,
        })?;
        Ok(whole.to_bytes())
    }

    fn of_host(&self, url: &Url) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| host.strong_count() > 0);
        let name = url.host_str().unwrap_or_default();
        if let Some(host) = hosts.get(name).and_then(Weak::upgrade) {
            return host;
        }
        let host = Arc::new(Semaphore::new(FROM_ONE_HOST));
        hosts.insert(name.to_owned(), Arc::downgrade(&host));
        host
    }
}

fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
