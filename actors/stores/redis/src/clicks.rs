//! Hot clicks: a look-up that stands before another one, the log's.
//!
//! Always true: the answer is the one that the other look-up would give: a hit is the log's own record under a MAC
//! of its id and of the log's generation, of a time that the log still keeps; that a click is not there, or no
//! longer, is never remembered. Trouble or slowness costs a few milliseconds, and nothing while the breaker rests.
//! Not here: whether a click may be used (the fold).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use weir_engine::click_id::ClickId;
use weir_engine::ids::UnixMs;
use weir_engine::ports::{ClickLookup, Found, LookupError, PortFuture};
use weir_engine::record::OwnedRecord;

use crate::link::{Admitted, Link};
use crate::record;
use crate::seal::{MAC_BYTES, Seal};

/// Clicks on their way into the cache at a time; more are left out.
const FILLS: usize = 64;
/// A click's record that is longer stays in the log alone.
const LONGEST: usize = 64 * 1024;

/// See the module.
pub struct CachedClicks {
    inner: Arc<dyn ClickLookup>,
    link: Link,
    seal: Seal,
    /// What keys begin with; holds the generation.
    prefix: String,
    ttl: Duration,
    fills: Arc<Semaphore>,
}

impl CachedClicks {
    pub(crate) fn new(
        inner: Arc<dyn ClickLookup>,
        link: Link,
        seal: Seal,
        prefix: String,
        ttl: Duration,
    ) -> Self {
        Self {
            inner,
            link,
            seal,
            prefix,
            ttl,
            fills: Arc::new(Semaphore::new(FILLS)),
        }
    }

    fn key(&self, click_id: ClickId) -> String {
        format!("{}{click_id}", self.prefix)
    }

    /// What the cache has, if it is ours.
    async fn cached(&self, admitted: Admitted, click_id: ClickId) -> Option<OwnedRecord> {
        let key = self.key(click_id);
        let get = redis::cmd("GET").arg(&key).to_owned();
        let asking = self.link.ask_as(admitted, |mut connection| async move {
            get.query_async::<Option<Vec<u8>>>(&mut connection).await
        });
        let Some(value) = asking.await.ok()? else {
            self.link.count("miss");
            return None;
        };
        let record = self.opened(&key, &value);
        let record = record.filter(|record| record.click_id == Some(click_id));
        let outcome = if record.is_some() { "hit" } else { "forged" };
        self.link.count(outcome);
        record
    }

    fn opened(&self, key: &str, value: &[u8]) -> Option<OwnedRecord> {
        let (mac, bytes) = value.split_at_checked(MAC_BYTES)?;
        let is_ours = self.seal.is_mac(mac, &[key.as_bytes(), bytes]);
        is_ours.then(|| record::read(bytes)).flatten()
    }

    /// Puts a click into the cache, in the background.
    fn fill(&self, click_id: ClickId, record: &OwnedRecord) {
        let Ok(permit) = Arc::clone(&self.fills).try_acquire_owned() else {
            return;
        };
        let bytes = record::write(record).filter(|bytes| bytes.len() <= LONGEST);
        let (Some(bytes), Some(admitted)) = (bytes, self.link.admit()) else {
            return;
        };
        let key = self.key(click_id);
        let mac = self.seal.mac(&[key.as_bytes(), &bytes]);
        let mut set = redis::cmd("SET");
        set.arg(&key).arg([mac.as_slice(), &bytes].concat());
        set.arg("EX").arg(self.ttl.as_secs().max(1));
        let link = self.link.clone();
        self.link.spawn(async move {
            let filling = link.ask_as(admitted, |mut connection| async move {
                set.exec_async(&mut connection).await
            });
            // Counted by the link; the next look-up fills again.
            drop(filling.await);
            drop(permit);
        });
    }
}

impl ClickLookup for CachedClicks {
    fn find(&self, click_id: ClickId) -> PortFuture<'_, Result<Found, LookupError>> {
        // What the log may have given up must not be found here.
        let is_kept = click_id.unix_ms() > self.inner.kept_after().0;
        let Some(admitted) = is_kept.then(|| self.link.admit()).flatten() else {
            return self.inner.find(click_id);
        };
        Box::pin(async move {
            if let Some(record) = self.cached(admitted, click_id).await {
                return Ok(Found::Click(Box::new(record)));
            }
            let found = self.inner.find(click_id).await?;
            if let Found::Click(record) = &found {
                self.fill(click_id, record);
            }
            Ok(found)
        })
    }

    fn kept_after(&self) -> UnixMs {
        self.inner.kept_after()
    }
}
