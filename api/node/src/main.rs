//! The binary `weir`: configuration, wiring, signals, commands. The only place that names products.

mod cache;
mod cli;
mod commands;
mod data_folder;
mod demo;
mod destinations;
mod doors;
mod facts_json;
mod logging;
mod parts;
mod ready;
mod search;
mod server;
mod settings;
mod signals;
mod state;
mod upkeep;
mod visitors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, Global, ServeArgs};
use crate::data_folder::DataFolder;
use crate::settings::{Loaded, load};

/// The command failed.
const FAILED: u8 = 1;
/// What was asked for cannot be understood.
const USAGE: u8 = 2;

/// Many small pieces are allocated on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let flags = flags_of(&cli);
    let file = settings_file(&cli.global);
    let loaded = match load(file.as_deref(), std::env::vars(), flags) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("weir: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match run(cli, loaded) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let (settings, output) = (&loaded.settings, cli.global.output);
    let folder = || DataFolder::open(&settings.node.data);
    match cli.command {
        Command::Serve(args) => server::run(settings, args.ready_file.as_deref()),
        Command::Demo(args) => demo::run(settings, &args),
        Command::Migrate(command) => commands::migrate(&command, settings, output),
        Command::Journal(command) => commands::journal(command, settings, &folder()?, output),
        Command::Replay(args) => commands::replay(&args, settings, &folder()?, output),
        Command::Search(command) => commands::search(&command, settings, &folder()?, output),
        Command::Verify => commands::verify(settings, &folder()?, output),
        Command::Backup { dir } => commands::backup(&dir, settings, &folder()?),
        Command::Config(command) => Ok(commands::config(&command, &loaded, output)),
        Command::Doctor => commands::doctor(settings, output),
        Command::Healthcheck { ops } => commands::healthcheck(ops, settings),
        Command::Version { json } => Ok(commands::version(json, output)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "weir", &mut std::io::stdout());
            Ok(commands::OK)
        }
        Command::Openapi => {
            println!("{}", weir_api::admin::openapi());
            Ok(commands::OK)
        }
        Command::Tenant(command) => commands::create_tenant(command, settings, output),
        Command::Key(command) => commands::create_key(command, settings, output),
    }
}

/// Flags as settings.
fn flags_of(cli: &Cli) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut set = |key: &str, value: Option<String>| {
        value
            .into_iter()
            .for_each(|v| drop(flags.insert(key.to_owned(), v)));
    };
    let data = cli.global.data.as_ref();
    set(
        "node.data",
        data.map(|d| format!("{:?}", d.display().to_string())),
    );
    let ports = match &cli.command {
        Command::Serve(args) => args.clone(),
        Command::Demo(args) => args.serve.clone(),
        _ => ServeArgs::default(),
    };
    set(
        "listen.traffic_port",
        ports.traffic_port.map(|p| p.to_string()),
    );
    set("listen.admin_port", ports.admin_port.map(|p| p.to_string()));
    set("listen.ops_port", ports.ops_port.map(|p| p.to_string()));
    flags
}

/// The settings file that was named, or the first that is there.
fn settings_file(global: &Global) -> Option<PathBuf> {
    let named = global
        .config
        .clone()
        .or_else(|| std::env::var_os("WEIR_CONFIG").map(PathBuf::from));
    named.or_else(|| {
        let usual = [
            PathBuf::from("weir.toml"),
            PathBuf::from("/etc/weir/weir.toml"),
        ];
        usual.into_iter().find(|file| file.exists())
    })
}
