//! Which campaign a link is, without walking all of them.
//!
//! By hash of domain and link; what is found is compared with the campaign itself, so a hash that two links share
//! costs time, never a wrong answer (no two campaigns of a tenant have one link: see `propose`). In shards that copies share: a catalog is copied at every change.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

use super::{Campaign, Catalog};
use crate::ids::DomainId;

const SHARDS: usize = 64;

/// Numbers of campaigns by hash of their link.
#[derive(Debug, Clone)]
pub(super) struct LinkIndex(Vec<Arc<HashMap<u64, u32>>>);

impl Default for LinkIndex {
    fn default() -> Self {
        Self(vec![Arc::default(); SHARDS])
    }
}

impl LinkIndex {
    /// Campaign `number` was `before` and is `now`.
    pub(super) fn put(&mut self, number: u32, before: Option<&Campaign>, now: &Campaign) {
        let hash = hash_of(now.domain_id, &now.link);
        let old = before.map(|c| hash_of(c.domain_id, &c.link));
        if old == Some(hash) {
            return;
        }
        if let Some(old) = old {
            let shard = Arc::make_mut(&mut self.0[shard_of(old)]);
            if shard.get(&old) == Some(&number) {
                shard.remove(&old);
            }
        }
        Arc::make_mut(&mut self.0[shard_of(hash)]).insert(hash, number);
    }
}

impl Catalog {
    /// The campaign that has `link` on a domain, or on the shared host.
    #[must_use]
    pub fn campaign_of_link(&self, domain: Option<DomainId>, link: &str) -> Option<u32> {
        let is_it = |campaign: &Campaign| campaign.domain_id == domain && campaign.link == link;
        let hash = hash_of(domain, link);
        let number = *self.links.0[shard_of(hash)].get(&hash)?;
        let found = self.campaigns.get(&number);
        if found.is_some_and(|campaign| is_it(&campaign.body)) {
            return Some(number);
        }
        let mut all = self.campaigns.iter();
        all.find(|(_, c)| is_it(&c.body)).map(|(number, _)| *number)
    }
}

fn shard_of(hash: u64) -> usize {
    (hash % SHARDS as u64) as usize
}

fn hash_of(domain: Option<DomainId>, link: &str) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0x6c69, 0x6e6b);
    hasher.write_u64(domain.map_or(0, |domain| domain.0));
    hasher.write(link.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Change, EntityKey, EntityKind};
    use super::*;
    use crate::ids::{TenantId, UnixMs};

    fn put(catalog: &mut Catalog, number: u32, domain: Option<DomainId>, link: &str) {
        let body = json!({"name": "C", "kind": "campaign", "link": link, "domain_id": domain,
            "distribution": {"mode": "fixed"}, "arms": []});
        let change = Change {
            key: EntityKey::one(EntityKind::Campaign, number),
            version: 1,
            by: String::new(),
            body,
        };
        catalog.apply(&change, UnixMs(1)).unwrap();
    }

    proptest! {
        #[test]
        fn a_link_is_found_as_by_walking(puts in proptest::collection::vec((1u32..6, 0u32..3, "[ab]{1,2}"), 0..40)) {
            let domain = |n: u32| (n > 0).then(|| DomainId::new(TenantId(1), n));
            let mut catalog = Catalog::default();
            for (number, of, link) in &puts {
                let holder = catalog.campaign_of_link(domain(*of), link);
                if holder.is_none_or(|holder| holder == *number) {
                    put(&mut catalog, *number, domain(*of), link);
                }
            }
            for (_, of, link) in &puts {
                let is_it = |c: &Campaign| c.domain_id == domain(*of) && c.link == *link;
                let found = catalog.campaign_of_link(domain(*of), link);
                let walked = catalog.campaigns.values().any(|c| is_it(&c.body));
                prop_assert_eq!(found.is_some(), walked);
                prop_assert!(found.is_none_or(|n| is_it(&catalog.campaigns[&n].body)));
            }
        }
    }
}
