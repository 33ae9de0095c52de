//! `weir-bench`: what the product costs, as ratios to what this machine can do in the same run.
//!
//! See `README.md` beside this crate for how to read its table. Nothing here fails because something is slow.

mod ceilings;
mod chance;
mod child;
mod host;
mod load;
mod mix;
mod product;
mod report;
mod rows;
mod stats;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::child::{ChildArgs, Kind};
use crate::host::Cores;
use crate::report::Report;
use crate::rows::clicks::Effort;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Weir against ceilings of the same run.
#[derive(Parser)]
#[command(
    name = "weir-bench",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  weir-bench                              everything, about five minutes
  weir-bench clicks --rounds 9            clicks at 512 connections, nine rounds
  weir-bench journal fold --json out.json
  weir-bench mysql --mysql mysql://weir:weir@127.0.0.1:13306

Takes two cores or more, and a gigabyte and a half of disk in --folder while it runs."
)]
struct Cli {
    /// What to measure; everything when nothing is named.
    rows: Vec<Row>,
    /// Rounds of interleaved bursts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of a burst.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// Seed of the mix.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Where data folders are made: on the disk that is to be measured.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// A MySQL or MariaDB server, for the row `mysql`: mysql://user:password@host:port, of a user who may make databases.
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,
    /// Write the figures here too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Internal>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    /// Clicks at 512 connections: durable and keeping up, edge only, bytes on disk.
    Clicks,
    /// One client alone.
    Alone,
    /// The journal alone.
    Journal,
    /// The fold: in memory, through the store, by the actors.
    Fold,
    /// The fold into the server of --mysql, against a bare loop of inserts.
    Mysql,
}

#[derive(Subcommand)]
enum Internal {
    /// A process of the bench.
    #[command(hide = true)]
    Child(ChildArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Some(Internal::Child(args)) = &cli.command {
        return child::run(args);
    }
    let mut all = vec![Row::Clicks, Row::Alone, Row::Journal, Row::Fold];
    match cli.mysql {
        Some(_) => all.push(Row::Mysql),
        None => eprintln!("without --mysql URL the row `mysql` is left out"),
    }
    let rows = if cli.rows.is_empty() {
        &all[..]
    } else {
        &cli.rows
    };
    let effort = Effort {
        rounds: usize::from(cli.rounds),
        burst: Duration::from_secs(cli.seconds.into()),
        seed: cli.seed.into(),
    };
    std::fs::create_dir_all(&cli.folder)?;
    let folder = tempfile::tempdir_in(&cli.folder)?;
    let folder = folder.path();
    let (servers, _) = Cores::of_server_and_generator()?;
    let mut report = Report::begin();
    for row in rows {
        eprintln!("{row:?}");
        report.measures.extend(match row {
            Row::Clicks => rows::clicks::run(folder, effort)?,
            Row::Alone => rows::alone::run(folder, effort)?,
            Row::Journal => child::measured(Kind::Journal, Cores::all()?, folder)?,
            Row::Fold => child::measured(Kind::Fold, servers, folder)?,
            Row::Mysql => rows::mysql::run(folder, cli.mysql.as_deref().unwrap_or_default())?,
        });
    }
    report.end();
    println!("{report}");
    if let Some(file) = &cli.json {
        serde_json::to_writer_pretty(std::fs::File::create(file)?, &report)?;
    }
    Ok(())
}
