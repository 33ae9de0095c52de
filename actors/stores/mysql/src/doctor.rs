//! What a server must be set to so that the promises hold, and whether it is.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use weir_engine::ports::StoreError;

use crate::failure::unavailable;
use crate::pool::Connections;

const EXAMINE_WITHIN: Duration = Duration::from_secs(10);

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, with a risk that the text names.
    Doubtful,
    /// A promise does not hold.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, in the server's word for it.
    pub what: String,
    /// How it is.
    pub level: Level,
    /// What it is set to, and what to do about it.
    pub text: String,
}

/// Looks at the server's settings.
///
/// # Errors
/// [`StoreError`] when it cannot be asked.
pub async fn examine(connections: &Connections) -> Result<Vec<Finding>, StoreError> {
    connections
        .with(EXAMINE_WITHIN, |c| Box::pin(findings(c)))
        .await
}

async fn findings(connection: &mut Conn) -> Result<Vec<Finding>, StoreError> {
    let version = variable(connection, "version").await?.unwrap_or_default();
    let mut findings = vec![of_version(&version)];
    for rule in &RULES {
        let value = variable(connection, rule.name).await?;
        if let Some(value) = value {
            findings.push(rule.judge(&value));
        }
    }
    let has_binary_log = variable(connection, "log_bin").await?;
    let synced = variable(connection, "sync_binlog").await?;
    if let (Some(log_bin), Some(synced)) = (has_binary_log, synced) {
        findings.push(of_binary_log(&log_bin, &synced));
    }
    Ok(findings)
}

/// A setting of the server; `None` where it has no such setting.
async fn variable(connection: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    let row: Option<(String, String)> = connection
        .exec_first("SHOW GLOBAL VARIABLES WHERE Variable_name = ?", (name,))
        .await
        .map_err(unavailable)?;
    Ok(row.map(|(_, value)| value))
}

/// What a setting should be.
struct Rule {
    name: &'static str,
    good: &'static [&'static str],
    level: Level,
    /// What it means when it is something else.
    otherwise: &'static str,
}

const RULES: [Rule; 6] = [
    Rule {
        name: "innodb_flush_log_at_trx_commit",
        good: &["1"],
        level: Level::Bad,
        otherwise: "a commit that was answered may be lost with the machine: set it to 1",
    },
    Rule {
        name: "innodb_doublewrite",
        good: &["ON", "1"],
        level: Level::Doubtful,
        otherwise: "a torn page after a power cut cannot be repaired: switch it on unless the file system is atomic",
    },
    Rule {
        name: "character_set_server",
        good: &["utf8mb4"],
        level: Level::Doubtful,
        otherwise: "the tables name utf8mb4 themselves; tools that make tables of their own may not",
    },
    Rule {
        name: "time_zone",
        good: &["+00:00", "UTC"],
        level: Level::Doubtful,
        otherwise: "the connections of this program ask for UTC themselves; other readers of the tables may not",
    },
    // One setting by the name that MySQL 8 has, and by MariaDB's.
    Rule {
        name: "transaction_isolation",
        good: ISOLATIONS,
        level: Level::Doubtful,
        otherwise: NOT_ISOLATED,
    },
    Rule {
        name: "tx_isolation",
        good: ISOLATIONS,
        level: Level::Doubtful,
        otherwise: NOT_ISOLATED,
    },
];

const ISOLATIONS: &[&str] = &["READ-COMMITTED", "REPEATABLE-READ"];
const NOT_ISOLATED: &str = "the transactions of this program name their isolation themselves; other readers of the tables may not";

impl Rule {
    fn judge(&self, value: &str) -> Finding {
        let is_good = self
            .good
            .iter()
            .any(|good| good.eq_ignore_ascii_case(value));
        Finding {
            what: self.name.to_owned(),
            level: if is_good { Level::Good } else { self.level },
            text: if is_good {
                value.to_owned()
            } else {
                format!("{value}: {}", self.otherwise)
            },
        }
    }
}

fn of_binary_log(log_bin: &str, synced: &str) -> Finding {
    let is_on = log_bin.eq_ignore_ascii_case("ON") || log_bin == "1";
    let (level, text) = match (is_on, synced) {
        (false, _) => (Level::Good, "no binary log".to_owned()),
        (true, "1") => (Level::Good, "1".to_owned()),
        (true, other) => (
            Level::Bad,
            format!(
                "{other}: after a crash the binary log may lack commits, and replicas with it: set it to 1"
            ),
        ),
    };
    Finding {
        what: "sync_binlog".to_owned(),
        level,
        text,
    }
}

/// MySQL from 8.0, MariaDB from 10.11.
fn of_version(version: &str) -> Finding {
    let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
    let mut numbers = version
        .split(['.', '-'])
        .map_while(|n| n.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (name, least) = if is_mariadb {
        ("MariaDB", (10, 11))
    } else {
        ("MySQL", (8, 0))
    };
    let (level, text) = if found >= least {
        (Level::Good, version.to_owned())
    } else {
        let (major, minor) = least;
        (
            Level::Bad,
            format!("{version}: {name} {major}.{minor} or later is needed"),
        )
    };
    Finding {
        what: "version".to_owned(),
        level,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_the_oldest_that_is_tested_are_bad() {
        let cases = [
            ("10.11.19-MariaDB-deb12u1", Level::Good),
            ("11.4.2-MariaDB", Level::Good),
            ("10.6.18-MariaDB", Level::Bad),
            ("8.0.36", Level::Good),
            ("8.4.0", Level::Good),
            ("5.7.44-log", Level::Bad),
            ("", Level::Bad),
        ];
        for (version, level) in cases {
            assert_eq!(of_version(version).level, level, "{version}");
        }
    }

    #[test]
    fn a_log_that_is_not_flushed_at_commit_is_bad_and_says_what_to_do() {
        for value in ["0", "2"] {
            let finding = RULES[0].judge(value);
            assert_eq!(finding.level, Level::Bad);
            assert!(finding.text.contains("set it to 1"), "{}", finding.text);
        }
        assert_eq!(of_binary_log("ON", "0").level, Level::Bad);
        assert_eq!(of_binary_log("OFF", "0").level, Level::Good);
    }
}
