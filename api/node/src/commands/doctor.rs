//! `weir doctor`: what is wrong with this machine and this installation, in words.

use std::borrow::Cow;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use weir_embedded::Snapshot;
use weir_engine::ports::{LedgerStore, PartitionState, SearchIndex};
use weir_engine::secrets::MasterSecret;
use weir_journal::StoredLog;

use super::{OK, Table, failed};
use crate::cache::Cache;
use crate::cli::Output;
use crate::data_folder::DataFolder;
use crate::server;
use crate::settings::Settings;
use crate::state;
use crate::visitors;
use anyhow::Context;

/// Open files that a busy edge needs.
const FILES_WANTED: u64 = 16_384;
/// A country file older than this is stale.
const COUNTRIES_MAX_DAYS: u64 = 365;

struct Check {
    name: Cow<'static, str>,
    is_good: bool,
    says: String,
}

/// Looks at everything and prints a line each.
pub fn doctor(settings: &Settings, output: Output) -> anyhow::Result<ExitCode> {
    let mut checks = vec![
        files(),
        folder(settings),
        disk(settings),
        countries(settings),
    ];
    match settings.stores.state.as_str() {
        "" => checks.push(store(settings)),
        url => checks.extend(mysql(url, settings)),
    }
    checks.extend(cache(settings));
    checks.extend(search(settings));
    checks.push(log(settings));
    let mut table = Table::new(&["check", "verdict", "says"]);
    for check in &checks {
        let verdict = if check.is_good { "ok" } else { "LOOK" };
        table.row([&*check.name, verdict, &check.says]);
    }
    print!("{}", table.render(output));
    Ok(if checks.iter().all(|c| c.is_good) {
        OK
    } else {
        failed()
    })
}

fn check(name: impl Into<Cow<'static, str>>, is_good: bool, says: impl Into<String>) -> Check {
    Check {
        name: name.into(),
        is_good,
        says: says.into(),
    }
}

fn files() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let says = format!(
        "{soft} open files allowed; a busy edge wants {FILES_WANTED} (ulimit -n, LimitNOFILE)"
    );
    check("open files", soft >= FILES_WANTED, says)
}

fn folder(settings: &Settings) -> Check {
    let Ok(folder) = DataFolder::open(&settings.node.data) else {
        return check("data folder", true, "none yet");
    };
    match folder.open_to_others() {
        Ok(None) => check("data folder", true, "only its owner may enter"),
        Ok(Some(says)) => check("data folder", false, says),
        Err(error) => check("data folder", false, error.to_string()),
    }
}

fn disk(settings: &Settings) -> Check {
    let Ok(folder) = DataFolder::open(&settings.node.data) else {
        let says = format!("no data folder at {} yet", settings.node.data.display());
        return check("fdatasync", true, says);
    };
    match fdatasync_ms(&folder) {
        Ok(ms) => {
            let says =
                format!("one write and fdatasync takes {ms:.2} ms here; every click waits for one");
            check("fdatasync", ms < 50.0, says)
        }
        Err(error) => check(
            "fdatasync",
            false,
            format!("the data folder cannot be written: {error}"),
        ),
    }
}

fn fdatasync_ms(folder: &DataFolder) -> std::io::Result<f64> {
    let path = folder.path().join(format!("doctor-{}", std::process::id()));
    let (_, file) = crate::data_folder::private_file(&path)?;
    let timed = (0..20).map(|_| {
        let started = Instant::now();
        std::io::Write::write_all(&mut &file, &[0; 4096])?;
        file.sync_data()?;
        Ok(started.elapsed().as_secs_f64() * 1000.0)
    });
    let mut times = timed.collect::<std::io::Result<Vec<f64>>>()?;
    std::fs::remove_file(&path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn countries(settings: &Settings) -> Check {
    match visitors::countries(&settings.geo.database) {
        Err(error) => check("countries", false, format!("{error:#}")),
        Ok(countries) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs());
            let days = now.saturating_sub(countries.built_at()) / 86_400;
            let says =
                format!("the country file is {days} days old; bring a newer one with geo.database");
            check("countries", days <= COUNTRIES_MAX_DAYS, says)
        }
    }
}

