//! The books: double-entry transfers that follow from conversions.
//!
//! ```text
//!                      payout of the affiliate               revenue of the tenant
//! booked pending       commission_expense → aff_pending      adv_pending    → tenant_revenue
//! pending → approved   aff_pending        → aff_payable      adv_receivable → adv_pending
//! pending → rejected   aff_pending        → commission_exp.  tenant_revenue → adv_pending
//! approved → rejected  aff_payable        → commission_exp.  tenant_revenue → adv_receivable
//! booked approved, rejected → approved:  commission_expense → aff_payable, adv_receivable → tenant_revenue
//! ```
//! (debit → credit). Always true: a transfer has one debit and one credit of the same amount and currency, so
//! each fact's entries balance; amounts are positive; entries are never edited, a correction is a new one;
//! ids are hashes of the fact's place. Not here: holds and payouts (a later issue).

use crate::as_text::words;
use crate::fact::ConversionStatus;
use crate::ids::{ConversionId, DerivedId, Position, TenantId, UnixMs};
use crate::money::{Currency, Micros};

words! {
    /// What an account stands for.
    AccountKind {
        /// Owed by an advertiser for conversions not yet decided.
        AdvPending = 1 "adv_pending",
        /// Owed by an advertiser.
        AdvReceivable = 2 "adv_receivable",
        /// Owed to an affiliate for conversions not yet decided.
        AffPending = 3 "aff_pending",
        /// Owed to an affiliate.
        AffPayable = 4 "aff_payable",
        /// What the tenant has earned.
        TenantRevenue = 5 "tenant_revenue",
        /// What the tenant has spent on commissions.
        CommissionExpense = 6 "commission_expense",
        /// Owed to an affiliate, not payable before a date (used once payouts exist).
        AffHold = 7 "aff_hold",
    }
}

/// An account of a tenant: what it stands for and whose it is (an affiliate's or advertiser's number; 0 =
/// the tenant's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// What it stands for.
    pub kind: AccountKind,
    /// Whose it is.
    pub owner: u32,
}

words! {
    /// What made a transfer.
    TransferKind {
        /// What an affiliate earns.
        Payout = 1 "payout",
        /// What the tenant earns.
        Revenue = 2 "revenue",
    }
}

/// One debit and one credit of the same amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Derived from the fact's place and the leg.
    pub id: DerivedId,
    /// Whose books.
    pub tenant: TenantId,
    /// The fact that made it.
    pub position: Position,
    /// When it was booked.
    pub at: UnixMs,
    /// What made it.
    pub kind: TransferKind,
    /// The account that is debited.
    pub debit: Account,
    /// The account that is credited.
    pub credit: Account,
    /// How much; positive.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
    /// Which conversion it is about.
    pub conversion_id: ConversionId,
}

/// What a conversion is worth, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// The affiliate, or `None` for house traffic.
    pub affiliate: Option<u32>,
    /// The advertiser.
    pub advertiser: u32,
    /// What the affiliate earns.
    pub payout: Micros,
    /// What the tenant earns.
    pub revenue: Micros,
    /// Currency of both.
    pub currency: Currency,
}

/// The fact and conversion that transfers are made for.
#[derive(Debug, Clone, Copy)]
pub struct Booking {
    /// Whose books.
    pub tenant: TenantId,
    /// The fact.
    pub position: Position,
    /// When it is booked.
    pub at: UnixMs,
    /// The conversion.
    pub conversion_id: ConversionId,
}

/// The transfers of a conversion that goes from one status to another (`None` = is booked first).
#[must_use]
pub fn transfers(
    booking: Booking,
    worth: &Worth,
    from: Option<ConversionStatus>,
    to: ConversionStatus,
) -> Vec<Transfer> {
    let moved = |kind, held_in: fn(ConversionStatus) -> Option<Account>, amount: Micros, leg| {
        let (before, after) = (from.and_then(held_in), held_in(to));
        (before != after && amount > Micros::ZERO).then_some((kind, before, after, amount, leg))
    };
    let payout = worth
        .affiliate
        .and_then(|_| moved(TransferKind::Payout, affiliate_account, worth.payout, 1));
    let revenue = moved(TransferKind::Revenue, advertiser_account, worth.revenue, 2);
    let made = [payout, revenue].into_iter().flatten();
    made.map(|(kind, before, after, amount, leg)| {
        let owner = match kind {
            TransferKind::Payout => worth.affiliate.unwrap_or(0),
            TransferKind::Revenue => worth.advertiser,
        };
        let (debit, credit) = sides(kind, before, after, owner);
        let transfer = Transfer {
            id: DerivedId::of(booking.position, leg),
            tenant: booking.tenant,
            position: booking.position,
            at: booking.at,
            kind,
            debit,
            credit,
            amount,
            currency: worth.currency,
            conversion_id: booking.conversion_id,
        };
        assert!(
            transfer.amount.0 > 0 && transfer.debit != transfer.credit,
            "L1"
        );
        transfer
    })
    .collect()
}

