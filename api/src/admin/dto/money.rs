//! What is earned by a conversion.

use poem_openapi::{Object, Union};

use super::{Amount, Percentage};

/// What an affiliate earns by a conversion.
#[derive(Debug, Union)]
#[oai(one_of, discriminator_name = "type")]
pub enum Payout {
    /// A fixed amount.
    #[oai(mapping = "cpa")]
    Cpa(PayoutFixed),
    /// A share of the sale.
    #[oai(mapping = "cps")]
    Cps(PayoutShare),
}

/// A fixed amount in the offer's currency.
#[derive(Debug, Object)]
pub struct PayoutFixed {
    /// The amount.
    amount: Amount,
}

/// A percentage of the sale.
#[derive(Debug, Object)]
pub struct PayoutShare {
    /// The percentage.
    percent: Percentage,
}

/// What the tenant earns by a conversion.
#[derive(Debug, Union)]
#[oai(one_of, discriminator_name = "type")]
pub enum Revenue {
    /// A fixed amount.
    #[oai(mapping = "rpa")]
    Rpa(RevenueFixed),
    /// A share of the sale.
    #[oai(mapping = "rps")]
    Rps(RevenueShare),
}

/// A fixed amount in the offer's currency.
#[derive(Debug, Object)]
pub struct RevenueFixed {
    /// The amount.
    amount: Amount,
}

/// A percentage of the sale.
#[derive(Debug, Object)]
pub struct RevenueShare {
    /// The percentage.
    percent: Percentage,
}
