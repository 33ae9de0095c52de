//! Live counters: a hash a tenant and day, a field a campaign.
//!
//! ```text
//! field: number of the campaign     value: place 20 digits | MAC 16 | JSON
//! ```
//! Always true: what stands at a later place is never written over (compared on the server); a value that is not ours
//! is taken away, so that the next writing puts a genuine one. Not here: when counters are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::Script;
use serde::{Deserialize, Serialize};
use weir_engine::ids::{Position, TenantId, UnixMs};
use weir_engine::live::{LIVE_DAYS, LiveCounters, LiveKey, LiveSums, UtcDay};
use weir_engine::money::Currency;
use weir_engine::ports::{CacheError, PortFuture, SharedCounters};

use crate::failure::Trouble;
use crate::link::Link;
use crate::seal::{MAC_BYTES, Seal};

/// Campaigns in one call.
const CALL: usize = 256;
/// Digits of a place.
const PLACE_DIGITS: usize = 20;
/// Seconds that a day's counters are kept after they were last written.
const TTL_SECONDS: u32 = (LIVE_DAYS + 1) * 86_400;

/// See the module.
#[derive(Clone)]
pub struct Counters {
    link: Link,
    seal: Seal,
    /// What keys begin with; holds the generation.
    prefix: String,
    put: Arc<Script>,
    marker: Arc<Script>,
}

/// What is kept beside the place.
#[derive(Serialize, Deserialize)]
struct Kept {
    partition: u16,
    newest_at: u64,
    sums: BTreeMap<Currency, [i64; 10]>,
}

impl Counters {
    pub(crate) fn new(link: Link, seal: Seal, prefix: String) -> Self {
        Self {
            link,
            seal,
            prefix,
            put: Arc::new(Script::new(include_str!("put.lua"))),
            marker: Arc::new(Script::new(include_str!("marker.lua"))),
        }
    }

    fn hash(&self, tenant: TenantId, day: UtcDay) -> String {
        format!("{}{}:{}", self.prefix, tenant.0, day.0)
    }

    fn write(&self, hash: &str, counters: &LiveCounters) -> Option<Vec<u8>> {
        let kept = Kept {
            partition: counters.stands_at.partition,
            newest_at: counters.newest_at.0,
            sums: counters
                .sums
                .iter()
                .map(|(currency, sums)| (*currency, sums.values()))
                .collect(),
        };
        let json = serde_json::to_vec(&kept).ok()?;
        let place = format!("{:0PLACE_DIGITS$}", counters.stands_at.seq);
        let campaign = counters.key.campaign.to_be_bytes();
        let parts = [hash.as_bytes(), &campaign, place.as_bytes(), &json];
        let mac = self.seal.mac(&parts);
        Some([place.as_bytes(), &mac, &json].concat())
    }

    fn read(&self, hash: &str, key: LiveKey, value: &[u8]) -> Option<LiveCounters> {
        let (place, rest) = value.split_at_checked(PLACE_DIGITS)?;
        let (mac, json) = rest.split_at_checked(MAC_BYTES)?;
        let campaign = key.campaign.to_be_bytes();
        let parts = [hash.as_bytes(), &campaign, place, json];
        self.seal.is_mac(mac, &parts).then_some(())?;
        let kept: Kept = serde_json::from_slice(json).ok()?;
        let sums = kept.sums.into_iter();
        Some(LiveCounters {
            key,
            stands_at: Position {
                partition: kept.partition,
                seq: std::str::from_utf8(place).ok()?.parse().ok()?,
            },
            newest_at: UnixMs(kept.newest_at),
            sums: sums.map(|(c, v)| (c, LiveSums::of_values(v))).collect(),
        })
    }

    async fn put_all(&self, counters: Vec<LiveCounters>) -> Result<(), Trouble> {
        let mut hashes: BTreeMap<(TenantId, UtcDay), Vec<LiveCounters>> = BTreeMap::new();
        for one in counters {
            let of_day = hashes.entry((one.key.tenant, one.key.day)).or_default();
            of_day.push(one);
        }
        for ((tenant, day), counters) in hashes {
            let hash = self.hash(tenant, day);
            for some in counters.chunks(CALL) {
                self.put_some(&hash, some).await?;
            }
        }
        Ok(())
    }

