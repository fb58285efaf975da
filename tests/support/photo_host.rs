//! A host of photos: real TLS on loopback, under an authority of its own, that answers well or ill by path.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// It is `localhost` and `127.0.0.1`, on a port of its own.
pub struct PhotoHost {
    pub port: u16,
    folder: tempfile::TempDir,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Bytes of `/endless` that were taken.
    sent: AtomicUsize,
}

impl PhotoHost {
    /// Answers `/photo.jpg`, and any path below `/photos/`, with this photo.
    pub async fn start(photo: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        let certificate = names.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, photo) = (Arc::new(Seen::default()), Arc::new(photo));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let (acceptor, seen, photo) = (acceptor.clone(), Arc::clone(&seen), Arc::clone(&photo));
                    tokio::spawn(async move {
                        let Ok(mut stream) = acceptor.accept(socket).await else { return };
                        while let Ok(Some(head)) = head(&mut stream).await {
                            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                            seen.heads.lock().unwrap().push(head);
                            seen.most_at_once.fetch_max(seen.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
                            let going_on = answer(&mut stream, &path, port, &photo, &seen).await;
                            seen.at_once.fetch_sub(1, SeqCst);
                            if !going_on.unwrap_or(false) {
                                let _ = stream.shutdown().await;
                                return;
                            }
                        }
                    });
                }
            }
        });
        Self { port, folder, seen, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The file of its authority.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// How many of them were answered at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.seen.most_at_once.load(SeqCst)
    }

    /// How much of `/endless` was taken, in bytes.
    pub fn sent(&self) -> usize {
        self.seen.sent.load(SeqCst)
    }

    /// Flags of a server that may ask here.
    pub fn flags(&self) -> Vec<String> {
        let ca = Path::new(&self.ca()).to_str().unwrap().to_owned();
        let hosts = format!("localhost:{}", self.port);
        ["--image-hosts", &hosts, "--image-ca", &ca, "--image-private-addresses"].map(str::to_owned).to_vec()
    }
}

impl Drop for PhotoHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request's head; none where the client has nothing more to say.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether the connection goes on.
async fn answer(
    stream: &mut (impl AsyncWriteExt + Unpin),
    path: &str,
    port: u16,
    photo: &[u8],
    seen: &Seen,
) -> io::Result<bool> {
    let redirect = |to: String| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
    let whole = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let said = match path {
        "/photo.jpg" => whole("200 OK", "content-type: image/jpeg\r\nset-cookie: a=b\r\n", photo),
        "/moved" => redirect("/photo.jpg".into()).into_bytes(),
        "/elsewhere" => redirect(format!("https://127.0.0.1:{port}/photo.jpg")).into_bytes(),
        "/unsafe" => redirect(format!("http://localhost:{port}/photo.jpg")).into_bytes(),
        "/loop" => redirect("/loop".into()).into_bytes(),
        "/text" => whole("200 OK", "", b"Dear shop"),
        "/missing" => whole("404 Not Found", "", b"the secret of 10.1.2.3"),
        "/silent" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(false);
        }
        "/drip" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
            loop {
                stream.write_all(b"\xff").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/broken" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc").await?;
            return Ok(false);
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\xff\xd8\xff").await?;
            loop {
                stream.write_all(&[0; 16 << 10]).await?;
                seen.sent.fetch_add(16 << 10, SeqCst);
            }
        }
        _ if path.starts_with("/photos/") => {
            // Long enough for others to come meanwhile.
            tokio::time::sleep(Duration::from_millis(30)).await;
            whole("200 OK", "", photo)
        }
        _ => whole("400 Bad Request", "", b""),
    };
    stream.write_all(&said).await?;
    stream.flush().await?;
    Ok(true)
}
