//! Tenants, advertisers, affiliates, domains and keys; and who may ask for what.

use super::*;

#[test]
fn a_version_that_the_client_did_not_read_is_named() {
    let mut desk = Desk::furnished();
    let key = EntityKey::one(EntityKind::Affiliate, 2);
    let rename = || Draft::Patch(json!({"name":"Anna"}));
    let stale = Target::Update {
        key,
        expected: Some(2),
    };
    assert_eq!(
        desk.write(stale, rename()),
        Err(Refusal::VersionMismatch { current: 1 })
    );
    let fresh = Target::Update {
        key,
        expected: Some(1),
    };
    assert_eq!(desk.write(fresh, rename()).unwrap()[0].version, 2);
    assert_eq!(
        desk.write(fresh, rename()),
        Err(Refusal::VersionMismatch { current: 2 })
    );
    let absent = Target::Update {
        key: EntityKey::one(EntityKind::Affiliate, 99),
        expected: None,
    };
    assert_eq!(desk.write(absent, rename()), Err(Refusal::NotFound));
}

#[test]
fn a_whole_draft_replaces_and_must_be_of_the_entitys_kind() {
    let mut desk = Desk::furnished();
    let key = EntityKey::one(EntityKind::Affiliate, 2);
    let target = Target::Update {
        key,
        expected: None,
    };
    let draft = draft_of(
        EntityKind::Affiliate,
        json!({"name":"Ann","status":"banned"}),
    )
    .unwrap();
    assert_eq!(desk.write(target, draft.clone()).unwrap()[0].version, 2);
    assert_eq!(desk.write(target, draft), Ok(vec![]), "nothing changes");
    let other = draft_of(EntityKind::Advertiser, json!({"name":"Ann"})).unwrap();
    let refusal = desk.write(target, other).unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::NOT_APPLICABLE)]);
    for draft in [
        Draft::Archive,
        Draft::Patch(json!({})),
        Draft::RotateToken {
            overlap_until: UnixMs(1),
        },
        draft_of(EntityKind::Terms, json!({"status":"approved"})).unwrap(),
    ] {
        let refusal = desk.write(Target::Create, draft).unwrap_err();
        assert_eq!(faults(&refusal), [(String::new(), code::NOT_APPLICABLE)]);
    }
}

#[test]
fn a_rotated_token_counts_on_and_survives_an_edit() {
    let mut desk = Desk::furnished();
    let key = EntityKey::one(EntityKind::Advertiser, 1);
    let target = Target::Update {
        key,
        expected: None,
    };
    let overlap_until = UnixMs(5_000);
    desk.write(target, Draft::RotateToken { overlap_until })
        .unwrap();
    desk.patch(
        key,
        json!({"postback_auth":"ip","postback_ips":["203.0.113.0/24"]}),
    )
    .unwrap();
    let advertiser = &desk.catalog.advertisers[&1];
    assert_eq!(advertiser.version, 3);
    assert_eq!(advertiser.body.token_version, 2);
    assert_eq!(advertiser.body.previous_token_until, Some(overlap_until));
    let other = EntityKey::one(EntityKind::Affiliate, 2);
    let target = Target::Update {
        key: other,
        expected: None,
    };
    assert!(
        desk.write(target, Draft::RotateToken { overlap_until })
            .is_err()
    );
}

#[test]
fn a_tenant_has_one_set_of_settings() {
    let mut desk = Desk::furnished();
    let settings = json!({"name":"A","currency":"EUR","timezone":"UTC"});
    let again = desk.try_create(EntityKind::Tenant, settings);
    assert!(matches!(again, Err(Refusal::Conflict { .. })), "{again:?}");
    let own = EntityKey::one(EntityKind::Tenant, 0);
    desk.patch(
        own,
        json!({"uniqueness_capacity":1_000,"fallback_url":"https://a.example"}),
    )
    .unwrap();
    let tenant = desk.catalog.tenant.as_ref().unwrap();
    assert_eq!(
        (tenant.version, tenant.body.uniqueness_capacity),
        (2, 1_000)
    );
    assert_eq!(
        tenant.body.fallback_url.as_deref(),
        Some("https://a.example/")
    );
}

