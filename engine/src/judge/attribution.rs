//! Which click and goal a postback belongs to, and what it would repeat.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::conversion::{Conversion, ConversionReason as Reason, Identity};
use super::state::TenantState;
use super::terms::repeat_of;
use crate::catalog::{Goal, Offer, Repeat, TxidScope, Versioned};
use crate::fact::{ClickCore, ClickOutcome, ConversionReceived, Sent};

/// What a verdict needs that is not in memory, as of the fact's own place.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The click that it names, if the log has it at a lower place.
    pub click: Option<ClickCore>,
    /// Whether the time in its id lies before what the log keeps, so that nobody can tell.
    pub is_click_expired: bool,
    /// The conversion that took the same identity, with its status as of this place.
    pub prior: Option<Conversion>,
}

/// The click of a postback, where it was sent, the offer now in force, the goal.
pub(super) struct Attributed {
    pub(super) click: ClickCore,
    pub(super) sent: Sent,
    pub(super) offer: Arc<Versioned<Offer>>,
    pub(super) goal: Option<Goal>,
}

/// A click that went to a fallback, and the offer that its link names, if one.
pub(super) struct NotSent {
    pub(super) click: ClickCore,
    pub(super) wanted: Option<(u32, Arc<Versioned<Offer>>)>,
    pub(super) goal: Option<u32>,
}

pub(super) enum Attribution {
    Sent(Attributed),
    NotSent(NotSent),
}

impl TenantState {
    /// The identity that a postback would take, given its click; `None` when it has none (`repeat: all`)
    /// or is not attributed. The caller looks up its earlier conversion for [`Evidence`].
    #[must_use]
    pub fn identity(&self, received: &ConversionReceived, click: &ClickCore) -> Option<Identity> {
        match self.attribute(received, Some(click)).ok()? {
            Attribution::Sent(attributed) => self.identity_of(received, &attributed),
            Attribution::NotSent(_) => None,
        }
    }

    /// Click known · advertiser's · event known · click sent.
    pub(super) fn attribute(
        &self,
        received: &ConversionReceived,
        click: Option<&ClickCore>,
    ) -> Result<Attribution, Reason> {
        let click = *click.ok_or(Reason::UnknownClick)?;
        let number = click.sent.map(|s| s.offer).or(click.wanted_offer);
        let wanted = number.and_then(|n| Some((n, Arc::clone(self.catalog.offers.get(&n)?))));
        let mut goal = None;
        if let Some((_, offer)) = &wanted {
            let owner = offer.body.advertiser_id.number();
            if received
                .advertiser
                .is_some_and(|advertiser| advertiser != owner)
            {
                return Err(Reason::WrongAdvertiser);
            }
            if !received.event.is_empty() {
                goal = Some(
                    offer
                        .body
                        .goal(&received.event)
                        .ok_or(Reason::UnknownEvent)?
                        .clone(),
                );
            }
        }
        let is_sent = matches!(
            click.outcome,
            ClickOutcome::Redirected | ClickOutcome::Lander
        );
        Ok(match (click.sent, wanted) {
            (Some(sent), Some((_, offer))) if is_sent => Attribution::Sent(Attributed {
                click,
                sent,
                offer,
                goal,
            }),
            (_, wanted) => {
                let goal = goal.map(|g| g.id.number());
                Attribution::NotSent(NotSent {
                    click,
                    wanted,
                    goal,
                })
            }
        })
    }

    /// Identity = (txid scope, goal, txid); without txid, or with one conversion a click, (click id, goal).
    pub(super) fn identity_of(
        &self,
        received: &ConversionReceived,
        attributed: &Attributed,
    ) -> Option<Identity> {
        let Attributed {
            click,
            sent,
            offer,
            goal,
        } = attributed;
        let repeat = repeat_of(&offer.body, goal.as_ref());
        let mut hasher = SipHasher24::new_with_keys(0x6964_656e, u64::from(self.tenant.0));
        hasher.write_u32(goal.as_ref().map_or(0, |g| g.id.number()));
        match repeat {
            Repeat::All => return None,
            Repeat::ByTxid if !received.txid.is_empty() => {
                let advertiser = offer.body.advertiser_id.number();
                let scope = self.txid_scope(advertiser);
                hasher.write_u8(scope.code());
                hasher.write_u32(match scope {
                    TxidScope::Advertiser => advertiser,
                    TxidScope::Offer => sent.offer,
                });
                // A goal's number is unique in its tenant; the base goals of an advertiser's offers share one.
                hasher.write(received.txid.as_bytes());
            }
            Repeat::ByTxid | Repeat::OnePerClick => {
                hasher.write_u8(0);
                hasher.write(click.click_id.as_bytes());
            }
        }
        Some(Identity(hasher.finish128().as_u128()))
    }

    fn txid_scope(&self, advertiser: u32) -> TxidScope {
        let advertiser = self.catalog.advertisers.get(&advertiser);
        advertiser.map_or(TxidScope::Advertiser, |a| a.body.txid_scope)
    }
}
