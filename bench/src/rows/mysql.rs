//! What following the log into MySQL costs, against a bare loop that inserts a row a click.
//!
//! The bare loop is what trackers do: a prepared multi-row insert of 1,000 clicks, one transaction each, in log order,
//! with what the mix says of a click but for user agents, which are numbers as if looked up.
//! The product folds the same number of clicks of the standard mix into the same server, in windows of three sizes.
//! Bytes are the server's own count of its redo log (`Innodb_os_log_written`). Databases are made and dropped.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Value};
use tokio::runtime::Handle;
use weir_actors::{Replay, replay};
use weir_journal::Cursors;
use weir_mysql::{Mysql, Place};

use super::fold::{BEGAN, fill};
use super::{Measure, Target};
use crate::child::runtime;
use crate::host;
use crate::mix::{Click, Mix};
use crate::product::World;
use crate::product::catalog::configure;
use crate::stats::median;

/// Clicks of the log, and rows of the bare loop.
const CLICKS: usize = 400_000;
/// Facts a transaction: a busy head, a busy second, catching up.
const WINDOWS: [usize; 3] = [2_500, 10_000, 65_536];
const ROUNDS: usize = 3;
/// Rows of the bare loop's statement.
const AT_A_TIME: usize = 1_000;

const BARE: &str = "CREATE TABLE clicks (
    tenant_id INT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, click_id BINARY(20) NOT NULL, at BIGINT UNSIGNED NOT NULL,
    campaign INT UNSIGNED NOT NULL, flow INT UNSIGNED NOT NULL, arm INT UNSIGNED NOT NULL, offer INT UNSIGNED NOT NULL,
    affiliate INT UNSIGNED NOT NULL, country BINARY(2) NOT NULL, device TINYINT UNSIGNED NOT NULL, is_unique TINYINT NOT NULL,
    visitor BIGINT UNSIGNED NOT NULL, ip INT UNSIGNED NOT NULL, user_agent INT UNSIGNED NOT NULL,
    referrer VARCHAR(255) NOT NULL, aff_click_id VARCHAR(64) NOT NULL, sub1 VARCHAR(64) NOT NULL, sub2 VARCHAR(64) NOT NULL,
    sub3 VARCHAR(64) NOT NULL, sub4 VARCHAR(64) NOT NULL, sub5 VARCHAR(64) NOT NULL, PRIMARY KEY (tenant_id, seq)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
const COLUMNS: usize = 22;

/// A second's clicks, and redo a click.
#[derive(Clone, Copy)]
struct Rate {
    a_second: f64,
    bytes: f64,
}

/// Measures on the server at `url`, whose user may make databases.
///
/// # Errors
/// The server, log or fold fail.
pub fn run(folder: &Path, url: &str) -> anyhow::Result<Vec<Measure>> {
    let own = tempfile::tempdir_in(folder)?;
    let runtime = runtime()?;
    let world = runtime.block_on(World::start(own.path()))?;
    let names = runtime.block_on(configure(&world.mesh))?;
    runtime.block_on(world.settled());
    world.mesh.pause(true);
    runtime.block_on(fill(&world, &names, CLICKS, BEGAN))?;
    let sync_ms = host::sync_ms(folder)?;
    let mut mix = Mix::new(1, &world.countries);
    let clicks: Vec<Click> = (0..CLICKS).map(|_| mix.draw()).collect();
    let server = Server(url.trim_end_matches('/').to_owned());
    let mut bare = Vec::new();
    let mut folded = WINDOWS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        bare.push(runtime.block_on(server.bare(&clicks))?);
        for (rates, window) in folded.iter_mut().zip(WINDOWS) {
            rates.push(runtime.block_on(server.folded(&world, window))?);
        }
    }
    runtime.block_on(world.mesh.kill());
    let of_windows = WINDOWS.iter().zip(&folded);
    let measures = of_windows.flat_map(|(window, rates)| measures(*window, rates, &bare, sync_ms));
    Ok(measures.collect())
}

fn measures(window: usize, rates: &[Rate], bare: &[Rate], sync_ms: f64) -> [Measure; 2] {
    let middle =
        |rates: &[Rate], of: fn(&Rate) -> f64| median(&rates.iter().map(of).collect::<Vec<_>>());
    let measure = |name: &str, of: fn(&Rate) -> f64, target, unit: &str| Measure {
        name: format!("MySQL, windows of {window}: {name}"),
        value: middle(rates, of) / middle(bare, of),
        target,
        doubt: None,
        beside: format!(
            "{:.0} {unit}, bare {:.0}",
            middle(rates, of),
            middle(bare, of)
        ),
        sync_ms,
    };
    [
        measure(
            "clicks/s / bare rows/s",
            |r| r.a_second,
            Target::AtLeast(1.0),
            "clicks/s",
        ),
        measure(
            "redo a click / a row",
            |r| r.bytes,
            Target::AtMost(0.333),
            "bytes",
        ),
    ]
}

