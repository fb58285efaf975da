//! A real Milvus server, one for this program, on ports that are free, that ends when this program does.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread,
    time::{Duration, Instant},
};

use lookalike_milvus::MilvusAddress;

static SERVER: OnceLock<RwLock<Server>> = OnceLock::new();

/// A Milvus, and where.
pub struct Server {
    folder: PathBuf,
    port: u16,
    metrics: u16,
    child: Option<Child>,
}

/// The server, for tests that leave it alone.
pub fn shared() -> RwLockReadGuard<'static, Server> {
    begun().read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The server, for a test that stops it: nobody else uses it meanwhile.
pub fn alone() -> RwLockWriteGuard<'static, Server> {
    begun().write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn begun() -> &'static RwLock<Server> {
    SERVER.get_or_init(|| {
        let mut server = Server::prepared();
        server.start();
        RwLock::new(server)
    })
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Ports that nobody listens at now.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    std::array::from_fn(|n| held[n].local_addr().unwrap().port())
}

impl Server {
    /// A collection of it.
    pub fn address(&self, collection: &str) -> MilvusAddress {
        format!("milvus://127.0.0.1:{}/{collection}", self.port).parse().unwrap()
    }

    fn prepared() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("milvus");
        let install = Command::new(repository().join("scripts/install-milvus.sh")).arg(&target).status();
        assert!(install.unwrap().success(), "scripts/install-milvus.sh installs a Milvus");
        let runs = target.join("runs");
        fs::create_dir_all(&runs).unwrap();
        for old in fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()) {
            let name = old.file_name().unwrap().to_string_lossy().into_owned();
            if !Path::new("/proc").join(&name).exists() {
                drop(fs::remove_dir_all(&old));
            }
        }
        let folder = runs.join(std::process::id().to_string());
        fs::create_dir_all(folder.join("configs")).unwrap();
        let installed = target.join("server");
        let ports = free_ports::<11>();
        let [port, metrics, etcd, peers, ..] = ports;
        let mut rest = ports[4..].iter();
        let template = fs::read_to_string(installed.join("config.yaml.template")).unwrap();
        let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let mut config = String::new();
        for line in template.lines() {
            let Some((before, hole)) = line.split_once("{{") else {
                config += line;
                config.push('\n');
                continue;
            };
            let (hole, after) = hole.split_once("}}").unwrap();
            let (name, usual) = hole.split_once(':').unwrap_or((hole, ""));
            let value = match name.trim() {
                "etcd_port(int)" => etcd.to_string(),
                "proxy_port(int)" => port.to_string(),
                name if name.ends_with("_port(int)") => rest.next().unwrap().to_string(),
                "etcd_log_path" => below("etcd.log"),
                "etcd_data_dir" => below("etcd"),
                "local_storage_dir" => below("storage"),
                "rocksmq_data_dir" => below("rocksmq"),
                "system_log_path" => below("logs"),
                _ => usual.trim().to_owned(),
            };
            config += &format!("{before}{value}{after}\n");
        }
        // Its own etcd listens where it is told in a file of its own.
        config = config.replacen(
            "etcd:\n",
            &format!("etcd:\n  config:\n    path: {}\n", below("configs/etcd.yaml")),
            1,
        );
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let etcd = format!(
            "name: default\ndata-dir: {data}\nlisten-client-urls: {client}\nadvertise-client-urls: {client}\nlisten-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\ninitial-cluster: default={peer}\n",
            data = below("etcd"),
            client = at(etcd),
            peer = at(peers),
        );
        fs::write(folder.join("configs/milvus.yaml"), config).unwrap();
        fs::write(folder.join("configs/etcd.yaml"), etcd).unwrap();
        fs::copy(installed.join("glog.conf"), folder.join("configs/glog.conf")).unwrap();
        std::os::unix::fs::symlink(installed.join("bin"), folder.join("bin")).unwrap();
        Self { folder, port, metrics, child: None }
    }

    /// Starts it, again where it was killed, and waits until it says that it is well.
    pub fn start(&mut self) {
        self.start_only();
        self.wait();
    }

    /// Starts it and does not wait.
    pub fn start_only(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let bin = self.folder.join("bin");
        // It dies with the thread that starts it: that one lives as long as this program.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(bin.join("milvus"))
            .args(["run", "standalone"])
            .current_dir(&self.folder)
            .env("LD_LIBRARY_PATH", &bin)
            .env("DEPLOY_MODE", "STANDALONE")
            .env("METRICS_PORT", self.metrics.to_string())
            .env("MILVUS_RUN_DIR", self.folder.join("run"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let (started, child) = mpsc::channel();
        thread::spawn(move || {
            started.send(command.spawn().unwrap()).unwrap();
            loop {
                thread::park();
            }
        });
        self.child = Some(child.recv().unwrap());
    }

    /// Waits until it says that it is well.
    pub fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(180);
        while !self.is_well() {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(30).collect();
                panic!("Milvus ended with {status}:\n{}", last.join("\n"));
            }
            assert!(Instant::now() < until, "Milvus is well within three minutes");
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn is_well(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.metrics))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
            let mut told = String::new();
            stream.read_to_string(&mut told)?;
            Ok(told)
        };
        ask().is_ok_and(|told| told.starts_with("HTTP/1.0 200") && told.ends_with("OK"))
    }

    /// Kills it, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it where it is: it neither answers nor closes a connection.
    pub fn freeze(&self, frozen: bool) {
        use rustix::process::{Pid, Signal, kill_process};
        let id = self.child.as_ref().unwrap().id() as i32;
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}
