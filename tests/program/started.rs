//! The program, running.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

/// A program that answers.
pub struct Started {
    pub child: Child,
    pub address: SocketAddr,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Started {
    /// Starts the program on a free port and reads from its log which one, and that it is ready.
    pub fn new(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut address = None;
        let mut line = String::new();
        while log.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap();
                address = Some(rest[..end].parse().unwrap());
            }
            if line.contains("warm_up_ms") {
                return Self { child, address: address.unwrap(), log };
            }
            line.clear();
        }
        panic!("the program ended: {:?}", child.wait());
    }

    /// Reads the log up to a line that has this in it.
    pub fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            if line.contains(word) {
                return;
            }
            line.clear();
        }
        panic!("the program ended before it said '{word}'");
    }

    /// Sends a PNG, or nothing; the whole answer.
    pub fn ask(&self, head: &str, body: &[u8]) -> String {
        self.ask_with(head, "X-Request-Id: from-the-test", body)
    }

    /// The same with another header.
    pub fn ask_with(&self, head: &str, header: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        write!(stream, "Content-Type: image/png\r\n{header}\r\n\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends it by this signal; its exit code and the rest of its log.
    pub fn signal(&mut self, name: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}