    async fn put_some(&self, hash: &str, counters: &[LiveCounters]) -> Result<(), Trouble> {
        let mut fields = Vec::with_capacity(counters.len());
        for one in counters {
            let value = self.write(hash, one);
            fields.push((
                one.key.campaign,
                value.ok_or(Trouble::Unreadable("own counters"))?,
            ));
        }
        let (script, hash) = (Arc::clone(&self.put), hash.to_owned());
        let asking = self.link.ask(move |mut connection| async move {
            let mut call = script.key(hash);
            call.arg(TTL_SECONDS);
            for (campaign, value) in &fields {
                call.arg(*campaign).arg(value.as_slice());
            }
            call.invoke_async::<()>(&mut connection).await
        });
        asking.await
    }

    async fn read_all(
        &self,
        tenant: TenantId,
        day: UtcDay,
        campaigns: Vec<u32>,
    ) -> Result<Vec<LiveCounters>, Trouble> {
        let hash = self.hash(tenant, day);
        let found = self.fields(hash.clone(), campaigns).await?;
        self.link
            .count(if found.is_empty() { "miss" } else { "hit" });
        let mut counters = Vec::with_capacity(found.len());
        let mut forged = Vec::new();
        for (campaign, value) in found {
            let key = LiveKey {
                tenant,
                day,
                campaign,
            };
            match self.read(&hash, key, &value) {
                Some(ours) => counters.push(ours),
                None => forged.push(campaign),
            }
        }
        if !forged.is_empty() {
            self.link.count("forged");
            self.take_away(hash, forged);
        }
        counters.sort_by_key(|one| one.key.campaign);
        Ok(counters)
    }

    async fn fields(
        &self,
        hash: String,
        campaigns: Vec<u32>,
    ) -> Result<Vec<(u32, Vec<u8>)>, Trouble> {
        if campaigns.is_empty() {
            let all = self.link.ask(move |mut connection| async move {
                let all = redis::cmd("HGETALL").arg(hash).to_owned();
                all.query_async::<Vec<(String, Vec<u8>)>>(&mut connection)
                    .await
            });
            let numbered = |(field, value): (String, _)| Some((field.parse().ok()?, value));
            return Ok(all.await?.into_iter().filter_map(numbered).collect());
        }
        let wanted = campaigns.clone();
        let some = self.link.ask(move |mut connection| async move {
            let some = redis::cmd("HMGET").arg(hash).arg(&wanted).to_owned();
            some.query_async::<Vec<Option<Vec<u8>>>>(&mut connection)
                .await
        });
        let found = campaigns.into_iter().zip(some.await?);
        Ok(found.filter_map(|(c, value)| Some((c, value?))).collect())
    }

    /// Takes fields away in the background that are not ours.
    fn take_away(&self, hash: String, campaigns: Vec<u32>) {
        let link = self.link.clone();
        self.link.spawn(async move {
            let asking = link.ask(move |mut connection| async move {
                let away = redis::cmd("HDEL").arg(hash).arg(&campaigns).to_owned();
                away.exec_async(&mut connection).await
            });
            // Counted by the link; the next reader tries again.
            drop(asking.await);
        });
    }

    async fn life(&self) -> Result<String, Trouble> {
        let (script, key) = (Arc::clone(&self.marker), format!("{}life", self.prefix));
        let asking = self.link.ask(move |mut connection| async move {
            let marker: String = script.key(key).invoke_async(&mut connection).await?;
            let info = redis::cmd("INFO").arg("server").to_owned();
            let info = info.query_async::<String>(&mut connection).await;
            Ok((marker, info))
        });
        let (marker, info) = asking.await?;
        // A server that does not tell about itself is known by the marker alone.
        let run = info.ok().and_then(|info| {
            let run = info.lines().find_map(|line| line.strip_prefix("run_id:"))?;
            Some(run.trim().to_owned())
        });
        Ok(format!("{marker} {}", run.unwrap_or_default()))
    }
}

impl SharedCounters for Counters {
    fn put(&self, counters: Vec<LiveCounters>) -> PortFuture<'_, Result<(), CacheError>> {
        Box::pin(async move { Ok(self.put_all(counters).await?) })
    }

    fn read(
        &self,
        tenant: TenantId,
        day: UtcDay,
        campaigns: Vec<u32>,
    ) -> PortFuture<'_, Result<Vec<LiveCounters>, CacheError>> {
        Box::pin(async move { Ok(self.read_all(tenant, day, campaigns).await?) })
    }

    fn incarnation(&self) -> PortFuture<'_, Result<String, CacheError>> {
        Box::pin(async move { Ok(self.life().await?) })
    }
}
