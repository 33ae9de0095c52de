//! Servers as processes of their own: this program started again, bound to the server's cores.
//!
//! ```text
//! bench ── weir-bench child KIND --cores FIRST+COUNT --folder DIR ──▶ server
//!       ◀─ a line: where it listens, what its links are ─────────────
//!       ── "state" | "settle" | "pause" | "resume" ─────────────────▶  the product only
//!       ◀─ a line: how far log and store are ────────────────────────
//! ```
//! Always true: a server ends with the bench: when its standard input does.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::ceilings::{commit, http};
use crate::host::{self, Cores};
use crate::product::World;
use crate::product::catalog::{Names, configure};
use crate::rows;

/// The place of actors and store behind the edge (`nice`): a third of a core when both want it.
const BEHIND_CLICKS: i32 = 5;

/// How often samples of histograms are summed, as in a server.
const SUM_EVERY: Duration = Duration::from_secs(5);

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// C1.
    Http,
    /// C2.
    Commit,
    /// The product.
    Product,
    /// Measures the journal alone.
    Journal,
    /// Measures the fold.
    Fold,
}

/// How a child is started.
#[derive(Debug, Clone, clap::Args)]
pub struct ChildArgs {
    /// What it does.
    pub kind: Kind,
    /// Its cores: FIRST+COUNT.
    #[arg(long)]
    pub cores: String,
    /// Its folder.
    #[arg(long)]
    pub folder: PathBuf,
}

/// What a server says once it listens.
#[derive(Debug, Serialize, Deserialize)]
struct Ready {
    address: SocketAddr,
    names: Option<Names>,
}

/// How far the product is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct State {
    /// Facts in the log.
    pub written: u64,
    /// Facts whose effects are in the store.
    pub stored: u64,
    /// Bytes of the log.
    pub bytes: u64,
}

/// A server.
pub struct Server {
    process: std::process::Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What its links are, when it is the product.
    pub names: Option<Names>,
}

impl Server {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(kind: Kind, cores: Cores, folder: &Path) -> anyhow::Result<Self> {
        let mut process = command(kind, cores, folder)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().context("standard input")?;
        let mut answers = BufReader::new(process.stdout.take().context("standard output")?);
        let ready: Ready = read_line(&mut answers).context("the server did not come up")?;
        Ok(Self {
            process,
            orders,
            answers,
            address: ready.address,
            names: ready.names,
        })
    }

    /// Gives the product an order: state, settle, pause or resume.
    ///
    /// # Errors
    /// It is gone.
    pub fn order(&mut self, order: &str) -> anyhow::Result<State> {
        writeln!(self.orders, "{order}")?;
        read_line(&mut self.answers)
    }

    /// Seconds of processor time it has taken.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        host::cpu_seconds(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, or about to be: nothing of it is needed any more.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Has a child measure by itself.
///
/// # Errors
/// It fails.
pub fn measured<T: serde::de::DeserializeOwned>(
    kind: Kind,
    cores: Cores,
    folder: &Path,
) -> anyhow::Result<T> {
    let output = command(kind, cores, folder)?
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{kind:?} ended with {}",
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn command(kind: Kind, cores: Cores, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let name = kind.to_possible_value().context("a kind")?;
    command.args([
        "child",
        name.get_name(),
        "--cores",
        &cores.to_string(),
        "--folder",
    ]);
    command.arg(folder);
    Ok(command)
}

fn read_line<T: serde::de::DeserializeOwned>(from: &mut impl BufRead) -> anyhow::Result<T> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("answer {line:?}"))
}

fn say(what: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(what)?);
    Ok(())
}

/// The child's side.
///
/// # Errors
/// Something cannot be started, or fails.
pub fn run(args: &ChildArgs) -> anyhow::Result<()> {
    let cores = Cores::read(&args.cores)?;
    cores.pin()?;
    let serve = |answer: &(dyn Fn(Vec<std::net::TcpListener>) -> std::io::Result<()> + Sync)| {
        let listeners = listeners(cores)?;
        say(&Ready {
            address: listeners[0].local_addr()?,
            names: None,
        })?;
        Ok(answer(listeners)?)
    };
    match args.kind {
        Kind::Http => serve(&http::serve),
        Kind::Commit => serve(&|listeners| commit::serve(listeners, &args.folder)),
        Kind::Product => run_product(cores, &args.folder),
        Kind::Journal => say(&rows::journal::run(&args.folder)?),
        Kind::Fold => say(&rows::fold::run(&args.folder)?),
    }
}

fn listeners(cores: Cores) -> anyhow::Result<Vec<std::net::TcpListener>> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(weir_api::edge::bind(address, cores.count())?)
}

/// The runtime of actors and stores, as the server has it: clicks go first.
///
/// # Errors
/// No thread can be made.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    // A system that does not allow it leaves them as they are.
    builder.on_thread_start(|| {
        let _ = rustix::process::nice(BEHIND_CLICKS);
    });
    Ok(builder.build()?)
}

fn run_product(cores: Cores, folder: &Path) -> anyhow::Result<()> {
    // Metrics are counted as in a server, though nobody reads them.
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let runtime = runtime()?;
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(SUM_EVERY).await;
            metrics.run_upkeep();
        }
    });
    let (world, names) = runtime.block_on(async {
        let world = World::start(folder).await?;
        let names = configure(&world.mesh).await?;
        world.settled().await;
        anyhow::Ok((world, names))
    })?;
    let listeners = listeners(cores)?;
    let address = listeners[0].local_addr()?;
    let _edge = world.open_edge(listeners)?;
    say(&Ready {
        address,
        names: Some(names),
    })?;
    for order in std::io::stdin().lines() {
        match order?.as_str() {
            "pause" => world.mesh.pause(true),
            "resume" => world.mesh.pause(false),
            "settle" => runtime.block_on(world.settled()),
            _ => {}
        }
        say(&State {
            written: world.written(),
            stored: world.stored(),
            bytes: world.journal.health().used_bytes,
        })?;
    }
    Ok(())
}
