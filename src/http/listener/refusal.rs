//! What a client hears where there are more connections than the server takes.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

use crate::http::{error::ApiError, listener::places::Full};
use lookalike_telemetry as telemetry;

/// Clients that are being refused at once; past them a connection is closed without a word.
const MOST: usize = 64;

/// How long a refused client may take to hear it, …
const PATIENCE: Duration = Duration::from_secs(1);

/// … and how many bytes of its request are thrown away meanwhile: a client that is still sending when its connection is
/// closed may lose the answer.
const APPETITE: u64 = 64 << 10;

/// The answer, and who is being told it.
pub(crate) struct Refusals {
    of_server: Arc<[u8]>,
    of_address: Arc<[u8]>,
    places: Arc<Semaphore>,
}

impl Refusals {
    /// For a server of so many connections, and so many from one address.
    pub(crate) fn of(most: usize, from_one: usize) -> Self {
        let answer = |refusal: ApiError| refusal.as_bytes().into();
        let of_server = answer(ApiError::TooManyConnections(most));
        let of_address = answer(ApiError::TooManyFromOne(from_one));
        Self { of_server, of_address, places: Arc::new(Semaphore::new(MOST)) }
    }

    /// Tells the client so, then closes the connection. Returns at once.
    pub(crate) fn refuse(&self, mut stream: TcpStream, full: Full) {
        telemetry::connection_refused();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let answer = Arc::clone(match full {
            Full::Server => &self.of_server,
            Full::Address => &self.of_address,
        });
        tokio::spawn(async move {
            let telling = async {
                stream.write_all(&answer).await?;
                stream.shutdown().await?;
                tokio::io::copy(&mut stream.take(APPETITE), &mut tokio::io::sink()).await
            };
            let _ = timeout(PATIENCE, telling).await; // a client that left needs no answer
            drop(place);
        });
    }
}
