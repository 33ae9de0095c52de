//! The table.

use std::fmt;

use serde::Serialize;

use crate::host;
use crate::rows::Measure;

/// Figures with the state of the machine they were taken in.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What became of the wish for more of the cores.
    pub autogroup: &'static str,
    /// Load average before and after.
    pub load: [f64; 2],
    /// Cores that the process may use.
    pub cores: usize,
    /// The figures.
    pub measures: Vec<Measure>,
}

impl Report {
    /// A report of what is measured from now on.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            autogroup: host::raise_autogroup(),
            load: [host::load_average(); 2],
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            measures: Vec::new(),
        }
    }

    /// Everything is measured.
    pub fn end(&mut self) {
        self.load[1] = host::load_average();
    }
}

/// Fewer digits the larger it is.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000.0 => format!("{value:.0}"),
        middle if middle >= 100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.load;
        writeln!(
            f,
            "{} cores, load average {before:.1} before and {after:.1} after, autogroup {}\n",
            self.cores, self.autogroup
        )?;
        let wide = self
            .measures
            .iter()
            .map(|m| m.name.chars().count())
            .max()
            .unwrap_or(0);
        writeln!(
            f,
            "{:wide$}  {:>9}  {:>8}  {:15}  {:>9}  beside",
            "", "figure", "target", "", "fdatasync"
        )?;
        for measure in &self.measures {
            writeln!(
                f,
                "{:wide$}  {:>9}  {:>8}  {:15}  {:>6.2} ms  {}",
                measure.name,
                short(measure.value),
                measure.target.to_string(),
                measure.verdict(),
                measure.sync_ms,
                measure.beside
            )?;
        }
        Ok(())
    }
}
