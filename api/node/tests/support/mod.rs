//! The binary as a user has it: started, asked over HTTP, killed.

#![allow(dead_code, clippy::zombie_processes)]

pub mod catalog;
pub mod load;
pub mod metrics;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary: the release one that `make test` built, else the one that cargo built for this test.
pub fn binary() -> PathBuf {
    std::env::var_os("WEIR_TEST_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_weir")), PathBuf::from)
}

/// Runs a command of the binary on a data folder.
pub fn weir(data: &Path, arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .expect("the binary runs")
}

/// Log and books agree with each other and with themselves.
pub fn books_agree(data: &Path) {
    for command in [
        &["journal", "verify"][..],
        &["replay", "--check"],
        &["verify"],
    ] {
        let output = weir(data, command);
        let said = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}{why}");
    }
}

/// A server that is running; killed when dropped.
pub struct Server {
    child: Child,
    pub ready: Value,
}

impl Server {
    /// Starts `weir demo` without history on free ports and waits until it serves.
    pub fn demo(data: &Path, more: &[&str]) -> Self {
        let arguments = ["demo", "--rate", "0", "--days", "0"];
        Self::start(data, &[&arguments, more].concat())
    }

    /// Starts the binary with these arguments and waits until it serves.
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        let ready = data.with_extension("ready.json");
        drop(std::fs::remove_file(&ready));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(data.with_extension("log"))
            .expect("a log file");
        let mut child = Command::new(binary())
            .args(arguments)
            .args([
                "--traffic-port",
                "0",
                "--admin-port",
                "0",
                "--ops-port",
                "0",
            ])
            .arg("--data")
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                let ready = serde_json::from_str(&text).expect("the ready file is JSON");
                return Self { child, ready };
            }
            if let Ok(Some(status)) = child.try_wait() {
                let log = std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                panic!("the server ended with {status}: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(child.kill());
        drop(child.wait());
        panic!("the server is not ready after a minute");
    }

    /// A URL of the ready file.
    pub fn url(&self, pointer: &str) -> String {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .expect(pointer)
            .to_owned()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) {
        self.ask_to_end();
        let status = self.ended();
        assert!(status.success(), "ended with {status}");
    }

    /// SIGTERM.
    pub fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// A client with one connection that it keeps.
pub struct Client {
    authority: String,
    patience: Duration,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of a server such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Self {
        let authority = base
            .strip_prefix("http://")
            .expect("http")
            .trim_end_matches('/');
        Self {
            authority: authority.to_owned(),
            patience: Duration::from_secs(10),
            stream: None,
        }
    }

    /// The same, but it waits so long for a part of an answer, and not ten seconds.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.send("GET", path, &[], "")
    }

    /// Sends a request; a connection that failed is not used again.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let result = self.try_send(method, path, headers, body);
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.authority)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(self.patience))?;
            self.stream = Some(BufReader::new(stream));
        }
        let Some(stream) = &mut self.stream else {
            unreachable!("connected above");
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.authority);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        // A server that has had enough answers and closes before it was told everything.
        let written = stream.get_mut().write_all(request.as_bytes());
        let answer =
            read_answer(stream, method == "HEAD").map_err(|e| written.err().unwrap_or(e))?;
        if answer
            .header("connection")
            .is_some_and(|c| c.eq_ignore_ascii_case("close"))
        {
            self.stream = None;
        }
        Ok(answer)
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>, is_head: bool) -> std::io::Result<Answer> {
    let mut line = String::new();
    let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    if stream.read_line(&mut line)? == 0 {
        return Err(ended());
    }
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .ok_or_else(ended)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(ended());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length = length
        .and_then(|(_, v)| v.parse().ok())
        .filter(|_| !is_head)
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Path and query of a URL.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// The facts of a data folder, and what was judged of them.
pub fn export(data: &Path) -> Vec<Value> {
    let output = weir(data, &["journal", "export"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect()
}
