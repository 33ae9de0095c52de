//! What a new snapshot keeps of the one before.

mod router;

use std::sync::Arc;

use router::{Router, TENANT, aff, arms};
use serde_json::{Value, json};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::ids::UnixMs;
use weir_engine::routing::{Silent, TenantSnapshot};

fn change(router: &mut Router, kind: EntityKind, number: u32, version: u32, body: Value) {
    let change = Change {
        key: EntityKey::one(kind, number),
        version,
        by: "test".to_owned(),
        body,
    };
    router.catalog.apply(&change, UnixMs(1)).unwrap();
}

fn compile(router: &Router, before: Option<&TenantSnapshot>) -> TenantSnapshot {
    let catalog = Arc::new(router.catalog.clone());
    TenantSnapshot::compile(TENANT, catalog, Arc::clone(&router.gates), before)
}

#[test]
fn a_change_of_one_offer_keeps_the_others_as_they_were_compiled() {
    let offers: Vec<(u32, Value)> = (10..30).map(|n| (n, json!({}))).collect();
    let mut router = Router::new(&offers, json!({"arms": arms(&[10])}));
    let before = compile(&router, None);
    let mut body = router::offer(json!({"name": "New"}));
    body["status"] = json!("paused");
    change(&mut router, EntityKind::Offer, 15, 2, body);
    let after = compile(&router, Some(&before));
    for number in 10..30 {
        let is_kept = Arc::ptr_eq(before.offer(number).unwrap(), after.offer(number).unwrap());
        assert_eq!(is_kept, number != 15, "{number}");
    }
    assert_eq!(&*after.offer(15).unwrap().name, "New");
    assert!(after.config_version() > before.config_version());
}

#[test]
fn a_new_zone_of_the_tenant_moves_the_schedules_that_name_none() {
    let evening = json!({"targeting": {"schedule": {"hours": {"fri": [9]}}}});
    let mut router = Router::new(&[(10, evening)], json!({"arms": arms(&[10])}));
    // The click is on Friday, 2027-01-15 at 08:00 UTC.
    assert_eq!(
        router.click(&aff(2)),
        "fallback targeting https://tenant.example/"
    );
    let before = compile(&router, None);
    let berlin = json!({"name": "T", "currency": "USD", "timezone": "Europe/Berlin"});
    change(&mut router, EntityKind::Tenant, 0, 2, berlin);
    let after = compile(&router, Some(&before));
    assert!(!Arc::ptr_eq(
        before.offer(10).unwrap(),
        after.offer(10).unwrap()
    ));
    let (said, ..) = router.decide(&aff(2), true, 0, &mut Silent);
    assert!(said.starts_with("redirected"), "{said}");
}
