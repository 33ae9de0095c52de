//! Entities.

use super::owner::{Owner, TENANT, hour, neighbour};
use crate::catalog::{Change, EntityKey, EntityKind};
use crate::ids::TenantId;
use crate::ports::{CatalogStore, EntityRow, LedgerStore};

/// Entities come in order of tenant, kind and number, each as of its latest change.
pub async fn entities_come_in_order_and_as_of_their_latest_change<S: CatalogStore + LedgerStore>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    let terms = EntityKey {
        kind: EntityKind::Terms,
        number: 9,
        second: 4,
    };
    let offer = |number| EntityKey::one(EntityKind::Offer, number);
    let mut put = |tenant: TenantId, key, version| {
        let position = owner.next(hour(u64::from(version)));
        let row = EntityRow {
            tenant,
            position,
            created_at: hour(1),
            updated_at: hour(u64::from(version)),
            change: Change {
                key,
                version,
                by: format!("key_{version}"),
                body: serde_json::json!({"name": "Überraschung", "caps": [1, 2.5, null], "version": version}),
            },
        };
        owner.window().entities.push(row.clone());
        row
    };
    let other = put(neighbour(), offer(1), 1);
    let terms = put(TENANT, terms, 1);
    let ninth = put(TENANT, offer(9), 1);
    let second = put(TENANT, offer(2), 1);
    owner.commit(store).await;
    let all = store.entities().await.expect("read");
    assert_eq!(
        all,
        [second.clone(), ninth.clone(), terms.clone(), other.clone()]
    );

    let mut changed = second.clone();
    changed.position = owner.next(hour(5));
    changed.updated_at = hour(5);
    changed.change.version = 2;
    owner.window().entities.push(changed.clone());
    owner.commit(store).await;
    assert_eq!(
        store.entities().await.expect("read"),
        [changed.clone(), ninth, terms.clone(), other]
    );
    let of = async |key| store.entity(TENANT, key).await.expect("read");
    assert_eq!(of(offer(2)).await, Some(changed));
    assert_eq!(of(terms.change.key).await, Some(terms));
    assert_eq!(of(offer(3)).await, None);
}
