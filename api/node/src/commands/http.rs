//! One request to a process on this machine.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context;

const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(15);
/// Largest answer read.
const MAX_ANSWER: u64 = 1 << 20;

/// Asks `base` (such as `http://127.0.0.1:9091`) and gives status and body.
pub fn ask(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<(u16, String)> {
    let authority = base
        .strip_prefix("http://")
        .context("the URL must begin with http://")?;
    let authority = authority.trim_end_matches('/');
    let address = authority
        .to_socket_addrs()?
        .next()
        .context("no such address")?;
    let mut stream = TcpStream::connect_timeout(&address, CONNECT)
        .with_context(|| format!("nobody listens at {base}"))?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    write!(
        stream,
        "{request}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status.context("the answer is not HTTP")?, body.to_owned()))
}
