//! Every formula, as a table that the report computes by and the schema prints.

use super::measures::Measures;
use super::metric::Metric;

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things: an integer.
    Count,
    /// Money of the row's currency: a decimal string.
    Money,
    /// Money for each of something: a decimal string with six decimals.
    MoneyEach,
    /// A part of something: a decimal string with six decimals, 1 = all.
    Share,
}

impl Unit {
    /// Its name in the schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Money => "money",
            Self::MoneyEach => "money_each",
            Self::Share => "share",
        }
    }

    /// How it is rounded, in words.
    #[must_use]
    pub fn rounding(self) -> &'static str {
        match self {
            Self::Count => "exact",
            Self::Money => "exact (micros of the currency's major unit)",
            Self::MoneyEach | Self::Share => "six decimals, half to even",
        }
    }
}

/// A term of a formula: how it is written, and how it is computed.
pub(super) struct Term {
    pub(super) text: &'static str,
    pub(super) of: fn(&Measures) -> i128,
}

/// The formula of a metric.
pub(super) struct Formula {
    pub(super) unit: Unit,
    pub(super) numerator: Term,
    pub(super) denominator: Option<Term>,
    pub(super) what: &'static str,
}

fn sum(unit: Unit, text: &'static str, of: fn(&Measures) -> i128, what: &'static str) -> Formula {
    Formula {
        unit,
        numerator: Term { text, of },
        denominator: None,
        what,
    }
}

fn each(numerator: Term, denominator: Term, what: &'static str) -> Formula {
    Formula {
        unit: Unit::MoneyEach,
        numerator,
        denominator: Some(denominator),
        what,
    }
}

fn share(numerator: Term, denominator: Term, what: &'static str) -> Formula {
    Formula {
        unit: Unit::Share,
        ..each(numerator, denominator, what)
    }
}

const PAYOUT: Term = Term {
    text: "payout",
    of: |m| m.payout,
};
const REVENUE: Term = Term {
    text: "revenue",
    of: |m| m.revenue,
};
const COST: Term = Term {
    text: "cost",
    of: |m| m.cost,
};
const PROFIT: Term = Term {
    text: "profit",
    of: Measures::profit,
};
const CLICKS: Term = Term {
    text: "total_click",
    of: Measures::total_click,
};
const CONVERSIONS: Term = Term {
    text: "cv",
    of: Measures::cv,
};
const APPROVED: Term = Term {
    text: "approved_cv",
    of: |m| m.approved_cv,
};
const DECIDED: Term = Term {
    text: "approved_cv + rejected_cv",
    of: |m| m.approved_cv + m.rejected_cv,
};

impl Metric {
    /// The formula. Clicks and cost count by click time on every basis; amounts are of all goals.
    pub(super) fn formula(self) -> Formula {
        match self {
            Self::GrossClick
            | Self::InvalidClick
            | Self::TotalClick
            | Self::UniqueClick
            | Self::DuplicateClick => self.of_clicks(),
            Self::Cv | Self::PendingCv | Self::ApprovedCv | Self::RejectedCv | Self::Event => {
                self.of_conversions()
            }
            Self::Payout | Self::Revenue | Self::Cost | Self::Profit => self.of_money(),
            Self::Cvr
            | Self::Epc
            | Self::Rpc
            | Self::Cpa
            | Self::Rpa
            | Self::Margin
            | Self::Roi
            | Self::Roas
            | Self::ApproveRate
            | Self::Cpc => self.of_ratios(),
        }
    }

    fn of_clicks(self) -> Formula {
        match self {
            Self::InvalidClick => sum(
                Unit::Count,
                "invalid_click",
                |m| m.invalid_click,
                "bots, and clicks sent neither to an offer nor to a lander",
            ),
            Self::TotalClick => sum(
                Unit::Count,
                "gross_click - invalid_click",
                Measures::total_click,
                "valid clicks",
            ),
            Self::UniqueClick => sum(
                Unit::Count,
                "unique_click",
                |m| m.unique_click,
                "valid clicks of a visitor without a unique click on the same offer in the 24 hours before",
            ),
            Self::DuplicateClick => sum(
                Unit::Count,
                "total_click - unique_click",
                |m| m.total_click() - m.unique_click,
                "valid clicks that are not unique",
            ),
            _ => sum(
                Unit::Count,
                "gross_click",
                |m| m.gross_click,
                "every recorded click",
            ),
        }
    }

    fn of_conversions(self) -> Formula {
        match self {
            Self::PendingCv => sum(
                Unit::Count,
                "pending_cv",
                |m| m.pending_cv,
                "conversions of the base goal now pending",
            ),
            Self::ApprovedCv => sum(
                Unit::Count,
                "approved_cv",
                |m| m.approved_cv,
                "conversions of the base goal now approved",
            ),
            Self::RejectedCv => sum(
                Unit::Count,
                "rejected_cv",
                |m| m.rejected_cv,
                "conversions of the base goal now rejected",
            ),
            Self::Event => sum(
                Unit::Count,
                "event",
                |m| m.event,
                "conversions of other goals now pending or approved",
            ),
            _ => sum(
                Unit::Count,
                "pending_cv + approved_cv",
                Measures::cv,
                "conversions of the base goal now pending or approved",
            ),
        }
    }

    fn of_money(self) -> Formula {
        match self {
            Self::Revenue => sum(
                Unit::Money,
                "revenue",
                |m| m.revenue,
                "owed by advertisers for conversions of all goals now pending or approved",
            ),
            Self::Cost => sum(Unit::Money, "cost", |m| m.cost, "ad cost of the clicks"),
            Self::Profit => sum(
                Unit::Money,
                "revenue - payout - cost",
                Measures::profit,
                "what stays of the revenue",
            ),
            _ => sum(
                Unit::Money,
                "payout",
                |m| m.payout,
                "owed to affiliates for conversions of all goals now pending or approved",
            ),
        }
    }

    fn of_ratios(self) -> Formula {
        match self {
            Self::Epc => each(PAYOUT, CLICKS, "what affiliates earn per valid click"),
            Self::Cpc => each(
                PAYOUT,
                CLICKS,
                "what a valid click costs the tenant in payout",
            ),
            Self::Rpc => each(REVENUE, CLICKS, "what the tenant earns per valid click"),
            Self::Cpa => each(PAYOUT, CONVERSIONS, "payout per conversion"),
            Self::Rpa => each(REVENUE, CONVERSIONS, "revenue per conversion"),
            Self::Margin => share(PROFIT, REVENUE, "part of the revenue that stays"),
            Self::Roi => share(PROFIT, COST, "profit per ad cost"),
            Self::Roas => share(REVENUE, COST, "revenue per ad cost"),
            Self::ApproveRate => share(
                APPROVED,
                DECIDED,
                "part of the decided conversions of the base goal that is approved",
            ),
            _ => share(
                CONVERSIONS,
                CLICKS,
                "conversions of the base goal per valid click",
            ),
        }
    }
}
