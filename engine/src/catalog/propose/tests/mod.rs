//! A tenant with an advertiser, two affiliates, three offers and a domain, and what clients ask of it.

mod campaigns;
mod laws;
mod offers;
mod people;
mod refused;
mod refused_campaigns;

use serde_json::{Value, json};

use super::*;
use crate::ids::{
    AdvertiserId, AffiliateId, ApiKeyId, CampaignId, DomainId, GoalId, OfferId, UnixMs,
};

/// A catalog and the one who writes it.
pub(super) struct Desk {
    pub(super) catalog: Catalog,
    pub(super) tenant: TenantId,
    draw: u64,
}

impl Desk {
    pub(super) fn empty(tenant: u32) -> Self {
        Self {
            catalog: Catalog::default(),
            tenant: TenantId(tenant),
            draw: 1,
        }
    }

    /// Numbers: 1 advertiser, 2 and 3 affiliates, 4, 7 and 10 offers (with their link campaigns), 13 domain.
    pub(super) fn furnished() -> Self {
        let mut desk = Self::empty(7);
        let settings = json!({"name":"Acme","currency":"EUR","timezone":"Europe/Berlin"});
        desk.create(EntityKind::Tenant, settings);
        let advertiser = desk.create(EntityKind::Advertiser, json!({"name":"Shop"}));
        for name in ["Ann", "Bob"] {
            let draft = json!({"name":name,"status":"approved"});
            desk.create(EntityKind::Affiliate, draft);
        }
        for name in ["Red", "Green", "Blue"] {
            let draft = json!({
                "name":name, "advertiser_id":desk.id(advertiser), "currency":"USD",
                "url":format!("https://shop.example/{name}?cid={{click_id}}"),
            });
            desk.create(EntityKind::Offer, draft);
        }
        desk.create(EntityKind::Domain, json!({"host":"go.acme.example"}));
        desk
    }

    pub(super) fn id(&self, key: EntityKey) -> String {
        key.public_id(self.tenant)
    }

    pub(super) fn offer(&self, number: u32) -> String {
        OfferId::new(self.tenant, number).to_string()
    }

    pub(super) fn ask(&self, target: Target, draft: Draft) -> Result<Vec<Change>, Refusal> {
        let by = "key_1".to_owned();
        let proposal = Proposal { by, target, draft };
        propose(&self.catalog, self.tenant, &proposal, self.draw)
    }

    /// Asks, and writes what is accepted.
    pub(super) fn write(&mut self, target: Target, draft: Draft) -> Result<Vec<Change>, Refusal> {
        let changes = self.ask(target, draft)?;
        for change in &changes {
            let applied = self.catalog.apply(change, UnixMs(self.draw));
            applied.expect("an accepted change is readable");
        }
        self.draw += 1;
        Ok(changes)
    }

    pub(super) fn try_create(
        &mut self,
        kind: EntityKind,
        json: Value,
    ) -> Result<EntityKey, Refusal> {
        let draft = draft_of(kind, json).map_err(Refusal::Invalid)?;
        self.write(Target::Create, draft)
            .map(|changes| changes[0].key)
    }

    pub(super) fn create(&mut self, kind: EntityKind, json: Value) -> EntityKey {
        self.try_create(kind, json.clone())
            .unwrap_or_else(|refusal| panic!("{json}: {refusal:?}"))
    }

    pub(super) fn patch(&mut self, key: EntityKey, patch: Value) -> Result<Vec<Change>, Refusal> {
        let target = Target::Update {
            key,
            expected: None,
        };
        self.write(target, Draft::Patch(patch))
    }

    pub(super) fn put_terms(
        &mut self,
        offer: u32,
        affiliate: u32,
        json: Value,
    ) -> Result<Vec<Change>, Refusal> {
        let draft = parse_draft(json).map_err(Refusal::Invalid)?;
        self.write(terms_of(offer, affiliate), Draft::Terms(draft))
    }
}

pub(super) fn terms_of(offer: u32, affiliate: u32) -> Target {
    let key = EntityKey {
        kind: EntityKind::Terms,
        number: offer,
        second: affiliate,
    };
    Target::Update {
        key,
        expected: None,
    }
}

/// A whole draft from JSON, as a POST brings it; an API key gets a secret.
pub(super) fn draft_of(kind: EntityKind, json: Value) -> Result<Draft, Vec<FieldError>> {
    Ok(match kind {
        EntityKind::Tenant => Draft::Tenant(parse_draft(json)?),
        EntityKind::Advertiser => Draft::Advertiser(parse_draft(json)?),
        EntityKind::Affiliate => Draft::Affiliate(parse_draft(json)?),
        EntityKind::Offer => Draft::Offer(parse_draft(json)?),
        EntityKind::Terms => Draft::Terms(parse_draft(json)?),
        EntityKind::Campaign => Draft::Campaign(parse_draft(json)?),
        EntityKind::Domain => Draft::Domain(parse_draft(json)?),
        EntityKind::ApiKey => {
            let mut draft: ApiKeyDraft = parse_draft(json)?;
            draft.hash = Some(KeyHash {
                prefix: "wk_ab12".to_owned(),
                sha256: "0123456789abcdef".repeat(4),
            });
            Draft::ApiKey(draft)
        }
    })
}

/// The fields and codes of a refusal.
pub(super) fn faults(refusal: &Refusal) -> Vec<(String, &'static str)> {
    let Refusal::Invalid(errors) = refusal else {
        panic!("not about fields: {refusal:?}");
    };
    errors.iter().map(|e| (e.field.clone(), e.code)).collect()
}

#[test]
fn a_public_id_is_read_back_as_its_key_in_its_own_tenant_only() {
    let tenant = TenantId(7);
    let keys = EntityKind::ALL.iter().map(|&kind| EntityKey {
        kind,
        number: if kind == EntityKind::Tenant { 0 } else { 5 },
        second: if kind == EntityKind::Terms { 6 } else { 0 },
    });
    for key in keys {
        let id = key.public_id(tenant);
        assert_eq!(
            EntityKey::of_public_id(key.kind, &id, tenant),
            Some(key),
            "{id}"
        );
        assert_eq!(
            EntityKey::of_public_id(key.kind, &id, TenantId(8)),
            None,
            "{id}"
        );
    }
    let made = EntityKey::one(EntityKind::Tenant, 7);
    let installation = TenantId(0);
    assert_eq!(made.public_id(installation), tenant.to_string());
    let read = EntityKey::of_public_id(EntityKind::Tenant, &tenant.to_string(), installation);
    assert_eq!(read, Some(made));
    assert_eq!(
        EntityKey::of_public_id(EntityKind::Offer, "aff_1", tenant),
        None
    );
}
