//! `weir journal export`: facts as NDJSON, in physical order, each followed by what was judged of it.
//!
//! The log is read from its beginning whatever is asked for: earlier configuration says where later clicks were sent.
//! Derived lines come from the store, so the export stops at the store's offset; `--follow` waits for more.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use weir_engine::fact::{Fact, Kind, Malformed};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::{LedgerStore, UniqueClicks};
use weir_engine::record::Logged;
use weir_journal::{Cursors, StoredLog};

use super::OK;
use crate::cli::ExportArgs;
use crate::data_folder::DataFolder;
use crate::destinations::Destinations;
use crate::facts_json;
use crate::server;
use crate::settings::Settings;
use crate::state::{self, State};

/// Facts read at a time.
const BATCH: usize = 16_384;
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Which facts are printed.
struct Filter {
    tenant: Option<TenantId>,
    from: UnixMs,
    to: UnixMs,
}

impl Filter {
    fn new(args: &ExportArgs) -> anyhow::Result<Self> {
        let time = |text: &Option<String>, default| match text {
            Some(text) => UnixMs::parse_rfc3339(text)
                .with_context(|| format!("{text} is not a time such as 2026-11-25T12:00:00Z")),
            None => Ok(default),
        };
        let tenant = args.tenant.as_deref().map(str::parse).transpose();
        Ok(Self {
            tenant: tenant.context("--tenant")?,
            from: time(&args.from, UnixMs(0))?,
            to: time(&args.to, UnixMs(u64::MAX))?,
        })
    }

    fn takes(&self, logged: &Logged<'_>) -> bool {
        let at = logged.record.at;
        self.is_of_tenant(logged) && self.from <= at && at < self.to
    }

    /// Whether clicks that are printed may depend on it.
    fn learns(&self, logged: &Logged<'_>) -> bool {
        self.is_of_tenant(logged) && logged.record.kind == Kind::ConfigChanged.code()
    }

    fn is_of_tenant(&self, logged: &Logged<'_>) -> bool {
        self.tenant.is_none_or(|t| t == logged.record.tenant)
    }
}

/// Prints facts.
pub fn export(
    args: &ExportArgs,
    settings: &Settings,
    folder: &DataFolder,
) -> anyhow::Result<ExitCode> {
    let filter = Filter::new(args)?;
    let runtime = server::runtime()?;
    let state = runtime.block_on(State::of_this_build(settings, folder))?;
    let store = state.ledger();
    let mut printer = Printer {
        filter,
        destinations: Destinations::default(),
        out: BufWriter::new(io::stdout().lock()),
    };
    let mut cursors = Cursors::START;
    loop {
        match runtime.block_on(printer.print_to_offset(store.as_ref(), folder, cursors)) {
            Ok(end) => cursors = end,
            // Whoever reads has had enough.
            Err(error) if is_closed_pipe(&error) => return Ok(OK),
            Err(error) => return Err(error),
        }
        printer.out.flush()?;
        if !args.follow {
            return Ok(OK);
        }
        std::thread::sleep(FOLLOW_EVERY);
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| {
        let of_json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(|e| e.io_error_kind());
        of_json.or_else(|| cause.downcast_ref::<io::Error>().map(io::Error::kind))
    });
    kind == Some(io::ErrorKind::BrokenPipe)
}

/// What prints facts, and what it has learned from those before.
struct Printer<W> {
    filter: Filter,
    destinations: Destinations,
    out: W,
}

impl<W: Write> Printer<W> {
    /// Prints facts from `from` to the store's offset, and says how far that is.
    async fn print_to_offset(
        &mut self,
        store: &dyn LedgerStore,
        folder: &DataFolder,
        from: Cursors,
    ) -> anyhow::Result<Cursors> {
        // First the offset, then the log: the log holds all facts below the offset.
        let until = state::cursors(&store.offsets().await?);
        let log = StoredLog::open(folder.path())?;
        let from = from.furthest(&log.start());
        let mut reader = log.read_from(from)?.with_texts();
        while !reader.cursors().reaches(&until) {
            let Some(batch) = reader.try_next(BATCH)? else {
                anyhow::bail!("the log ends before the store's offset");
            };
            let judged = Judged::load(store, &batch.before(), &batch.after(), &batch).await?;
            let is_below =
                |l: &Logged<'_>| l.position.seq < until.0[usize::from(l.position.partition)];
            for logged in batch.iter().filter(is_below) {
                self.print(&logged, &judged)?;
            }
        }
        Ok(until)
    }

    fn print(&mut self, logged: &Logged<'_>, judged: &Judged) -> anyhow::Result<()> {
        let (takes, learns) = (self.filter.takes(logged), self.filter.learns(logged));
        if !takes && !learns {
            return Ok(());
        }
        let read = Fact::read(logged);
        if let Ok(Fact::ConfigChanged(change)) = &read {
            self.destinations.learn(logged.record.tenant, change);
        }
        if takes {
            facts_json::fact(logged, &read, &self.destinations, &mut self.out)?;
            judged.print(logged, &read, &mut self.out)?;
        }
        Ok(())
    }
}

/// What the store says of the facts of a batch.
#[derive(Default)]
struct Judged {
    unique: UniqueClicks,
    verdicts: BTreeMap<(u16, u64), facts_json::StoredVerdict>,
}

impl Judged {
    async fn load(
        store: &dyn LedgerStore,
        before: &Cursors,
        after: &Cursors,
        batch: &weir_journal::Batch,
    ) -> anyhow::Result<Self> {
        let mut judged = Self {
            unique: weir_actors::unique_clicks(store, before, after).await?,
            ..Self::default()
        };
        let is_conversion = |l: &Logged<'_>| l.record.kind == Kind::ConversionReceived.code();
        let tenants: std::collections::BTreeSet<TenantId> = batch
            .iter()
            .filter(is_conversion)
            .map(|l| l.record.tenant)
            .collect();
        for tenant in tenants {
            let partition = usize::from(weir_engine::ids::partition_of(tenant));
            let range = store
                .judged(tenant, before.0[partition], after.0[partition])
                .await?;
            for (row, conversion) in range.verdicts {
                let place = (row.position.partition, row.position.seq);
                judged
                    .verdicts
                    .insert(place, facts_json::StoredVerdict { row, conversion });
            }
        }
        Ok(judged)
    }

    fn print(
        &self,
        logged: &Logged<'_>,
        read: &Result<Fact, Malformed>,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let place = (logged.position.partition, logged.position.seq);
        match read {
            Ok(Fact::Clicked(click)) => {
                facts_json::click_judged(logged, click, self.unique.contains(logged.position), out)
            }
            Ok(Fact::ConversionReceived(_)) => match self.verdicts.get(&place) {
                Some(verdict) => facts_json::conversion_judged(logged, verdict, out),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
