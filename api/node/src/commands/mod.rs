//! Commands that look at an installation or change it from the command line. Those that read take no lock.

mod backup;
mod config;
mod create;
mod doctor;
mod export;
mod healthcheck;
mod http;
mod journal;
mod migrate;
mod replay;
mod search;
mod table;
mod verify;
mod version;

pub use self::backup::backup;
pub use self::config::config;
pub use self::create::{create_key, create_tenant};
pub use self::doctor::doctor;
pub use self::healthcheck::healthcheck;
pub use self::journal::journal;
pub use self::migrate::migrate;
pub use self::replay::replay;
pub use self::search::search;
pub use self::table::Table;
pub use self::verify::verify;
pub use self::version::version;

use std::process::ExitCode;

/// The command did what it should and found nothing wrong.
pub const OK: ExitCode = ExitCode::SUCCESS;

/// The command did what it should and found something wrong.
pub fn failed() -> ExitCode {
    ExitCode::from(1)
}

/// What was asked for is not to be had.
pub fn usage() -> ExitCode {
    ExitCode::from(2)
}

/// Something is not ready.
pub fn not_ready() -> ExitCode {
    ExitCode::from(3)
}
