//! The node with its books in MySQL: the same books as on one machine, each fact once however often anything is killed,
//! and no click that fails or slows while the database is away.
//!
//! Tests that kill or freeze a server start one of their own; the others have a database each on the server of
//! `WEIR_TEST_MYSQL_URL`. Outages last seconds; with `WEIR_TEST_FULL=1` minutes, and loads are five times as large.

#[path = "../support/history.rs"]
mod history;
#[path = "../support/live.rs"]
mod live;
#[path = "../../../../actors/stores/mysql/tests/support/proxy.rs"]
mod proxy;
#[path = "../support/mod.rs"]
mod support;

mod backlog;
mod database;
mod differential;
mod exactly_once;
mod installation;
mod mariadb;
mod outage;
mod replaced;
mod road;
mod schema;

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Whether outages and loads have their full length.
fn is_full() -> bool {
    std::env::var_os("WEIR_TEST_FULL").is_some_and(|v| v == "1")
}

static MACHINE: RwLock<()> = RwLock::new(());

/// The machine for a test that measures or loads: no other one of these runs beside it.
fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(|e| e.into_inner())
}

/// The machine for a test that measures nothing.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(|e| e.into_inner())
}
