//! What types cannot say of settings: values that would only fail, or do harm, later.

use weir_engine::catalog::propose::UNIQUENESS_CAPACITY;

use super::{Retention, Settings};

/// Two segments of the log: the one that is written and the next.
const LEAST_LOG: u64 = 2 * (64 << 20);
/// Numbers of nodes have 12 bits in a click id.
const LAST_NODE: u16 = 4095;

/// Which key is wrong, and why.
type Wrong = (&'static str, String);

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
        let (least, most) = (UNIQUENESS_CAPACITY.start(), UNIQUENESS_CAPACITY.end());
        ensure(
            UNIQUENESS_CAPACITY.contains(&self.uniqueness.capacity),
            "uniqueness.capacity",
            format!("must be {least} to {most}"),
        )?;
        self.check_stores()
    }

    /// This build keeps everything itself: a store that it would not use is refused, not passed over.
    fn check_stores(&self) -> Result<(), Wrong> {
        let stores = [
            ("stores.state", &self.stores.state),
            ("stores.cache", &self.stores.cache),
            ("stores.search", &self.stores.search),
        ];
        match stores.into_iter().find(|(_, url)| !url.is_empty()) {
            None => Ok(()),
            // Only the scheme is shown: the rest may hold a password.
            Some((key, url)) => Err((
                key,
                match url.split_once("://") {
                    Some((scheme, _)) => format!(
                        "this build has no store for {scheme}:// URLs; leave the key out for the embedded one"
                    ),
                    None => "not a URL such as mysql://user:password@host/database".to_owned(),
                },
            )),
        }
    }
}
