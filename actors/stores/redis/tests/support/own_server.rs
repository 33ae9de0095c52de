//! A server of a test's own, which may be killed and flushed.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::{connect, eventually};

pub struct OwnServer {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
    has_tls: bool,
}

/// The folder of the certificate that servers with TLS show, and of the one that signed it.
pub const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");

impl OwnServer {
    pub fn start() -> Self {
        Self::start_as(false)
    }

    /// A server that speaks TLS alone, as 127.0.0.1 signed by `ca.pem`.
    pub fn start_with_tls() -> Self {
        Self::start_as(true)
    }

    fn start_as(has_tls: bool) -> Self {
        let mut own = Self {
            has_tls,
            port: free_port(),
            folder: tempfile::tempdir().expect("a folder"),
            process: None,
        };
        own.start_again();
        own
    }

    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it empty.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        if self.has_tls {
            let file = |name| format!("{TLS}/{name}");
            command.args(["--port", "0", "--tls-port", &port]);
            command.args(["--tls-auth-clients", "no"]);
            command.args(["--tls-cert-file", &file("server.pem")]);
            command.args(["--tls-key-file", &file("server.key")]);
        } else {
            command.args(["--port", &port]);
        }
        let started = command
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(started.expect("redis-server is installed"));
        let (url, address) = (self.url(), ("127.0.0.1", self.port));
        eventually("the server answers", || match self.has_tls {
            true => TcpStream::connect(address).is_ok(),
            false => connect(&url).is_ok(),
        });
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("killed");
            process.wait().expect("gone");
        }
    }

    pub fn flush(&self) {
        let mut connection = connect(&self.url()).expect("connected");
        let flush = redis::cmd("FLUSHALL").exec(&mut connection);
        flush.expect("flushed");
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has, below those that the system gives out.
fn free_port() -> u16 {
    let start = 20_000 + (std::process::id() % 6_000) as u16;
    let mut ports = (start..32_768).chain(20_000..start);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    static TAKEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().expect("no panic");
    let port = ports.find(|port| !taken.contains(port) && is_free(port));
    let port = port.expect("a free port");
    taken.push(port);
    port
}
