//! What types cannot say of settings: values that would only fail, or do harm, later.

use weir_engine::catalog::propose::UNIQUENESS_CAPACITY;

use super::{Retention, Settings, Stores};

/// Two segments of the log: the one that is written and the next.
const LEAST_LOG: u64 = 2 * (64 << 20);
/// Numbers of nodes have 12 bits in a click id.
const LAST_NODE: u16 = 4095;

/// Which key is wrong, and why.
type Wrong = (&'static str, String);

impl Stores {
    /// Puts the content of a file for `file:PATH`: secrets that a machine mounts.
    ///
    /// # Errors
    /// The key whose file cannot be read.
    pub(super) fn read_files(&mut self) -> Result<(), Wrong> {
        let urls = [
            ("stores.state", &mut self.state),
            ("stores.cache", &mut self.cache),
            ("stores.search", &mut self.search),
        ];
        for (key, url) in urls {
            let Some(file) = url.strip_prefix("file:") else {
                continue;
            };
            let text = std::fs::read_to_string(file)
                .map_err(|error| (key, format!("{file} cannot be read: {error}")))?;
            text.trim().clone_into(url);
        }
        Ok(())
    }
}

impl Settings {
    /// Looks at each value that has bounds.
    ///
    /// # Errors
    /// The first key that is wrong, and why.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let ensure = |is_good: bool, key, message: String| match is_good {
            true => Ok(()),
            false => Err((key, message)),
        };
        ensure(
            self.node.id <= LAST_NODE,
            "node.id",
            format!("must be 0 to {LAST_NODE}"),
        )?;
        let url = &self.node.public_url;
        ensure(
            url.is_empty() || url.starts_with("https://") || url.starts_with("http://"),
            "node.public_url",
            "must begin with https:// or http://".to_owned(),
        )?;
        ensure(
            self.journal.max_bytes.0 >= LEAST_LOG,
            "journal.max_bytes",
            "must hold two segments, 128 MiB".to_owned(),
        )?;
        ensure(
            self.journal.retention != Retention::Days(0),
            "journal.retention",
            "must be \"off\" or at least a day".to_owned(),
        )?;
        ensure(
            self.search.retention != Retention::Days(0),
            "search.retention",
            "must be \"off\" or at least a day".to_owned(),
        )?;
        let prefix = &self.search.prefix;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ensure(
            prefix.starts_with(|c: char| c.is_ascii_lowercase())
                && prefix.len() <= 64
                && prefix.chars().all(is_name),
            "search.prefix",
            "must be a to z, 0 to 9 and _, beginning with a letter, at most 64".to_owned(),
        )?;
        let (least, most) = (UNIQUENESS_CAPACITY.start(), UNIQUENESS_CAPACITY.end());
        ensure(
            UNIQUENESS_CAPACITY.contains(&self.uniqueness.capacity),
            "uniqueness.capacity",
            format!("must be {least} to {most}"),
        )?;
        self.check_stores()
    }

    fn check_stores(&self) -> Result<(), Wrong> {
        let stores = [
            (
                "stores.state",
                &self.stores.state,
                &["mysql", "mariadb"][..],
            ),
            ("stores.cache", &self.stores.cache, &["redis", "rediss"]),
            ("stores.search", &self.stores.search, &["http", "https"]),
        ];
        for (key, url, schemes) in stores {
            // Only the scheme is shown: the rest may hold a password.
            match url.split_once("://") {
                _ if url.is_empty() => {}
                Some((scheme, _)) if schemes.contains(&scheme) => {}
                Some((scheme, _)) => {
                    let message = format!("{scheme}:// is none of {}://", schemes.join("://, "));
                    return Err((key, message));
                }
                None => return Err((key, format!("is not a URL such as {}://host", schemes[0]))),
            }
        }
        if !(5..=100).contains(&self.stores.catch_up_percent) {
            let message = "must be 5 to 100".to_owned();
            return Err(("stores.catch_up_percent", message));
        }
        Ok(())
    }
}
