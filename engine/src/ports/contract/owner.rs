//! An owner of a partition that makes windows of consistent rows.

use crate::caps::Place;
use crate::click_id::{ClickId, ClickKey, Parts};
use crate::fact::{ClickCore, ClickOutcome, ClickReason, ConversionStatus, Sent};
use crate::ids::{ConversionId, PARTITIONS, Position, TenantId, UnixMs, partition_of};
use crate::judge::{Conversion, ConversionReason, Identity, Outcome, Rule, Verdict};
use crate::ledger::{Booking, transfers};
use crate::money::{Currency, Micros};
use crate::ports::{Advance, Commit, LedgerStore, PartitionState, StatusRow, VerdictRow};
use crate::rollup;

/// 2026-03-01T00:00:00Z, where the suite's time begins.
pub(super) const BEGIN: UnixMs = UnixMs(1_772_323_200_000);

/// A tenant of the suite.
pub(super) const TENANT: TenantId = TenantId(7);

/// A second tenant whose facts lie in the same partition as those of [`TENANT`].
pub(super) fn neighbour() -> TenantId {
    (TENANT.0 + 1..)
        .map(TenantId)
        .find(|other| partition_of(*other) == partition_of(TENANT))
        .unwrap_or(TENANT)
}

/// A partition that is not the one of [`TENANT`].
pub(super) fn other_partition() -> u16 {
    (partition_of(TENANT) + 1) % PARTITIONS
}

/// `hours` after [`BEGIN`].
pub(super) fn hour(hours: u64) -> UnixMs {
    UnixMs(BEGIN.0 + hours * 3_600_000)
}

/// What a conversion of the suite is about.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// When the click was.
    pub clicked_at: UnixMs,
    /// When the conversion was, and was booked.
    pub at: UnixMs,
    /// How it was booked.
    pub status: ConversionStatus,
    /// Offer, and ten times its number the advertiser's.
    pub offer: u32,
    /// Affiliate; `None` = house.
    pub affiliate: Option<u32>,
    /// Goal; `None` = base.
    pub goal: Option<u32>,
    /// Payout in micros; the revenue is twice as much.
    pub payout: i64,
    /// Whether it took its identity.
    pub takes_identity: bool,
    /// Whether it is a test.
    pub is_test: bool,
}

impl Default for Sale {
    fn default() -> Self {
        Self {
            clicked_at: BEGIN,
            at: BEGIN,
            status: ConversionStatus::Approved,
            offer: 3,
            affiliate: Some(5),
            goal: None,
            payout: 2_000_000,
            takes_identity: true,
            is_test: false,
        }
    }
}

/// An owner of a tenant's partition; collects a window, then hands it over as a commit.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Whose facts it makes.
    pub tenant: TenantId,
    state: PartitionState,
    seq: u64,
    window: Commit,
}

impl Owner {
    /// Takes over the partition of `tenant`.
    pub async fn claim(store: &(impl LedgerStore + ?Sized), tenant: TenantId) -> Self {
        let partition = partition_of(tenant);
        let states = store.claim(&[partition]).await.expect("claimed");
        let state = states[0];
        Self {
            tenant,
            state,
            seq: state.next_offset,
            window: Commit::default(),
        }
    }

    /// The same owner speaking for another tenant of the same partition.
    #[must_use]
    pub fn speaking_for(mut self, tenant: TenantId) -> Self {
        assert_eq!(partition_of(tenant), self.state.partition);
        self.tenant = tenant;
        self
    }

    /// The place of the next fact, made at `at`.
    pub(super) fn next(&mut self, at: UnixMs) -> Position {
        let position = Position {
            partition: self.state.partition,
            seq: self.seq,
        };
        self.seq += 1;
        self.window.newest_at = self.window.newest_at.max(at);
        position
    }

    /// Rows of the window beside those of facts.
    pub(super) fn window(&mut self) -> &mut Commit {
        &mut self.window
    }

    /// A unique click on an offer.
    pub fn click(&mut self, at: UnixMs, offer: u32, affiliate: Option<u32>, is_test: bool) {
        let position = self.next(at);
        let click = ClickCore {
            tenant: self.tenant,
            at,
            click_id: click_id(position),
            campaign: 1,
            flow: None,
            wanted_offer: None,
            sent: Some(Sent {
                offer,
                offer_version: 1,
                arm: 2,
            }),
            affiliate,
            visitor: [position.seq, 0],
            country: *b"DE",
            device: 2,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version: 0,
            cost: None,
            is_test,
            outcome: ClickOutcome::Redirected,
            reason: ClickReason::None,
        };
        for (key, delta) in rollup::of_click(&click, Currency::USD, true) {
            self.window.rollups.push((self.tenant, key, delta));
        }
    }

    /// A postback that makes a conversion, with all that follows from it.
    pub fn convert(&mut self, sale: Sale) -> Conversion {
        let position = self.next(sale.at);
        let conversion = conversion(self.tenant, position, sale);
        self.window.verdicts.push(VerdictRow {
            tenant: self.tenant,
            position,
            at: sale.at,
            received_id: conversion.received_id,
            verdict: Verdict {
                outcome: Outcome::Applied,
                status: Some(sale.status),
                reason: conversion.reason,
                conversion_id: Some(conversion.id),
                warnings: Vec::new(),
            },
            is_made: true,
        });
        self.follow(position, sale.at, &conversion, None);
        self.window.conversions.push(conversion.clone());
        conversion
    }

