//! `weir journal {info,export,verify}`.

use std::process::ExitCode;

use super::{OK, Table, export, failed, usage};
use crate::cli::{JournalCommand, Output};
use crate::data_folder::DataFolder;
use crate::settings::Settings;

/// Looks at the log.
pub fn journal(
    command: JournalCommand,
    settings: &Settings,
    folder: &DataFolder,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match command {
        JournalCommand::Info => info(folder, output),
        JournalCommand::Verify => verify(folder, output),
        JournalCommand::Export(_) if output == Output::Csv => {
            eprintln!("weir: facts are exported as NDJSON only: leave --output away, or say json");
            Ok(usage())
        }
        JournalCommand::Export(args) => export::export(&args, settings, folder),
    }
}

fn info(folder: &DataFolder, output: Output) -> anyhow::Result<ExitCode> {
    let info = weir_journal::info(folder.path())?;
    let mut table = Table::new(&["what", "value"]);
    table.row(["first_segment", &info.first_segment.to_string()]);
    table.row(["segments", &info.segments.to_string()]);
    table.row(["sealed", &info.sealed.to_string()]);
    table.row(["facts", &info.facts.to_string()]);
    table.row(["bytes", &info.bytes.to_string()]);
    table.row(["unfinished_bytes", &info.unfinished_bytes.to_string()]);
    table.row(["missing_indexes", &info.missing_indexes.to_string()]);
    for (partition, (start, end)) in info.start.0.iter().zip(info.end.0).enumerate() {
        if end > 0 {
            table.row([format!("partition_{partition}"), format!("{start}..{end}")]);
        }
    }
    print!("{}", table.render(output));
    Ok(OK)
}

fn verify(folder: &DataFolder, output: Output) -> anyhow::Result<ExitCode> {
    let report = weir_journal::verify(folder.path())?;
    let mut table = Table::new(&["what", "value"]);
    table.row(["segments", &report.segments.to_string()]);
    table.row(["groups", &report.groups.to_string()]);
    table.row(["facts", &report.facts.to_string()]);
    table.row(["bytes", &report.bytes.to_string()]);
    table.row(["unfinished_bytes", &report.unfinished_bytes.to_string()]);
    table.row(["missing_indexes", &report.missing_indexes.to_string()]);
    if let Some(problem) = &report.problem {
        let place = format!(
            "{} at byte {}: {}",
            problem.file.display(),
            problem.offset,
            problem.what
        );
        table.row(["problem", &place]);
    }
    print!("{}", table.render(output));
    Ok(if report.problem.is_some() {
        failed()
    } else {
        OK
    })
}
