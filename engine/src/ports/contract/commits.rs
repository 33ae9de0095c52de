//! Commits: fencing, all or nothing, sums and rows.

use super::owner::{Owner, Sale, TENANT, hour, other_partition};
use crate::fact::ConversionStatus;
use crate::ids::{Position, partition_of};
use crate::ledger::AccountKind;
use crate::ports::{
    Advance, Balance, Commit, ConversionFilter, LedgerStore, PartitionState, ReportStore,
    StoreError,
};

/// All accounts that have an owner.
pub(super) const OWNED: &[AccountKind] = &[
    AccountKind::AdvPending,
    AccountKind::AdvReceivable,
    AccountKind::AffPending,
    AccountKind::AffPayable,
];

/// A partition that nobody has owned begins at fact 0; each claim gives a later epoch, and others keep theirs.
pub async fn a_new_partition_begins_at_zero_and_each_claim_has_a_later_epoch(
    store: &impl LedgerStore,
) {
    assert_eq!(store.offsets().await.expect("read"), []);
    let first = store.claim(&[3, 1]).await.expect("claimed");
    let second = store.claim(&[1]).await.expect("claimed");
    assert_eq!(
        first.iter().map(|s| s.next_offset).collect::<Vec<_>>(),
        [0, 0]
    );
    let epoch_of = |states: &[PartitionState], partition| {
        let state = states.iter().find(|s| s.partition == partition);
        state.expect("claimed").epoch
    };
    assert!(epoch_of(&second, 1) > epoch_of(&first, 1));
    let now = store.offsets().await.expect("read");
    assert_eq!(now.iter().map(|s| s.partition).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(epoch_of(&now, 3), epoch_of(&first, 3));
    assert_eq!(epoch_of(&now, 1), epoch_of(&second, 1));
}

async fn is_fenced(store: &impl LedgerStore, commit: Commit, partition: u16) -> Commit {
    let (error, back) = store.commit(commit).await.expect_err("must be fenced");
    match error {
        StoreError::Fenced { partition: named } => assert_eq!(named, partition),
        other => panic!("fenced was expected, not {other:?}"),
    }
    back
}

async fn count(store: &impl ReportStore) -> usize {
    let all = ConversionFilter {
        limit: 1_000,
        ..ConversionFilter::default()
    };
    store.conversions(TENANT, all).await.expect("read").len()
}

/// After a claim by another owner, the earlier one's commits change nothing; the new one goes on.
pub async fn an_owner_that_was_replaced_writes_nothing<S: LedgerStore + ReportStore>(store: &S) {
    let mut old = Owner::claim(store, TENANT).await;
    old.convert(Sale::default());
    old.commit(store).await;
    let mut new = Owner::claim(store, TENANT).await;
    old.convert(Sale::default());
    is_fenced(store, old.take_window(), partition_of(TENANT)).await;
    assert_eq!(count(store).await, 1);
    new.convert(Sale::default());
    new.commit(store).await;
    assert_eq!(count(store).await, 2);
}

/// The same commit again changes nothing: its facts are passed.
pub async fn a_window_is_never_added_twice<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    owner.convert(Sale::default());
    let window = owner.take_window();
    store
        .commit(window.clone())
        .await
        .map_err(|(e, _)| e)
        .expect("committed");
    let before = store.balances(TENANT, OWNED, 5).await.expect("read");
    // Refused, or known to be there: whoever did not hear of the first commit may ask again.
    match store.commit(window).await {
        Ok(()) | Err((StoreError::Fenced { .. }, _)) => {}
        Err((error, _)) => panic!("{error}"),
    }
    assert_eq!(
        store.balances(TENANT, OWNED, 5).await.expect("read"),
        before
    );
    assert_eq!(store.offsets().await.expect("read")[0].next_offset, 1);
}

/// A commit that does not begin where the store stands changes nothing.
pub async fn a_window_that_skips_facts_is_refused<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    owner.convert(Sale::default());
    let skipped = owner.take_window();
    owner.convert(Sale::default());
    is_fenced(store, owner.take_window(), partition_of(TENANT)).await;
    assert_eq!(count(store).await, 0);
    store
        .commit(skipped)
        .await
        .map_err(|(e, _)| e)
        .expect("committed");
    assert_eq!(count(store).await, 1);
}

/// When one of two partitions was taken over, neither goes on.
pub async fn a_commit_of_two_partitions_is_all_or_nothing<S: LedgerStore + ReportStore>(store: &S) {
    let other = other_partition();
    let mut owner = Owner::claim(store, TENANT).await;
    let claimed = store.claim(&[other]).await.expect("claimed");
    owner.convert(Sale::default());
    let step = |epoch| Advance {
        partition: other,
        from: 0,
        to: 9,
        epoch,
        refold_from: None,
    };
    let mut window = owner.take_window();
    window.advances.push(step(claimed[0].epoch + 1));
    let mut back = is_fenced(store, window, other).await;
    assert_eq!(count(store).await, 0);
    let offsets = store.offsets().await.expect("read");
    assert!(offsets.iter().all(|state| state.next_offset == 0));
    back.advances[1] = step(claimed[0].epoch);
    store
        .commit(back)
        .await
        .map_err(|(e, _)| e)
        .expect("committed");
    let offsets = store.offsets().await.expect("read");
    let of = |partition| {
        offsets
            .iter()
            .find(|s| s.partition == partition)
            .map(|s| s.next_offset)
    };
    assert_eq!((of(partition_of(TENANT)), of(other)), (Some(1), Some(9)));
}

/// What comes back of a refused commit is what was given.
pub async fn a_refused_commit_comes_back_as_it_was(store: &impl LedgerStore) {
    let mut owner = Owner::claim(store, TENANT).await;
    let made = owner.convert(Sale::default());
    owner.change(&made, hour(1), ConversionStatus::Rejected);
    owner.click(hour(2), 3, None, false);
    let window = owner.take_window();
    store.claim(&[partition_of(TENANT)]).await.expect("claimed");
    let back = is_fenced(store, window.clone(), partition_of(TENANT)).await;
    assert_eq!(format!("{back:?}"), format!("{window:?}"));
}

/// Conversions stand as written last; balances are sums over windows.
pub async fn sums_are_added_and_rows_stand_as_written_last<S: LedgerStore + ReportStore>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    let pending = Sale {
        status: ConversionStatus::Pending,
        ..Sale::default()
    };
    let first = owner.convert(pending);
    owner.convert(pending);
    owner.commit(store).await;
    let payable = |balances: &[Balance]| {
        let of = |kind| {
            balances
                .iter()
                .find(|b| b.account == kind)
                .map_or(0, |b| b.amount.0)
        };
        (of(AccountKind::AffPending), of(AccountKind::AffPayable))
    };
    let balances = store.balances(TENANT, OWNED, 5).await.expect("read");
    assert_eq!(payable(&balances), (4_000_000, 0));
    let approved = owner.change(&first, hour(1), ConversionStatus::Approved);
    owner.commit(store).await;
    let balances = store.balances(TENANT, OWNED, 5).await.expect("read");
    assert_eq!(payable(&balances), (2_000_000, 2_000_000));
    let stored = store.conversion(TENANT, first.id).await.expect("read");
    assert_eq!(stored, Some(approved));
    assert_eq!(count(store).await, 2);
    assert_eq!(
        first.position,
        Position {
            seq: 0,
            ..first.position
        }
    );
}
