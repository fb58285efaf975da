//! What the program is told by signals.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Counts SIGINT and SIGTERM. SIGHUP, which ends a process that does not listen to it, is logged and ignored.
pub(crate) struct StopSignals(watch::Receiver<u32>);

impl StopSignals {
    /// Listens from now on, for the life of the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (asked, counted) = watch::channel(0u32);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {
                        tracing::info!("SIGHUP is ignored: restart the server to serve another bundle");
                        continue;
                    }
                }
                asked.send_modify(|times| *times = times.saturating_add(1));
            }
        });
        Ok(Self(counted))
    }

    /// Resolves once the program was asked to stop so many times.
    pub(crate) fn asked(&self, times: u32) -> impl Future<Output = ()> + Send + 'static {
        let mut counted = self.0.clone();
        async move {
            if counted.wait_for(|asked| *asked >= times).await.is_err() {
                std::future::pending().await // nobody listens any more
            }
        }
    }
}
