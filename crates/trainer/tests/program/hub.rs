//! Weights by name: from the hub, here a server of this test's own at `HF_ENDPOINT`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use crate::{command, done};

const TRAIN: &str =
    "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --epochs 1 --batch 12";

/// A hub that keeps one file, at `/OWNER/NAME/resolve/REVISION/FILE`, and remembers what it was asked for.
struct Hub {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn keeping(path: &'static str, file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, file) = (asked.clone(), Arc::new(file));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, file) = (log.clone(), file.clone());
                thread::spawn(move || answer(stream, path, &file, &log));
            }
        });
        Self { endpoint, asked }
    }
}

/// One request a connection: the range asked for, with the headers that the hub sends; 404 for what is not kept.
fn answer(mut stream: TcpStream, path: &str, file: &[u8], log: &Mutex<Vec<String>>) {
    let lines: Vec<String> = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let asked = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
    let known = asked == path;
    log.lock().unwrap().push(asked);
    if !known {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    }
    let range = lines.iter().find_map(|l| Some(l.to_lowercase().strip_prefix("range: bytes=")?.to_owned()));
    let (from, to) = range.as_deref().and_then(|r| r.split_once('-')).unwrap_or(("0", ""));
    let from: usize = from.parse().unwrap();
    let to = to.parse::<usize>().map_or(file.len(), |to| to + 1);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\netag: \"e1\"\r\nx-repo-commit: c0ffee\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        to - 1,
        file.len(),
        to - from,
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&file[from..to]);
}

fn train(dir: &Path, endpoint: &str, arguments: &str) -> Result<(), String> {
    let mut command = command(dir, &format!("{TRAIN} {arguments}"));
    let output = command.env("HF_ENDPOINT", endpoint).env("HF_HOME", dir.join("cache")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains("panicked"), "{errors}");
    if output.status.success() { Ok(()) } else { Err(errors) }
}

#[test]
fn weights_come_from_the_hub_by_name_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 20 --views 3 --seed 2");
    done(dir, &format!("{TRAIN} --out first"));
    let file = dir.join("first/best.safetensors");
    let path = "/shop/slim/resolve/main/model.safetensors";
    let hub = Hub::keeping(path, fs::read(&file).unwrap());
    train(dir, &hub.endpoint, "--weights hf:shop/slim --freeze-backbone --out second").unwrap();
    assert!(hub.asked.lock().unwrap().iter().all(|asked| asked == path));
    done(dir, &format!("{TRAIN} --weights first/best.safetensors --freeze-backbone --out third"));
    let weights = |run: &str| fs::read(dir.join(run).join("last.safetensors")).unwrap();
    assert!(weights("second") == weights("third"), "the hub's file starts a run as the local one does");
    // It is in the cache now: the hub may be gone.
    let nowhere = "http://127.0.0.1:9";
    train(dir, nowhere, "--weights hf:shop/slim --freeze-backbone --out fourth").unwrap();
    assert!(weights("fourth") == weights("third"));
}

#[test]
fn what_the_hub_does_not_have_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 20 --views 3 --seed 2");
    let hub = Hub::keeping("/shop/slim/resolve/v2/deep/w.safetensors", b"no weights".to_vec());
    for (name, part) in [
        ("hf:shop/other", "hf:shop/other"),
        ("hf:shop/slim@v2", "hf:shop/slim@v2"),
        ("hf:shop/slim/deep/w.safetensors@v2", "w.safetensors"),
        ("hf:shop", "hf:OWNER/NAME"),
        ("hf:../slim", "hf:OWNER/NAME"),
    ] {
        let refusal = train(dir, &hub.endpoint, &format!("--weights {name} --out run")).unwrap_err();
        assert!(refusal.contains(part), "{name}: {refusal}");
        assert!(!dir.join("run").exists(), "{name}: refused before anything is written");
    }
    let refusal = train(dir, "http://127.0.0.1:9", "--weights hf:shop/slim --out run").unwrap_err();
    assert!(refusal.contains("is there a network"), "{refusal}");
}
