//! `weir healthcheck`: asks a running process whether it is ready.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::{OK, http, not_ready};
use crate::data_folder::DataFolder;
use crate::server::{Urls, shown};
use crate::settings::Settings;

/// Asks `/readyz` of the ops listener: the one that is named, else that of the process in the data folder, else that
/// of the settings.
pub fn healthcheck(named: Option<String>, settings: &Settings) -> anyhow::Result<ExitCode> {
    let ops = named
        .or_else(|| running(settings))
        .unwrap_or_else(|| of_settings(settings));
    match http::ask(&ops, "GET", "/readyz", &[], "") {
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

fn running(settings: &Settings) -> Option<String> {
    let folder = DataFolder::open(&settings.node.data).ok()?;
    Some(Urls::read(&folder)?.ops)
}

fn of_settings(settings: &Settings) -> String {
    let listen = &settings.listen;
    format!(
        "http://{}",
        shown(SocketAddr::new(listen.ops_host, listen.ops_port))
    )
}
