//! The servers, ours and the peers: started, waited for, stopped.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::Failed;

/// A server that can be started.
pub struct Server {
    pub name: String,
    command: Vec<String>,
    ready: &'static str,
    photos: String,
}

/// A server that answers.
pub struct Running {
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Our own over a bundle of `target/bench`, or the demo's, without remembering photos.
    pub fn ours(bundle: &str, more: &[&str]) -> Self {
        let bundle =
            if bundle == "demo" { "target/demo/bundle".into() } else { format!("target/bench/{bundle}") };
        let fixed = [
            "target/release/lookalike-server",
            "--bundle",
            &bundle,
            "--embedding-cache",
            "off",
            "--log",
            "warn",
        ];
        let command = fixed.iter().chain(more).map(|s| (*s).to_owned()).collect();
        Self { name: "lookalike".into(), command, ready: "/readyz", photos: String::new() }
    }

    /// The same by another name: that of its log.
    pub fn called(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// One of `benches/peers/serve.py`.
    pub fn peer(name: &str, photos: &str) -> Self {
        let python = crate::setting("PEER_PYTHON", "target/bench/peers/bin/python");
        let command = vec![python, "benches/peers/serve.py".into(), name.into()];
        Self { name: name.into(), command, ready: "/ready", photos: photos.into() }
    }

    pub fn is_ours(&self) -> bool {
        self.ready == "/readyz"
    }

    pub async fn start(&self) -> Result<Running, Failed> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        if self.is_ours() {
            command.args(["--listen", &address.to_string()]);
        } else {
            command.arg(address.port().to_string()).env("BENCH_PHOTOS", &self.photos);
        }
        let log = fs::File::create(format!("target/bench/serve-{}.log", self.name))?;
        // A group of its own: workers that a server starts are stopped with it.
        command.process_group(0);
        let child = command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log)).spawn();
        let child = child.map_err(|e| format!("{}: {e}", self.command[0]))?;
        let mut running = Running { address, child };
        let (begun, client) = (Instant::now(), reqwest::Client::new());
        let url = format!("http://{address}{}", self.ready);
        loop {
            // LitServe has no such address of its own: that it answers is enough.
            let answered = client.get(&url).send().await;
            if answered
                .is_ok_and(|r| r.status().is_success() || (self.name == "litserve" && r.status() == 404))
            {
                return Ok(running);
            }
            if let Some(status) = running.child.try_wait()? {
                return Err(format!(
                    "{} ended with {status}: target/bench/serve-{}.log",
                    self.name, self.name
                )
                .into());
            }
            if begun.elapsed() > Duration::from_secs(600) {
                return Err(format!("{} does not answer at {url}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Running {
    /// Resident memory in bytes.
    pub fn resident(&self) -> Result<u64, Failed> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Processor seconds that it took so far, its threads together.
    pub fn worked(&self) -> Result<f64, Failed> {
        worked(&self.child.id().to_string())
    }

    /// Seconds spent by stage, from the server's own metrics.
    pub async fn shares(&self) -> Result<Value, Failed> {
        let text = reqwest::get(format!("http://{}/metrics", self.address)).await?.text().await?;
        let mut shares = serde_json::Map::new();
        for line in text.lines() {
            // Of photos that were answered.
            if let Some(rest) = line.strip_prefix("lookalike_stage_seconds_sum{stage=\"")
                && let Some((stage, value)) = rest.split_once("\",asked=\"photo\",outcome=\"answered\"} ")
            {
                shares.insert(stage.into(), json!(value.parse::<f64>()?));
            }
        }
        Ok(Value::Object(shares))
    }

    pub async fn stop(mut self) -> Result<(), Failed> {
        self.signal("TERM")?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > Duration::from_secs(15) {
                self.signal("KILL")?;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// To the server and whatever it started.
    fn signal(&self, name: &str) -> Result<(), Failed> {
        let group = format!("-{}", self.child.id());
        Command::new("kill").args([&format!("-{name}"), "--", &group]).stderr(Stdio::null()).status()?;
        Ok(())
    }
}

/// Processor seconds that a process took so far, its threads together.
pub fn worked(process: &str) -> Result<f64, Failed> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit_once(')').ok_or("no name")?.1.split_whitespace().collect::<Vec<_>>();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).ok_or("no times");
    Ok((ticks(11)? + ticks(12)?) / 100.0) // of hundredths of a second, on every Linux
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.signal("KILL");
    }
}
