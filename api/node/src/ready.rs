//! What a started server tells programs (the ready file) and people (the banner).

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use weir_actors::Clock;
use weir_engine::ids::UnixMs;

/// A browser's user agent for the banner's click: curl's own is a bot's, whose conversions stay pending.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

const DAY_MS: u64 = 86_400_000;

/// The date in UTC that it is so long after `now`: what is pasted must not depend on whose `date` a machine has.
fn date(now: UnixMs, after_ms: u64) -> String {
    let text = UnixMs(now.0 + after_ms).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// What scripts and test rigs read: a name here, once published, does not change.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    pub version: &'static str,
    pub pid: u32,
    pub data: String,
    pub traffic: String,
    pub admin: String,
    pub ops: String,
    pub backends: Backends,
    pub traffic_tls: Option<String>,
    pub tls_ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<Demo>,
}

/// What stands behind the ports.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Backends {
    pub state: &'static str,
    pub cache: &'static str,
    pub search: &'static str,
    pub journal: &'static str,
    pub durability: &'static str,
}

/// Keys and URLs of the demo.
#[derive(Debug, Clone, Serialize)]
pub struct Demo {
    pub tenant: String,
    pub api_key: String,
    pub operator_key: String,
    pub click_url: String,
    pub postback_url: String,
}

impl Ready {
    /// Writes the ready file: whole or not at all, readable only by its owner, for it may hold keys.
    ///
    /// # Errors
    /// The folder is not there or not writable.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        let mut temporary = crate::data_folder::private_file(
            &folder
                .unwrap_or(Path::new("."))
                .join(format!(".ready-{}", self.pid)),
        )?;
        serde_json::to_writer_pretty(&mut temporary.1, self)?;
        temporary.1.write_all(b"\n")?;
        temporary.1.sync_all()?;
        std::fs::rename(&temporary.0, file)
    }

    /// The banner: the same for people, with three commands that work when pasted.
    pub fn banner(&self) -> String {
        let mut out = format!(
            "\n  weir {}   data in {}\n\n    traffic  {}   clicks and postbacks\n    admin    {}   API, docs at {}/docs\n    ops      {}   /readyz /metrics\n    state {} · cache {} · search {} · journal {} ({})\n",
            self.version,
            self.data,
            self.traffic,
            self.admin,
            self.admin,
            self.ops,
            self.backends.state,
            self.backends.cache,
            self.backends.search,
            self.backends.journal,
            self.backends.durability,
        );
        if let Some(demo) = &self.demo {
            out += &demo.curls(&self.admin);
        }
        out
    }
}

impl Demo {
    fn curls(&self, admin: &str) -> String {
        let [today, tomorrow] = [0, DAY_MS].map(|ms| date(Clock::system().now(), ms));
        let Self {
            tenant,
            api_key,
            operator_key,
            click_url,
            postback_url,
        } = self;
        let postback = postback_url
            .replace("{click_id}", "$CLICK")
            .replace("{amount}", "49.90")
            .replace("{txid}", "order-1");
        format!(
            "\n  A click (where it goes, and its id):\n    CLICK=$(curl -si -A '{BROWSER}' '{click_url}' | tee /dev/stderr | grep -oE '[0-9a-z]{{32}}')\n\n  A sale for that click, as the advertiser reports it:\n    curl -s \"{postback}\"\n\n  Today's report:\n    curl -s {admin}/v1/reports/query -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' -d '{{\"from\":\"{today}\",\"to\":\"{tomorrow}\",\"timezone\":\"UTC\",\"group_by\":[\"campaign\"]}}'\n\n  tenant {tenant}\n  operator key {operator_key}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_the_banner_are_written_out() {
        let new_years_eve = UnixMs::parse_rfc3339("2026-12-31T23:59:59Z").unwrap();
        assert_eq!(date(new_years_eve, 0), "2026-12-31");
        assert_eq!(date(new_years_eve, DAY_MS), "2027-01-01");
    }
}
