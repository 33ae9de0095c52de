//! A catalog as bytes: for the tenant's checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Catalog, Versioned};
use crate::fact::{Decoder, Encoder, Malformed};

impl Catalog {
    /// Writes every entity as JSON, kind by kind, in order of their numbers.
    pub fn write(&self, e: &mut Encoder<'_>) {
        e.varint(self.config_version);
        e.varint(u64::from(self.last_number));
        let tenant: BTreeMap<u32, _> = self.tenant.iter().map(|t| (0, t.clone())).collect();
        write_all(e, &tenant);
        write_all(e, &self.advertisers);
        write_all(e, &self.affiliates);
        write_all(e, &self.offers);
        let terms = self
            .terms
            .iter()
            .map(|(&(o, a), t)| (u64::from(o) << 32 | u64::from(a), t));
        write_all(e, &terms.map(|(k, t)| (k, t.clone())).collect());
        write_all(e, &self.campaigns);
        write_all(e, &self.domains);
        write_all(e, &self.api_keys);
        write_all(e, &self.tenants);
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let config_version = d.varint()?;
        let last_number = d.number()?;
        let mut tenant: BTreeMap<u64, _> = read_all(d)?;
        Ok(Self {
            config_version,
            last_number,
            tenant: tenant.remove(&0),
            advertisers: narrow(read_all(d)?),
            affiliates: narrow(read_all(d)?),
            offers: narrow(read_all(d)?),
            terms: read_all(d)?
                .into_iter()
                .map(|(key, terms)| (((key >> 32) as u32, key as u32), terms))
                .collect(),
            campaigns: narrow(read_all(d)?),
            domains: narrow(read_all(d)?),
            api_keys: narrow(read_all(d)?),
            tenants: narrow(read_all(d)?),
        })
    }
}

fn write_all<K: Copy + Into<u64>, T: Serialize>(
    e: &mut Encoder<'_>,
    entities: &BTreeMap<K, Arc<Versioned<T>>>,
) {
    e.varint(entities.len() as u64);
    for (key, entity) in entities {
        e.varint((*key).into());
        // Entities came from JSON, so they go to JSON.
        e.bytes(&serde_json::to_vec(entity.as_ref()).unwrap_or_default());
    }
}

fn read_all<T: DeserializeOwned>(
    d: &mut Decoder<'_>,
) -> Result<BTreeMap<u64, Arc<Versioned<T>>>, Malformed> {
    let count = d.varint()?;
    let mut entities = BTreeMap::new();
    for _ in 0..count {
        let key = d.varint()?;
        let entity = serde_json::from_slice(d.bytes()?).map_err(|_| Malformed("entity"))?;
        entities.insert(key, Arc::new(entity));
    }
    Ok(entities)
}

fn narrow<T>(entities: BTreeMap<u64, T>) -> BTreeMap<u32, T> {
    entities
        .into_iter()
        .map(|(key, entity)| (key as u32, entity))
        .collect()
}