fn store(settings: &Settings) -> Check {
    let Ok(folder) = DataFolder::open(&settings.node.data) else {
        return check("store", true, "none yet");
    };
    if !folder.store().exists() {
        return check("store", true, "none yet");
    }
    match Snapshot::open(&folder.store())
        .map_err(anyhow::Error::from)
        .and_then(|s| Ok(s.offsets()?))
    {
        Ok(offsets) => check("store", true, books(&offsets)),
        Err(error) => check("store", false, format!("{error:#}")),
    }
}

fn books(offsets: &[PartitionState]) -> String {
    let facts: u64 = offsets.iter().map(|o| o.next_offset).sum();
    format!("readable; books of {facts} facts")
}

/// The database: whether it answers, its schema, and how the server is set.
fn mysql(url: &str, settings: &Settings) -> Vec<Check> {
    let looked = server::runtime().and_then(|runtime| {
        runtime.block_on(async {
            let mysql = state::nobodys_mysql(url, settings)?;
            let place = mysql.place();
            let schema = weir_mysql::migrate::check(mysql.connections()).await;
            let found = weir_mysql::examine(mysql.connections()).await;
            let found = found.with_context(|| format!("{place} cannot be asked"))?;
            let schema = match schema {
                Ok(()) => check("schema", true, "of this build"),
                Err(error) => check("schema", false, error.to_string()),
            };
            let answers = match mysql.offsets().await {
                Ok(offsets) => check("store", true, format!("{place}: {}", books(&offsets))),
                Err(_) if !schema.is_good => {
                    check("store", false, format!("{place}: no books yet"))
                }
                Err(error) => check("store", false, format!("{place}: {error}")),
            };
            let settings = found.into_iter().map(|finding| {
                let is_good = finding.level != weir_mysql::Level::Bad;
                check(finding.what, is_good, finding.text)
            });
            Ok([answers, schema].into_iter().chain(settings).collect())
        })
    });
    looked.unwrap_or_else(|error| vec![check("store", false, format!("{error:#}"))])
}

/// The cache, if there is one.
fn cache(settings: &Settings) -> Option<Check> {
    if settings.stores.cache.is_empty() {
        return None;
    }
    let looked = server::runtime().and_then(|runtime| {
        runtime.block_on(async {
            // Nothing is read or written, so the secret does not matter.
            let cache = Cache::of(settings, &MasterSecret::new([0; 32]))?;
            let server = cache.server().context("no cache is configured")?;
            let version = server.version().await;
            let version = version.with_context(|| format!("{} cannot be asked", server.place()))?;
            Ok(format!("{}: {version}", server.place()))
        })
    });
    Some(match looked {
        Ok(says) => check("cache", true, says),
        Err(error) => check("cache", false, format!("{error:#}")),
    })
}

/// The search index, if there is one.
fn search(settings: &Settings) -> Option<Check> {
    if settings.stores.search.is_empty() {
        return None;
    }
    let looked = server::runtime().and_then(|runtime| {
        runtime.block_on(async {
            let owner = match DataFolder::open(&settings.node.data) {
                Ok(folder) => crate::search::owner(&MasterSecret::new(folder.master_secret()?)),
                Err(_) => String::new(),
            };
            let index = crate::search::index(settings, owner, Handle::current())?;
            let index = index.context("no index is configured")?;
            let stats = index.stats().await;
            let stats = stats.with_context(|| format!("{} cannot be asked", index.place()))?;
            Ok(format!(
                "{}, {}: {} clicks, {} conversions",
                index.place(),
                stats.product,
                stats.clicks,
                stats.conversions
            ))
        })
    });
    Some(match looked {
        Ok(says) => check("search", true, says),
        Err(error) => check("search", false, format!("{error:#}")),
    })
}

fn log(settings: &Settings) -> Check {
    let Ok(folder) = DataFolder::open(&settings.node.data) else {
        return check("journal", true, "none yet");
    };
    if !folder.journal().exists() {
        return check("journal", true, "none yet");
    }
    match StoredLog::open(folder.path()) {
        Ok(log) => check(
            "journal",
            true,
            format!("readable; {} facts", log.end().total()),
        ),
        Err(error) => check("journal", false, error.to_string()),
    }
}
