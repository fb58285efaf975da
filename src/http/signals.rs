//! What the program is told by signals.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Counts SIGINT and SIGTERM; and SIGHUP, which ends a process that does not listen to it, apart.
pub(crate) struct Signals {
    stop: watch::Receiver<u32>,
    hangup: watch::Receiver<u32>,
}

impl Signals {
    /// Listens from now on, for the life of the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (asked, stop) = watch::channel(0u32);
        let (hung_up, hung) = watch::channel(0u32);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {
                        hung_up.send_modify(|times| *times = times.saturating_add(1));
                        continue;
                    }
                }
                asked.send_modify(|times| *times = times.saturating_add(1));
            }
        });
        Ok(Self { stop, hangup: hung })
    }

    /// How often the program was told to read its bundle again.
    pub(crate) fn reloads(&self) -> watch::Receiver<u32> {
        self.hangup.clone()
    }

    /// Resolves once the program was asked to stop so many times.
    pub(crate) fn asked(&self, times: u32) -> impl Future<Output = ()> + Send + 'static {
        let mut counted = self.stop.clone();
        async move {
            if counted.wait_for(|asked| *asked >= times).await.is_err() {
                std::future::pending().await // nobody listens any more
            }
        }
    }
}