    /// A postback that repeats a conversion.
    pub fn repeat(&mut self, of: &Conversion, at: UnixMs) -> VerdictRow {
        let position = self.next(at);
        let row = VerdictRow {
            tenant: self.tenant,
            position,
            at,
            received_id: click_id(position),
            verdict: Verdict {
                outcome: Outcome::Duplicate,
                status: Some(of.status),
                reason: None,
                conversion_id: Some(of.id),
                warnings: vec![crate::fact::Warning::AmountDiffers],
            },
            is_made: false,
        };
        self.window.verdicts.push(row.clone());
        row
    }

    /// A change of status by a person.
    pub fn change(&mut self, of: &Conversion, at: UnixMs, to: ConversionStatus) -> Conversion {
        let position = self.next(at);
        let changed = Conversion {
            status: to,
            reason: Some(ConversionReason::ByStaff),
            note: "as agreed".to_owned(),
            ..of.clone()
        };
        self.window.status_changes.push(StatusRow {
            tenant: self.tenant,
            position,
            at,
            conversion_id: of.id,
            from: of.status,
            to,
            reason: changed.reason,
            note: changed.note.clone(),
            by: "key_1".to_owned(),
        });
        self.follow(position, at, &changed, Some(of.status));
        // One a conversion: what was made in the same window stands as it is now.
        self.window.conversions.retain(|c| c.id != of.id);
        self.window.conversions.push(changed.clone());
        changed
    }

    /// Entries and sums of a conversion that comes from `from`.
    fn follow(
        &mut self,
        position: Position,
        at: UnixMs,
        conversion: &Conversion,
        from: Option<ConversionStatus>,
    ) {
        let booking = Booking {
            tenant: self.tenant,
            position,
            at,
            conversion_id: conversion.id,
        };
        if !conversion.is_test {
            let entries = transfers(booking, &conversion.worth(), from, conversion.status);
            self.window.transfers.extend(entries);
        }
        for (key, delta) in rollup::of_conversion(conversion, from, conversion.status, at) {
            self.window.rollups.push((self.tenant, key, delta));
        }
    }

    /// The window as a commit; the next one begins after it. Sums are one a key, as a projection makes them.
    pub fn take_window(&mut self) -> Commit {
        let mut window = std::mem::take(&mut self.window);
        let mut sums = std::collections::BTreeMap::new();
        for (tenant, key, delta) in window.rollups.drain(..) {
            let sum: &mut rollup::RollupDelta = sums.entry((tenant, key)).or_default();
            sum.add(&delta);
        }
        window.rollups = sums.into_iter().map(|((t, k), d)| (t, k, d)).collect();
        window.advances.push(Advance {
            partition: self.state.partition,
            from: self.state.next_offset,
            to: self.seq,
            epoch: self.state.epoch,
            refold_from: None,
        });
        self.state.next_offset = self.seq;
        window
    }

    /// Commits the window.
    pub async fn commit(&mut self, store: &(impl LedgerStore + ?Sized)) {
        let window = self.take_window();
        store
            .commit(window)
            .await
            .map_err(|(e, _)| e)
            .expect("committed");
    }
}

/// An id that tells its place.
pub(super) fn click_id(position: Position) -> ClickId {
    let parts = Parts {
        key_number: 1,
        tenant: u32::from(position.partition),
        ms: position.seq,
        node: 1,
        sequence: 1,
    };
    ClickId::mint(parts, &ClickKey([7; 16]))
}

fn conversion(tenant: TenantId, position: Position, sale: Sale) -> Conversion {
    let is_rejected = sale.status == ConversionStatus::Rejected;
    Conversion {
        id: ConversionId::at(position),
        tenant,
        position,
        received_id: click_id(position),
        identity: sale
            .takes_identity
            .then_some(Identity(u128::from(position.seq) << 64 | 5)),
        status: sale.status,
        reason: is_rejected.then_some(ConversionReason::OverCap),
        note: String::new(),
        click_id: click_id(Position {
            seq: position.seq + 1_000_000,
            ..position
        }),
        campaign: 1,
        flow: None,
        arm: 2,
        offer: sale.offer,
        offer_version: 1,
        affiliate: sale.affiliate,
        advertiser: sale.offer * 10,
        country: *b"DE",
        device: 2,
        is_test: sale.is_test,
        goal: sale.goal,
        txid: format!("order-{}", position.seq),
        sale_amount: Some(Micros(sale.payout.saturating_mul(10))),
        sale_currency: Some(Currency::EUR),
        payout: Micros(if sale.affiliate.is_some() {
            sale.payout
        } else {
            0
        }),
        revenue: Micros(sale.payout.saturating_mul(2)),
        currency: Currency::USD,
        rule: Rule::Offer {
            offer: sale.offer,
            version: 1,
        },
        clicked_at: sale.clicked_at,
        converted_at: sale.at,
        booked_at: sale.at,
        places: vec![(
            Place {
                cap: u64::MAX - position.seq,
                from: BEGIN,
            },
            1,
        )],
    }
}
