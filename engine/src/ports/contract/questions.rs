//! Balances, lists of conversions, histories, verdicts, the watermark.

use super::commits::OWNED;
use super::owner::{BEGIN, Owner, Sale, TENANT, hour};
use crate::fact::ConversionStatus::{Approved, Pending, Rejected};
use crate::ids::{Position, partition_of};
use crate::judge::{Conversion, ConversionReason};
use crate::ledger::AccountKind;
use crate::ports::{ConversionFilter, LedgerStore, ReportStore};

/// What is owed to an affiliate, and by an advertiser, is positive and moves with each change of status.
pub async fn balances_are_the_sums_of_entries<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    let kept = owner.convert(Sale::default());
    let dropped = owner.convert(Sale {
        status: Pending,
        payout: 500,
        ..Sale::default()
    });
    owner.convert(Sale {
        affiliate: None,
        payout: 7,
        ..Sale::default()
    });
    owner.convert(Sale {
        is_test: true,
        ..Sale::default()
    });
    owner.commit(store).await;
    owner.change(&dropped, hour(1), Rejected);
    owner.change(&kept, hour(1), Rejected);
    let back = Conversion {
        status: Rejected,
        ..kept
    };
    owner.change(&back, hour(2), Approved);
    owner.commit(store).await;
    let of = async |accounts: &'static [AccountKind], owner| -> Vec<(AccountKind, i64)> {
        let all = store.balances(TENANT, accounts, owner).await.expect("read");
        all.iter()
            .filter(|b| b.amount.0 != 0)
            .map(|b| (b.account, b.amount.0))
            .collect()
    };
    assert_eq!(of(OWNED, 5).await, [(AccountKind::AffPayable, 2_000_000)]);
    assert_eq!(
        of(OWNED, 30).await,
        [(AccountKind::AdvReceivable, 4_000_014)]
    );
    assert_eq!(of(&[AccountKind::AffPending], 5).await, []);
    assert_eq!(of(OWNED, 6).await, []);
    const OWN: &[AccountKind] = &[AccountKind::TenantRevenue, AccountKind::CommissionExpense];
    assert_eq!(
        of(OWN, 0).await,
        [
            (AccountKind::TenantRevenue, 4_000_014),
            (AccountKind::CommissionExpense, 2_000_000)
        ]
    );
}

async fn seqs(store: &impl ReportStore, filter: ConversionFilter) -> Vec<u64> {
    let found = store.conversions(TENANT, filter).await.expect("read");
    found.iter().map(|c| c.position.seq).collect()
}

/// Newest first; a page after a place holds those that come next, one before it those that come just before.
pub async fn conversions_are_listed_newest_first_and_paged_both_ways<
    S: LedgerStore + ReportStore,
>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    for _ in 0..7 {
        owner.convert(Sale::default());
    }
    owner.commit(store).await;
    let place = |seq| {
        Some(Position {
            partition: partition_of(TENANT),
            seq,
        })
    };
    let page = |after, before, limit| ConversionFilter {
        after,
        before,
        limit,
        ..ConversionFilter::default()
    };
    assert_eq!(seqs(store, page(None, None, 3)).await, [6, 5, 4]);
    assert_eq!(seqs(store, page(place(4), None, 3)).await, [3, 2, 1]);
    assert_eq!(seqs(store, page(place(1), None, 3)).await, [0]);
    assert_eq!(seqs(store, page(None, place(1), 3)).await, [4, 3, 2]);
    assert_eq!(seqs(store, page(None, place(5), 3)).await, [6]);
    assert_eq!(seqs(store, page(place(6), place(2), 9)).await, [5, 4, 3]);
}

