//! `weir healthcheck`: asks a running process whether it is ready.

use std::process::ExitCode;

use super::{OK, http, not_ready};

/// Asks `/readyz` of the ops listener at `ops`.
pub fn healthcheck(ops: &str) -> anyhow::Result<ExitCode> {
    match http::ask(ops, "GET", "/readyz", &[], "") {
        Ok((200, _)) => Ok(OK),
        Ok((status, _)) => {
            eprintln!("not ready: {ops}/readyz answers {status}");
            Ok(not_ready())
        }
        Err(error) => {
            eprintln!("not ready: {error:#}");
            Ok(not_ready())
        }
    }
}
