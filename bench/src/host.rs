//! The machine: cores, load, processor time, how fast its disk syncs.
//!
//! With two cores the server gets the first and the generator the second, with more each gets half. Linux groups
//! the processes of a session and shares the cores between groups, whatever `nice` says inside them: hence
//! [`raise_autogroup`].

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::ceilings::segments::zeroed;
use crate::stats::median;

/// Bytes of a write of the probe: about one record and its footer.
const PROBE_BYTES: u64 = 400;
/// Writes of a probe.
const PROBES: u64 = 100;
/// Ticks of `/proc/PID/stat` a second: fixed in the interface of the kernel.
const TICKS: f64 = 100.0;

/// Some cores, next to one another in the list of those this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    first: usize,
    count: usize,
}

impl Cores {
    /// Those of the server and those of the generator.
    ///
    /// # Errors
    /// There are fewer than two.
    pub fn of_server_and_generator() -> anyhow::Result<(Self, Self)> {
        let all = allowed()?.len();
        anyhow::ensure!(
            all >= 2,
            "needs two cores: one for the server, one for the generator"
        );
        let half = all / 2;
        let server = Self {
            first: 0,
            count: half,
        };
        let generator = Self {
            first: half,
            count: all - half,
        };
        Ok((server, generator))
    }

    /// All of them.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn all() -> anyhow::Result<Self> {
        let count = allowed()?.len();
        Ok(Self { first: 0, count })
    }

    /// From their numbers on a command line: `FIRST+COUNT`.
    ///
    /// # Errors
    /// That is not what is written there.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let (first, count) = text.split_once('+').context("cores are FIRST+COUNT")?;
        Ok(Self {
            first: first.parse()?,
            count: count.parse()?,
        })
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }

    /// Binds this thread, and those it will start, to all of them.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn pin(self) -> anyhow::Result<()> {
        pin(&allowed()?[self.first..self.first + self.count])
    }

    /// Binds this thread to one of them.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn pin_one(self, index: usize) -> anyhow::Result<()> {
        pin(&allowed()?[self.first + index..][..1])
    }
}

impl std::fmt::Display for Cores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{}", self.first, self.count)
    }
}

/// The cores that the process began with; a thread that is bound to some still counts all.
fn allowed() -> anyhow::Result<Vec<usize>> {
    let process = rustix::process::getpid();
    let set = sched_getaffinity(Some(process))?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&core| set.is_set(core))
        .collect())
}

fn pin(cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    Ok(sched_setaffinity(None, &set)?)
}

/// Asks for the largest share of the cores for the group of this session; says whether it was given.
#[must_use]
pub fn raise_autogroup() -> &'static str {
    match fs::write("/proc/self/autogroup", "-20") {
        Ok(()) => "raised to nice -20",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "none on this system",
        Err(_) => "not raised: not permitted",
    }
}

/// Processes that ran or wanted to run in the last minute.
#[must_use]
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Seconds of processor time that all threads of a process have taken, in it and in the system.
///
/// # Errors
/// There is no such process.
pub fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    ticks(&fs::read_to_string(format!("/proc/{process}/stat"))?)
        .map(|ticks| ticks as f64 / TICKS)
        .context("stat of a process")
}

/// `utime` + `stime`: the 12th and 13th field after the name, which may hold blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Median milliseconds of writing a record and fdatasync, one after the other, into a zeroed file of `folder`.
///
/// # Errors
/// The disk fails.
pub fn sync_ms(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("probe");
    let file = zeroed(&path, PROBES * PROBE_BYTES)?;
    let record = [0xa5; PROBE_BYTES as usize];
    let mut times = Vec::new();
    for index in 0..PROBES {
        let began = Instant::now();
        file.write_all_at(&record, index * PROBE_BYTES)?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    Ok(median(&times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat =
            "42 (a b) c) R 1 42 42 0 -1 4194304 9 8 7 6 130 20 1 2 20 0 3 0 99 1000 200 184467";
        assert_eq!(ticks(stat), Some(150));
        assert_eq!(ticks("42"), None);
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
    }

    #[test]
    fn cores_are_written_as_they_are_read() {
        let cores = Cores { first: 3, count: 2 };
        assert_eq!(Cores::read(&cores.to_string()).unwrap(), cores);
        assert!(Cores::read("3").is_err());
    }
}