/// Each filter alone, and two together.
pub async fn each_filter_of_conversions_keeps_what_it_says<S: LedgerStore + ReportStore>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    let first = owner.convert(Sale {
        at: hour(1),
        ..Sale::default()
    });
    owner.convert(Sale {
        at: hour(2),
        offer: 4,
        status: Pending,
        ..Sale::default()
    });
    owner.convert(Sale {
        at: hour(3),
        affiliate: Some(6),
        status: Rejected,
        ..Sale::default()
    });
    owner.convert(Sale {
        at: hour(4),
        affiliate: None,
        ..Sale::default()
    });
    let mut untold = owner.window().conversions[3].clone();
    untold.txid.clear();
    untold.campaign = 2;
    owner.window().conversions[3] = untold;
    owner.commit(store).await;
    type Set = fn(&mut ConversionFilter, &Conversion);
    let cases: [(Set, &[u64]); 10] = [
        (|f, first| f.click_id = Some(first.click_id), &[0]),
        (|f, first| f.txid = Some(first.txid.clone()), &[0]),
        (|f, _| f.txid = Some(String::new()), &[]),
        (|f, _| f.statuses = vec![Pending, Rejected], &[2, 1]),
        (|f, _| f.affiliate = Some(5), &[1, 0]),
        (|f, _| f.offer = Some(4), &[1]),
        (|f, _| f.campaign = Some(1), &[2, 1, 0]),
        (|f, _| f.reason = Some(ConversionReason::OverCap), &[2]),
        (
            |f, _| (f.from, f.to) = (Some(hour(2)), Some(hour(4))),
            &[2, 1],
        ),
        (
            |f, _| (f.affiliate, f.statuses) = (Some(5), vec![Approved]),
            &[0],
        ),
    ];
    for (set, expect) in cases {
        let mut filter = ConversionFilter {
            limit: 100,
            ..ConversionFilter::default()
        };
        set(&mut filter, &first);
        assert_eq!(seqs(store, filter.clone()).await, expect, "{filter:?}");
    }
}

/// Postbacks, changes and entries of one conversion, in order, and of no other.
pub async fn a_conversion_has_its_whole_history<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    let made = owner.convert(Sale {
        status: Pending,
        ..Sale::default()
    });
    owner.convert(Sale::default());
    let repeat = owner.repeat(&made, hour(1));
    let approved = owner.change(&made, hour(2), Approved);
    owner.commit(store).await;
    let rejected = owner.change(&approved, hour(3), Rejected);
    owner.commit(store).await;
    let history = store
        .conversion_history(TENANT, made.id)
        .await
        .expect("read");
    let history = history.expect("found");
    assert_eq!(history.conversion, rejected);
    assert_eq!(history.verdicts.len(), 2);
    assert_eq!(history.verdicts[1], repeat);
    let steps: Vec<_> = history
        .changes
        .iter()
        .map(|c| (c.from, c.to, c.note.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            (Pending, Approved, "as agreed"),
            (Approved, Rejected, "as agreed")
        ]
    );
    let places: Vec<u64> = history.transfers.iter().map(|t| t.position.seq).collect();
    assert_eq!(places, [0, 0, 3, 3, 4, 4]);
    assert!(history.transfers.iter().all(|t| t.conversion_id == made.id));
}

/// A verdict is found by the id of what was received, once committed.
pub async fn the_answer_to_a_postback_is_found_by_its_id<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    let made = owner.convert(Sale::default());
    let repeat = owner.repeat(&made, hour(1));
    let find = |id| store.verdict(TENANT, id);
    assert_eq!(find(repeat.received_id).await.expect("read"), None);
    owner.commit(store).await;
    assert_eq!(find(repeat.received_id).await.expect("read"), Some(repeat));
    assert_eq!(find(made.click_id).await.expect("read"), None);
}

/// Offsets of all partitions and the time of the newest fact, which never goes back.
pub async fn the_watermark_tells_offsets_and_the_newest_fact<S: LedgerStore + ReportStore>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    owner.click(hour(5), 3, None, false);
    owner.commit(store).await;
    owner.click(BEGIN, 3, None, false);
    owner.commit(store).await;
    let watermark = store.watermark().await.expect("read");
    assert_eq!(watermark.offsets, [(partition_of(TENANT), 2)]);
    assert_eq!(watermark.at, hour(5));
}
