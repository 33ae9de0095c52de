//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A self-hosted, multi-tenant affiliate tracking engine.
#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    about = "A self-hosted, multi-tenant affiliate tracking engine.",
    after_help = "Examples:\n  weir demo                          a working engine with seeded data in ./weir-data\n  weir serve --data /var/lib/weir    production\n  weir journal verify --data DIR     check every byte of the log\n\nExit codes: 0 ok, 1 failed, 2 usage, 3 not ready."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags understood before and after the command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Settings file [default: $WEIR_CONFIG, ./weir.toml, /etc/weir/weir.toml, whichever is there first]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder: journal, store and secrets [default: weir-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people
    #[default]
    Table,
    /// JSON for programs
    Json,
    /// Comma-separated values
    Csv,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve clicks, postbacks and the API
    Serve(ServeArgs),
    /// Serve with seeded demo data and a live trickle
    Demo(DemoArgs),
    /// The schema of the store
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// The log
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Rebuild everything derived from the journal, and compare
    Replay(ReplayArgs),
    /// The index of single clicks and conversions
    #[command(subcommand)]
    Search(SearchCommand),
    /// Check the books: balances, accruals, reports against ledger
    Verify,
    /// Copy store, sealed segments and secrets, consistent at one offset, while running
    Backup {
        /// Folder to write to; it must not exist
        dir: PathBuf,
    },
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at this machine and this installation, and say what is wrong
    Doctor,
    /// Ask a running process whether it is ready (for container health checks)
    Healthcheck {
        /// The ops listener [default: that of the process that runs in the data folder, else that of the settings]
        #[arg(long, value_name = "URL")]
        ops: Option<String>,
    },
    /// Version and build
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// The admin API as OpenAPI JSON
    Openapi,
    /// Shell completions
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Ports of a server; 0 = any free one.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Port of clicks and postbacks; 0 = any free one
    #[arg(long, value_name = "PORT")]
    pub traffic_port: Option<u16>,
    /// Port of the admin API; 0 = any free one
    #[arg(long, value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Port of health and metrics; 0 = any free one
    #[arg(long, value_name = "PORT")]
    pub ops_port: Option<u16>,
    /// Write URLs and keys here, as JSON, when everything is served
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// See `weir demo --help`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub serve: ServeArgs,
    /// The same seed makes the same history
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Live clicks a second; 0 = none
    #[arg(long, default_value_t = 10)]
    pub rate: u32,
    /// Days of history; 0 = none
    #[arg(long, default_value_t = 90)]
    pub days: u32,
    /// Where a new history ends (RFC 3339): the same seed, days and end make the same history [default: now]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// See `weir migrate --help`.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Which version the store has, and which this build wants
    Status,
    /// Print the SQL that `up` would run
    Plan,
    /// Bring the store up
    Up,
}

/// See `weir journal --help`.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Segments, sizes, offsets
    Info,
    /// Print facts as NDJSON, with what was judged of them
    Export(ExportArgs),
    /// Walk checksums, lengths, sequence numbers and indexes; name file and offset of what is wrong
    Verify,
}

/// See `weir journal export --help`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Only this tenant's facts (`ten_…`)
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,
    /// Only facts at or after (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only facts before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Go on with what is appended, until interrupted
    #[arg(long)]
    pub follow: bool,
}

/// See `weir replay --help`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Compare with the live store and exit 1 on a difference; nothing is changed
    #[arg(long)]
    pub check: bool,
    /// Rebuild into this store instead of a temporary file: a new file, or the URL of an empty database
    /// (mysql://user:password@host/database)
    #[arg(long, value_name = "FILE|URL", conflicts_with = "check")]
    pub into: Option<String>,
    /// Facts a transaction [default: as the server does]
    #[arg(long, value_name = "N")]
    pub batch: Option<u64>,
}

/// See `weir search --help`.
#[derive(Debug, Subcommand)]
pub enum SearchCommand {
    /// Build the index anew from the journal, while a server runs; readers see it when it is whole
    Reindex {
        /// Share of the time that the index is given work, in percent
        #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
        catch_up_percent: u8,
        /// How long an index or a store that does not answer is waited for; then the command gives up
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        patience: u64,
    },
    /// What the index holds, and how far it has come
    Status,
}

/// See `weir config --help`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print a file with every key, its default and what it is for
    Template,
    /// Read the settings as a server would, and say what is wrong
    Check,
    /// Print the settings in force, and where each comes from
    Show,
}

/// See `weir tenant --help`.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant; prints its first API key, once
    Create {
        /// Its name
        name: String,
        /// Currency of its costs
        #[arg(long, default_value = "USD")]
        currency: String,
        /// IANA zone of its days
        #[arg(long, default_value = "UTC")]
        timezone: String,
    },
}

/// See `weir key --help`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Create an API key; prints it, once
    Create {
        /// Whose (`ten_…`)
        #[arg(long, required_unless_present = "operator")]
        tenant: Option<String>,
        /// What it may do, comma-separated
        #[arg(long, default_value = "*")]
        scopes: String,
        /// A name for people
        #[arg(long, default_value = "command line")]
        name: String,
        /// The operator's key, which makes tenants and may do everything: derived from the master secret, always the
        /// same
        #[arg(long, conflicts_with_all = ["tenant", "scopes", "name"])]
        operator: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_global_flags_stand_on_either_side() {
        Cli::command().debug_assert();
        for line in [
            ["weir", "--data", "D", "doctor"],
            ["weir", "doctor", "--data", "D"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.global.data, Some(PathBuf::from("D")));
        }
    }
}
