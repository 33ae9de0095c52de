//! What a row sums.
//!
//! Always true: a conversion of the base goal counts by its status, one of another goal as an event; amounts
//! are of all goals.

use crate::rollup::RollupDelta;

/// What a row sums; amounts are micros. Wide, because sums of many rows leave 64 bits before any row does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    pub(super) gross_click: i128,
    pub(super) invalid_click: i128,
    pub(super) unique_click: i128,
    pub(super) cost: i128,
    pub(super) pending_cv: i128,
    pub(super) approved_cv: i128,
    pub(super) rejected_cv: i128,
    pub(super) event: i128,
    pub(super) payout: i128,
    pub(super) revenue: i128,
}

impl Measures {
    /// Adds the counts of clicks and their cost.
    pub(super) fn add_clicks(&mut self, delta: &RollupDelta) {
        self.gross_click += i128::from(delta.gross_click);
        self.invalid_click += i128::from(delta.invalid_click);
        self.unique_click += i128::from(delta.unique_click);
        self.cost += i128::from(delta.cost);
    }

    /// Adds the counts and amounts of conversions of a goal (0 = the base goal).
    pub(super) fn add_conversions(&mut self, goal: u32, delta: &RollupDelta) {
        if goal == 0 {
            self.pending_cv += i128::from(delta.pending_cv);
            self.approved_cv += i128::from(delta.approved_cv);
            self.rejected_cv += i128::from(delta.rejected_cv);
        } else {
            self.event += i128::from(delta.pending_cv) + i128::from(delta.approved_cv);
        }
        self.payout += i128::from(delta.payout);
        self.revenue += i128::from(delta.revenue);
    }

    /// Adds another row.
    pub(super) fn add(&mut self, other: &Self) {
        self.gross_click += other.gross_click;
        self.invalid_click += other.invalid_click;
        self.unique_click += other.unique_click;
        self.cost += other.cost;
        self.pending_cv += other.pending_cv;
        self.approved_cv += other.approved_cv;
        self.rejected_cv += other.rejected_cv;
        self.event += other.event;
        self.payout += other.payout;
        self.revenue += other.revenue;
    }

    pub(super) fn total_click(&self) -> i128 {
        self.gross_click - self.invalid_click
    }

    pub(super) fn cv(&self) -> i128 {
        self.pending_cv + self.approved_cv
    }

    pub(super) fn profit(&self) -> i128 {
        self.revenue - self.payout - self.cost
    }
}
