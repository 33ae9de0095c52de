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

/// What tells a conversion from others. An earlier conversion is the same when it took `own`, or when it took `other`
/// and is of the same click.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identities {
    /// What the conversion takes when it is applied.
    pub own: Option<Identity>,
    /// What one of the same click may have taken: by a sender that is authenticated where this one is not, or the
    /// other way round.
    pub other: Option<Identity>,
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
    /// The identities of a postback, given its click; none when it has none (`repeat: all`) or is not attributed.
    /// The caller looks up the earlier conversion for [`Evidence`].
    #[must_use]
    pub fn identities(&self, received: &ConversionReceived, click: &ClickCore) -> Identities {
        match self.attribute(received, Some(click)) {
            Ok(Attribution::Sent(attributed)) => self.identities_of(received, &attributed),
            Ok(Attribution::NotSent(_)) | Err(_) => Identities::default(),
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

    /// What a conversion is told by, and by what else an earlier one may be the same.
    ///
    /// Identity = (txid scope, goal, txid); without txid, or with one conversion a click, (click id, goal). A sender
    /// that is not authenticated knows no more than its click, and the key of a pixel stands in a page: its txid is one
    /// only together with its click, so that nobody takes the transaction of another's click beforehand.
    pub(super) fn identities_of(
        &self,
        received: &ConversionReceived,
        attributed: &Attributed,
    ) -> Identities {
        let Attributed {
            click, offer, goal, ..
        } = attributed;
        let of_click = [0].iter().chain(click.click_id.as_bytes()).copied();
        match repeat_of(&offer.body, goal.as_ref()) {
            Repeat::All => Identities::default(),
            Repeat::ByTxid if !received.txid.is_empty() => {
                let scoped = self.scoped_txid(received, attributed);
                let alone = self.hashed(attributed, scoped.iter().copied());
                let with_click = self.hashed(attributed, scoped.iter().copied().chain(of_click));
                if received.auth.is_authenticated() {
                    Identities {
                        own: Some(alone),
                        other: Some(with_click),
                    }
                } else {
                    Identities {
                        own: Some(with_click),
                        other: Some(alone),
                    }
                }
            }
            Repeat::ByTxid | Repeat::OnePerClick => Identities {
                own: Some(self.hashed(attributed, of_click)),
                other: None,
            },
        }
    }

    fn scoped_txid(&self, received: &ConversionReceived, attributed: &Attributed) -> Vec<u8> {
        let advertiser = attributed.offer.body.advertiser_id.number();
        let scope = self.txid_scope(advertiser);
        let owner = match scope {
            TxidScope::Advertiser => advertiser,
            TxidScope::Offer => attributed.sent.offer,
        };
        let mut bytes = vec![scope.code()];
        bytes.extend(owner.to_le_bytes());
        bytes.extend(received.txid.as_bytes());
        bytes
    }

    /// A goal's number is unique in its tenant; the base goals of an advertiser's offers share one.
    fn hashed(&self, attributed: &Attributed, bytes: impl Iterator<Item = u8>) -> Identity {
        let goal = attributed.goal.as_ref().map_or(0, |g| g.id.number());
        let mut hasher = SipHasher24::new_with_keys(0x6964_656e, u64::from(self.tenant.0));
        let bytes: Vec<u8> = goal.to_le_bytes().into_iter().chain(bytes).collect();
        hasher.write(&bytes);
        Identity(hasher.finish128().as_u128())
    }

    fn txid_scope(&self, advertiser: u32) -> TxidScope {
        let advertiser = self.catalog.advertisers.get(&advertiser);
        advertiser.map_or(TxidScope::Advertiser, |a| a.body.txid_scope)
    }
}
