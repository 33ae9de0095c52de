//! The entities of a tenant, a file each: how it is wanted, how it is shown, its operations.

mod advertisers;
mod affiliates;
mod api_keys;
mod campaigns;
mod domains;
mod offers;
mod tenants;
mod terms;

pub(super) use self::advertisers::{Advertisers, AdvertisersApi};
pub(super) use self::affiliates::{Affiliates, AffiliatesApi};
pub(super) use self::api_keys::ApiKeysApi;
pub(super) use self::campaigns::{Campaigns, CampaignsApi};
pub(super) use self::domains::DomainsApi;
pub(super) use self::offers::{Offers, OffersApi};
pub(super) use self::tenants::TenantsApi;
pub(super) use self::terms::TermsApi;

/// Number of the entity that `id` names, when it is one of `tenant`.
macro_rules! number_of {
    ($id:ty, $tenant:expr, $text:expr) => {
        $text
            .parse::<$id>()
            .ok()
            .filter(|id| id.tenant() == $tenant)
            .map(<$id>::number)
    };
}
use number_of;
