//! A Lookalike server, as a writer sees it.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use ureq::{Agent, Body, http::Response};
use url::Url;

use crate::{
    SyncError,
    hash::Owner,
    http::{Failure, Tries, good},
};

/// How long a bulk write may take: as long as the server gives it, and a bit.
const WRITING: Duration = Duration::from_secs(750);
/// How many items a page of the listing has.
const PAGE: usize = 1_000;
/// The most bytes of an answer.
const ANSWER: u64 = 64 << 20;

/// A server and the key to it.
pub(crate) struct Server {
    agent: Agent,
    base: Url,
    key: Option<String>,
    tries: Tries,
}

/// What one bulk write may hold.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Limits {
    /// Of a line.
    pub(crate) body_bytes: usize,
    pub(crate) bulk_bytes: usize,
    pub(crate) bulk_lines: usize,
}

#[derive(Deserialize)]
struct Info {
    limits: Limits,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    total: u64,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    source_hash: Option<String>,
}

/// What became of a line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Written {
    pub(crate) status: u16,
    pub(crate) problem: Option<Problem>,
}

/// Why a line was not made.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) detail: String,
}

#[derive(Deserialize)]
struct Done {
    #[serde(rename = "done")]
    _done: bool,
}

impl Server {
    /// At this address, which may have a path.
    ///
    /// # Errors
    /// Where that is no http or https address.
    pub(crate) fn new(
        agent: Agent,
        address: &str,
        key: Option<String>,
        tries: Tries,
    ) -> Result<Self, SyncError> {
        let bad = || {
            let shown = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
            SyncError::Usage(format!(
                "--server {shown} is no http or https address, or holds a name or a password: a key goes into --key-file"
            ))
        };
        let mut base = Url::parse(address).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https")
            || base.host().is_none()
            || !base.username().is_empty()
            || base.password().is_some()
        {
            return Err(bad());
        }
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { agent, base, key, tries })
    }

    fn at(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(|e| Failure::lasting(e.to_string()))
    }

    fn get(&self, address: &Url) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(address.as_str()).header("Accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        good(request.config().timeout_global(Some(Duration::from_secs(120))).build().call()?)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, address: &Url) -> Result<T, SyncError> {
        let read = self.tries.make(|| {
            let text = self.get(address)?.into_body().into_with_config().limit(ANSWER).read_to_string()?;
            serde_json::from_str(&text)
                .map_err(|e| Failure::lasting(format!("it does not answer as a Lookalike server does: {e}")))
        });
        read.map_err(|failure| self.failed(failure))
    }

    /// What one request may hold.
    pub(crate) fn limits(&self) -> Result<Limits, SyncError> {
        let address = self.at("info").map_err(|failure| self.failed(failure))?;
        Ok(self.json::<Info>(&address)?.limits)
    }

    /// Every item that it has, and whose it is. `told` hears how many there were so far, and of how many.
    pub(crate) fn held(
        &self,
        name: &str,
        told: &dyn Fn(u64, u64),
    ) -> Result<BTreeMap<String, Owner>, SyncError> {
        let mut held = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let mut address = self.at("items").map_err(|failure| self.failed(failure))?;
            address
                .query_pairs_mut()
                .append_pair("limit", &PAGE.to_string())
                .append_pair("fields", "id,source_hash");
            if let Some(after) = &after {
                address.query_pairs_mut().append_pair("after", after);
            }
            let page: Page = self.json(&address)?;
            let last = page.items.last().map(|listed| listed.id.clone());
            for listed in page.items {
                let owner = Owner::of(listed.source_hash.as_deref(), name);
                held.insert(listed.id, owner);
            }
            told(held.len() as u64, page.total);
            match page.next {
                None => return Ok(held),
                // A listing that does not go on would never end.
                Some(next) if last.is_none() || after.as_ref().is_some_and(|after| next <= *after) => {
                    let why = format!("its listing does not go on after '{next}'");
                    return Err(self.failed(Failure::lasting(why)));
                }
                Some(next) => after = Some(next),
            }
        }
    }

    /// Sends so many lines, until they have arrived: to send them again changes nothing.
    pub(crate) fn write(&self, lines: &[u8], count: usize) -> Result<Vec<Written>, SyncError> {
        self.tries.make(|| self.write_once(lines, count)).map_err(|failure| self.failed(failure))
    }

    fn write_once(&self, lines: &[u8], count: usize) -> Result<Vec<Written>, Failure> {
        let mut request =
            self.agent.post(self.at("items")?.as_str()).header("Content-Type", "application/x-ndjson");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let request =
            request.config().timeout_global(Some(WRITING)).timeout_recv_response(Some(WRITING)).build();
        let answer = good(request.send(lines)?)?;
        let text = answer.into_body().into_with_config().limit(ANSWER).read_to_string()?;
        let mut told: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = told.pop().unwrap_or_default();
        let cut = || Failure::passing("its answer to a bulk write was cut off".to_owned());
        serde_json::from_str::<Done>(last).map_err(|_| cut())?;
        let written = told.iter().map(|line| serde_json::from_str(line));
        let written: Vec<Written> = written.collect::<Result<_, _>>().map_err(|_| cut())?;
        if written.len() == count { Ok(written) } else { Err(cut()) }
    }

    /// What a failed request means for the run.
    fn failed(&self, failure: Failure) -> SyncError {
        let mut shown = self.base.clone();
        let _ = shown.set_password(None);
        let server = shown.as_str().trim_end_matches('/').to_owned();
        let why = match failure.status {
            Some(401) => format!("{}: say an admin key with --key-file or LOOKALIKE_ADMIN_KEY", failure.why),
            Some(405) => format!("{}: it takes writes when it is started with --state", failure.why),
            _ => failure.why,
        };
        if failure.passing { SyncError::Away { server, why } } else { SyncError::Refused { server, why } }
    }
}
