//! A Redis of a test's own, which may be killed and flushed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::support::metrics::until;

pub struct OwnRedis {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl OwnRedis {
    pub fn start() -> Self {
        // Nobody is given the port meanwhile: the system goes round through all of them.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut own = Self {
            port: listener.local_addr().unwrap().port(),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        };
        drop(listener);
        own.start_again();
        own
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it empty.
    pub fn start_again(&mut self) {
        let started = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        let started = started.expect("redis-server: actors/stores/services/services up redis");
        self.process = Some(started);
        until("redis answers", || self.say("PING").starts_with("+PONG"));
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn flush(&self) {
        assert!(self.say("FLUSHALL").starts_with("+OK"));
    }

    /// The answer to a command; empty when nobody answers.
    fn say(&self, command: &str) -> String {
        let said = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.address())?;
            stream.write_all(format!("{command}\r\n").as_bytes())?;
            let mut answer = [0; 64];
            let count = stream.read(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
        };
        said().unwrap_or_default()
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
