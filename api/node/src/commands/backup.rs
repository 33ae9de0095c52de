//! `weir backup`: store, segments and secrets, consistent at one offset, while the server runs. A store elsewhere is
//! backed up by its own means, or rebuilt from the log: of it only what was configured is copied.
//!
//! First the store, then the log: the copied log then holds every fact that the copied store builds on, and what
//! it holds beyond is folded by whoever starts on the copy.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use weir_engine::ports::PartitionState;

use super::OK;
use crate::data_folder::DataFolder;
use crate::server;
use crate::settings::Settings;
use crate::state::{State, known};

/// Copies the data folder into `dir`, which must not exist.
pub fn backup(dir: &Path, settings: &Settings, folder: &DataFolder) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !dir.exists(),
        "{} is there already; name a new folder",
        dir.display()
    );
    let copy = DataFolder::create(dir)?;
    let offsets = match settings.stores.state.as_str() {
        "" => weir_embedded::backup(&folder.store(), &copy.store())?,
        _ => server::runtime()?.block_on(copy_known(settings, folder, &copy))?,
    };
    copy_files(&folder.journal(), &copy.journal())?;
    copy_files(&folder.secrets(), &copy.secrets())?;
    let report = weir_journal::verify(copy.path())?;
    if let Some(problem) = report.problem {
        anyhow::bail!(
            "the copied log is damaged: {} at byte {}: {}",
            problem.file.display(),
            problem.offset,
            problem.what
        );
    }
    for offset in &offsets {
        let end = report.end.0[usize::from(offset.partition)];
        anyhow::ensure!(
            end >= offset.next_offset,
            "the copied log ends before the copied store"
        );
    }
    let facts: u64 = offsets.iter().map(|o| o.next_offset).sum();
    eprintln!(
        "backed up to {}: books of {facts} facts, {} facts in the log",
        dir.display(),
        report.facts
    );
    Ok(OK)
}

/// Copies what is configured, and says how far the store is that stays where it is.
async fn copy_known(
    settings: &Settings,
    folder: &DataFolder,
    copy: &DataFolder,
) -> anyhow::Result<Vec<PartitionState>> {
    let state = State::of_this_build(settings, folder).await?;
    let offsets = state.ledger().offsets().await?;
    known::write(&state, copy).await?;
    eprintln!(
        "the store itself is not copied: back it up by its own means, or rebuild it with `weir replay --into`"
    );
    Ok(offsets)
}

/// Copies the files of a folder (not of folders in it) and syncs them.
fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let mut files: Vec<_> = fs::read_dir(from)
        .with_context(|| format!("cannot read {}", from.display()))?
        .collect::<Result<_, _>>()?;
    // Older segments first: what is sealed while the copy runs was whole when it was copied.
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        if !file.file_type()?.is_file() {
            continue;
        }
        let target = to.join(file.file_name());
        match fs::copy(file.path(), &target) {
            Ok(_) => fs::File::open(&target)?.sync_all()?,
            // A spare that was taken into use, or a finished index that was renamed, meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("copy of {}", file.path().display()));
            }
        }
    }
    Ok(fs::File::open(to)?.sync_all()?)
}
