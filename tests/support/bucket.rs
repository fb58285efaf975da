//! A server that speaks S3, on loopback: moto, which `scripts/install-test-tools.sh` installs. What it holds is gone with it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lookalike::{
    config::ServerConfig,
    ingest::{AwsSettings, PhotoStore},
};

/// Where its packages are.
const PACKAGES: &str = "target/test/bucket";

/// The keys that it is asked with.
pub const SECRET: &str = "a-secret-that-nobody-is-to-see";

/// A store with one bucket, `shop`.
pub struct Bucket {
    pub address: SocketAddr,
    process: Child,
}

impl Bucket {
    /// On a port that is free.
    pub async fn start() -> Self {
        Self::start_at("0").await
    }

    async fn start_at(port: &str) -> Self {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGES);
        assert!(packages.is_dir(), "scripts/install-test-tools.sh installs the store that is kept in");
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", packages).args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", port]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.split_once("http://").map(|(_, address)| address.to_owned()));
        let address = address.expect("it says where it listens").trim().parse().unwrap();
        // What it says further is read, for else it would wait.
        std::thread::spawn(move || lines.for_each(drop));
        let bucket = Self { address, process };
        bucket.make().await;
        bucket
    }

    async fn make(&self) {
        let begun = Instant::now();
        loop {
            let made = reqwest::Client::new().put(format!("http://{}/shop", self.address)).send().await;
            match made {
                Ok(answer) if answer.status().is_success() => return,
                _ => assert!(begun.elapsed() < Duration::from_secs(20), "no bucket is made: {made:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it, with all that it holds.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// At the same address again, and empty.
    pub async fn restart(&mut self) {
        let again = Self::start_at(&self.address.port().to_string()).await;
        *self = again;
    }

    /// What a server's environment says of it.
    pub fn aws(&self) -> AwsSettings {
        AwsSettings::of([
            ("AWS_ACCESS_KEY_ID", "a-key-of-the-tests".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
        ])
    }

    /// The settings of a server that keeps its photos there.
    pub fn told(&self, config: ServerConfig) -> ServerConfig {
        ServerConfig { aws: self.aws(), ..config }
    }

    /// The store as a server opens it.
    pub async fn photos(&self, address: &str) -> PhotoStore {
        PhotoStore::shared(&address.parse().unwrap(), &self.aws()).await.unwrap()
    }

    /// Its objects' names, as it lists them itself.
    pub async fn keys(&self) -> Vec<String> {
        let listed = reqwest::get(format!("http://{}/shop?list-type=2", self.address)).await.unwrap();
        let text = listed.text().await.unwrap();
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}