#[test]
fn only_the_installation_makes_tenants() {
    let settings = json!({"name":"A","currency":"EUR","timezone":"UTC"});
    let new = || Draft::NewTenant(parse_draft(settings.clone()).unwrap());
    let refusal = Desk::furnished().write(Target::Create, new()).unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::NOT_APPLICABLE)]);

    let mut installation = Desk::empty(0);
    installation.create(EntityKind::Tenant, settings.clone());
    installation.create(
        EntityKind::ApiKey,
        json!({"name":"operator","scopes":["*"]}),
    );
    for number in [1, 2] {
        let made = installation.write(Target::Create, new()).unwrap();
        assert_eq!(made[0].key, EntityKey::one(EntityKind::Tenant, number));
    }
    assert_eq!(installation.catalog.tenants.len(), 2);
    assert_eq!(
        installation.catalog.last_number, 1,
        "tenants are numbered apart"
    );
    let second = EntityKey::one(EntityKind::Tenant, 2);
    let target = Target::Update {
        key: second,
        expected: Some(1),
    };
    installation.write(target, Draft::Archive).unwrap();
    assert_eq!(
        installation.catalog.tenants[&2].body.status.as_str(),
        "archived"
    );
    assert_eq!(installation.catalog.tenant.as_ref().unwrap().version, 1);
}

#[test]
fn the_numbers_of_tenants_end_at_24_bits() {
    let mut installation = Desk::empty(0);
    let settings = json!({"name":"A","currency":"EUR","timezone":"UTC"});
    let new = || Draft::NewTenant(parse_draft(settings.clone()).unwrap());
    let mut last = installation.ask(Target::Create, new()).unwrap().remove(0);
    last.key.number = 0xff_fffe;
    installation.catalog.apply(&last, UnixMs(1)).unwrap();
    let made = installation.write(Target::Create, new()).unwrap();
    assert_eq!(
        made[0].key.public_id(installation.tenant),
        TenantId(0xff_ffff).to_string()
    );
    let refusal = installation.write(Target::Create, new()).unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::EXHAUSTED)]);
}

#[test]
fn a_host_belongs_to_one_domain() {
    let mut desk = Desk::furnished();
    let taken = desk.try_create(EntityKind::Domain, json!({"host":"GO.acme.example"}));
    assert!(
        matches!(taken, Err(Refusal::Conflict { field: "host", .. })),
        "{taken:?}"
    );
    let key = EntityKey::one(EntityKind::Domain, 13);
    assert_eq!(
        desk.patch(key, json!({"host":"GO.ACME.example"})),
        Ok(vec![])
    );
}

#[test]
fn a_revoked_key_stays_revoked_and_an_edit_keeps_the_secret() {
    let mut desk = Desk::furnished();
    let key = desk.create(EntityKind::ApiKey, json!({"name":"bot","scopes":["track"]}));
    assert_eq!(
        desk.id(key),
        ApiKeyId::new(desk.tenant, key.number).to_string()
    );
    let hash = desk.catalog.api_keys[&key.number].body.sha256.clone();
    desk.patch(key, json!({"scopes":["track","reports:read"]}))
        .unwrap();
    assert_eq!(desk.catalog.api_keys[&key.number].body.sha256, hash);
    desk.write(
        Target::Update {
            key,
            expected: None,
        },
        Draft::Archive,
    )
    .unwrap();
    desk.patch(key, json!({"name":"old bot"})).unwrap();
    assert_eq!(
        desk.catalog.api_keys[&key.number].body.status.as_str(),
        "archived"
    );
    assert!(desk.patch(key, json!({"status":"active"})).is_err());
    let draft: ApiKeyDraft = parse_draft(json!({"name":"x","scopes":["*"]})).unwrap();
    let refusal = desk
        .write(Target::Create, Draft::ApiKey(draft))
        .unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::REQUIRED)]);
}

#[test]
fn ids_name_what_was_made() {
    let desk = Desk::furnished();
    let affiliate = EntityKey::one(EntityKind::Affiliate, 2);
    assert_eq!(
        desk.id(affiliate),
        AffiliateId::new(desk.tenant, 2).to_string()
    );
    let campaign = EntityKey::one(EntityKind::Campaign, 5);
    assert_eq!(
        desk.id(campaign),
        CampaignId::new(desk.tenant, 5).to_string()
    );
    assert!(desk.catalog.campaigns.contains_key(&5) && desk.catalog.domains.contains_key(&13));
}