/// The server, by a URL without a database.
struct Server(String);

impl Server {
    async fn connect(&self, database: Option<&str>) -> anyhow::Result<Conn> {
        let options = OptsBuilder::from_opts(Opts::from_url(&self.0)?)
            .db_name(database)
            .prefer_socket(false)
            .tcp_nodelay(true);
        Conn::new(options)
            .await
            .with_context(|| "cannot connect to --mysql")
    }

    /// Does `work` on an empty database and counts what the server wrote meanwhile.
    async fn rated(
        &self,
        work: impl AsyncFnOnce(&str) -> anyhow::Result<usize>,
    ) -> anyhow::Result<Rate> {
        let name = format!("weir_bench_{}", std::process::id());
        let mut connection = self.connect(None).await?;
        connection
            .query_drop(format!("DROP DATABASE IF EXISTS {name}"))
            .await?;
        connection
            .query_drop(format!("CREATE DATABASE {name}"))
            .await?;
        let (began, before) = (Instant::now(), redo(&mut connection).await?);
        let clicks = work(&name).await;
        let (took, after) = (began.elapsed(), redo(&mut connection).await?);
        connection
            .query_drop(format!("DROP DATABASE {name}"))
            .await?;
        let clicks = clicks? as f64;
        Ok(Rate {
            a_second: clicks / took.as_secs_f64(),
            bytes: (after - before) as f64 / clicks,
        })
    }

    async fn bare(&self, clicks: &[Click]) -> anyhow::Result<Rate> {
        self.rated(async |database| {
            let mut connection = self.connect(Some(database)).await?;
            connection.query_drop(BARE).await?;
            let row = format!("({})", vec!["?"; COLUMNS].join(","));
            let insert = format!(
                "INSERT INTO clicks VALUES {}",
                vec![row; AT_A_TIME].join(",")
            );
            let mut seqs = 0..;
            for batch in clicks.chunks_exact(AT_A_TIME) {
                let rows = seqs.by_ref().zip(batch);
                let values: Vec<Value> = rows.flat_map(|(seq, click)| as_row(seq, click)).collect();
                connection
                    .exec_drop(&insert, Params::Positional(values))
                    .await?;
            }
            Ok(CLICKS)
        })
        .await
    }

    async fn folded(&self, world: &World, window: usize) -> anyhow::Result<Rate> {
        self.rated(async |database| {
            let place = Place {
                url: format!("{}/{database}", self.0),
                ca: None,
                installation: [7; 16],
            };
            let store = Mysql::at(&place, Handle::current())?;
            store.migrate().await?;
            let reader = world.journal.read_from(Cursors::START)?;
            let (until, log) = (world.journal.end(), &world.journal);
            let how = Replay {
                batch: window,
                is_to_be_served: false,
            };
            replay(reader, until, log, &store, how, |_| {}).await?;
            Ok(CLICKS)
        })
        .await
    }
}

/// Bytes of redo that the server has written.
async fn redo(connection: &mut Conn) -> anyhow::Result<u64> {
    let row: Option<(String, String)> = connection
        .query_first("SHOW GLOBAL STATUS LIKE 'Innodb_os_log_written'")
        .await?;
    let (_, bytes) = row.context("the server does not count its redo log")?;
    Ok(bytes.parse()?)
}

/// A click as a row.
fn as_row(seq: usize, click: &Click) -> [Value; COLUMNS] {
    let spread = (seq as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let at = BEGAN.0 + seq as u64 / 20;
    let mut id = [0; 20];
    id[..8].copy_from_slice(&at.to_be_bytes());
    id[8..16].copy_from_slice(&spread.to_be_bytes());
    let campaign = click.campaign as u32;
    let [a, b, c, d, e] = &click.sub;
    [
        1.into(),
        seq.into(),
        id.as_slice().into(),
        at.into(),
        campaign.into(),
        0.into(),
        (campaign * 3 + (spread % 3) as u32).into(),
        campaign.into(),
        (click.affiliate as u32).into(),
        "DE".into(),
        (spread % 3).into(),
        1.into(),
        spread.into(),
        u32::from(click.address).into(),
        (spread % 200).into(),
        click.referrer.into(),
        click.partner_id.as_str().into(),
        a.as_str().into(),
        b.as_str().into(),
        c.as_str().into(),
        d.as_str().into(),
        e.as_str().into(),
    ]
}