/// Where an affiliate's share of a conversion stands; the owner is filled in by the caller.
fn affiliate_account(status: ConversionStatus) -> Option<Account> {
    let kind = match status {
        ConversionStatus::Pending => AccountKind::AffPending,
        ConversionStatus::Approved => AccountKind::AffPayable,
        ConversionStatus::Rejected => return None,
    };
    Some(Account { kind, owner: 0 })
}

/// Where the tenant's share of a conversion stands.
fn advertiser_account(status: ConversionStatus) -> Option<Account> {
    let kind = match status {
        ConversionStatus::Pending => AccountKind::AdvPending,
        ConversionStatus::Approved => AccountKind::AdvReceivable,
        ConversionStatus::Rejected => return None,
    };
    Some(Account { kind, owner: 0 })
}

/// Debit and credit of a share that leaves `before` for `after`; `None` = the tenant's result account.
fn sides(
    kind: TransferKind,
    before: Option<Account>,
    after: Option<Account>,
    owner: u32,
) -> (Account, Account) {
    let result = match kind {
        TransferKind::Payout => AccountKind::CommissionExpense,
        TransferKind::Revenue => AccountKind::TenantRevenue,
    };
    let account = |side: Option<Account>| match side {
        Some(side) => Account { owner, ..side },
        None => Account {
            kind: result,
            owner: 0,
        },
    };
    let (before, after) = (account(before), account(after));
    match kind {
        // A debt grows on the credit side, a claim on the debit side.
        TransferKind::Payout => (before, after),
        TransferKind::Revenue => (after, before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConversionStatus::{Approved, Pending, Rejected};

    const WORTH: Worth = Worth {
        affiliate: Some(5),
        advertiser: 3,
        payout: Micros(10),
        revenue: Micros(15),
        currency: Currency::USD,
    };

    fn booked(from: Option<ConversionStatus>, to: ConversionStatus, worth: Worth) -> Vec<String> {
        let position = Position {
            partition: 1,
            seq: 2,
        };
        let booking = Booking {
            tenant: TenantId(1),
            position,
            at: UnixMs(3),
            conversion_id: ConversionId::at(position),
        };
        transfers(booking, &worth, from, to)
            .iter()
            .map(|t| {
                let side = |a: Account| format!("{}:{}", a.kind, a.owner);
                format!("{} > {} {}", side(t.debit), side(t.credit), t.amount.0)
            })
            .collect()
    }

    #[test]
    fn each_change_of_status_moves_both_shares() {
        let cases: [(_, _, &[&str]); 7] = [
            (
                None,
                Pending,
                &[
                    "commission_expense:0 > aff_pending:5 10",
                    "adv_pending:3 > tenant_revenue:0 15",
                ],
            ),
            (
                None,
                Approved,
                &[
                    "commission_expense:0 > aff_payable:5 10",
                    "adv_receivable:3 > tenant_revenue:0 15",
                ],
            ),
            (None, Rejected, &[]),
            (
                Some(Pending),
                Approved,
                &[
                    "aff_pending:5 > aff_payable:5 10",
                    "adv_receivable:3 > adv_pending:3 15",
                ],
            ),
            (
                Some(Pending),
                Rejected,
                &[
                    "aff_pending:5 > commission_expense:0 10",
                    "tenant_revenue:0 > adv_pending:3 15",
                ],
            ),
            (
                Some(Approved),
                Rejected,
                &[
                    "aff_payable:5 > commission_expense:0 10",
                    "tenant_revenue:0 > adv_receivable:3 15",
                ],
            ),
            (
                Some(Rejected),
                Approved,
                &[
                    "commission_expense:0 > aff_payable:5 10",
                    "adv_receivable:3 > tenant_revenue:0 15",
                ],
            ),
        ];
        for (from, to, expect) in cases {
            assert_eq!(booked(from, to, WORTH), expect, "{from:?} {to:?}");
        }
    }

    #[test]
    fn house_traffic_and_nothing_move_nothing() {
        let house = Worth {
            affiliate: None,
            revenue: Micros(0),
            ..WORTH
        };
        assert!(booked(None, Approved, house).is_empty());
    }
}
