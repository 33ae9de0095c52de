//! `weir healthcheck`: asks a running process whether it is ready.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::{OK, not_ready};

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/readyz` of the ops listener at `ops`.
pub fn healthcheck(ops: &str) -> anyhow::Result<ExitCode> {
    match ask(ops) {
        Ok(200) => Ok(OK),
        Ok(status) => {
            eprintln!("not ready: {ops}/readyz answers {status}");
            Ok(not_ready())
        }
        Err(error) => {
            eprintln!("not ready: {error:#}");
            Ok(not_ready())
        }
    }
}

fn ask(ops: &str) -> anyhow::Result<u16> {
    let authority = ops
        .strip_prefix("http://")
        .context("--ops must begin with http://")?;
    let authority = authority.trim_end_matches('/');
    let address = authority
        .to_socket_addrs()?
        .next()
        .context("no such address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("nobody listens at {ops}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(16 << 10).read_to_end(&mut answer)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
    status.context("the answer is not HTTP")
}
