//! What a tenant actor writes to the log: configuration and decisions of staff.
//!
//! Always true: nothing is checked before the fold has reached the head of the log, so what a crash left there is
//! known; one batch of proposals is under way at a time; the next is checked when the fold has what came before it;
//! an answer is given when the fact is folded, published and stored, so that whoever asked reads
//! its own write.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use weir_engine::catalog::propose::{Proposal, Refusal, Target, propose};
use weir_engine::catalog::{Catalog, Change, EntityKey};
use weir_engine::fact::{ConversionStatus, ConversionStatusChanged, Kind};
use weir_engine::ids::{ConversionId, Position, TenantId, UnixMs};
use weir_engine::judge::{Conversion, StatusChange};
use weir_engine::ports::{Append, AppendError};
use weir_engine::record::Record;

use crate::hosts::Hosts;
use crate::ports::Ports;
use crate::routes::Routes;
use crate::window::Progress;

/// Changes of configuration that are asked for together.
pub(crate) struct Propose {
    pub(crate) proposals: Vec<Proposal>,
    /// Chance for what is generated (links).
    pub(crate) draw: u64,
    /// When, if not now: history is made with its own clock.
    pub(crate) at: Option<UnixMs>,
    pub(crate) reply: oneshot::Sender<Result<Vec<Result<Accepted, Refusal>>, AppendError>>,
}

/// A proposal that was accepted and is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The entity.
    pub key: EntityKey,
    /// Its version now.
    pub version: u32,
}

/// A change of a conversion's status that staff asks for.
pub(crate) struct SetStatus {
    pub(crate) id: ConversionId,
    pub(crate) to: ConversionStatus,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) reply: oneshot::Sender<Result<Conversion, SetStatusError>>,
}

/// Why a status was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetStatusError {
    /// No such conversion in this tenant.
    #[error("no such conversion")]
    NotFound,
    /// The change is not legal from where the conversion stands.
    #[error("a conversion that is {from} cannot become {to}")]
    NotLegal {
        /// Where it stands.
        from: ConversionStatus,
        /// What was asked for.
        to: ConversionStatus,
    },
    /// Another fact changed it in the meantime.
    #[error("conversion was changed meanwhile")]
    Conflict,
    /// The log does not take facts.
    #[error("journal does not take facts")]
    Unavailable(#[source] AppendError),
}

struct UnderWay {
    last: Position,
    answers: Vec<Result<Accepted, Refusal>>,
    reply: oneshot::Sender<Result<Vec<Result<Accepted, Refusal>>, AppendError>>,
}

/// See the module.
pub(super) struct Writer {
    tenant: TenantId,
    ports: Ports,
    progress: Arc<Progress>,
    routes: Arc<Routes>,
    is_open: bool,
    under_way: Option<UnderWay>,
    queue: VecDeque<Propose>,
    statuses: BTreeMap<Position, oneshot::Sender<Result<Conversion, SetStatusError>>>,
}

impl Writer {
    pub(super) fn new(
        tenant: TenantId,
        ports: Ports,
        progress: Arc<Progress>,
        routes: Arc<Routes>,
    ) -> Self {
        Self {
            tenant,
            ports,
            progress,
            routes,
            is_open: false,
            under_way: None,
            queue: VecDeque::new(),
            statuses: BTreeMap::new(),
        }
    }

    /// The fold has reached the head of the log: takes up what has been asked for meanwhile.
    pub(super) async fn open(&mut self, catalog: &Catalog) {
        self.is_open = true;
        self.go_on(catalog).await;
    }

    /// Takes proposals, to be checked after those that came before.
    pub(super) async fn propose(&mut self, asked: Propose, catalog: &Catalog) {
        self.queue.push_back(asked);
        self.go_on(catalog).await;
    }

    /// Checks and writes what is next, until something is under way.
    async fn go_on(&mut self, catalog: &Catalog) {
        while self.is_open && self.under_way.is_none() {
            let Some(next) = self.queue.pop_front() else {
                return;
            };
            // Whoever asked has given up, and was told that it may still happen: then it had better not.
            if next.reply.is_closed() {
                continue;
            }
            self.write(next, catalog).await;
        }
    }

    /// Checks proposals and writes what is accepted.
    async fn write(&mut self, asked: Propose, catalog: &Catalog) {
        let at = asked.at.unwrap_or_else(|| self.ports.clock.now());
        let (answers, changes) = check(self.tenant, &asked, (catalog, at), &self.routes.hosts);
        match self.write_all(&changes, at).await {
            Ok(Some(last)) => {
                let reply = asked.reply;
                self.under_way = Some(UnderWay {
                    last,
                    answers,
                    reply,
                });
            }
            // Whoever asked may be gone, here and below: the change stands all the same.
            Ok(None) => drop(asked.reply.send(Ok(answers))),
            Err(error) => drop(asked.reply.send(Err(error))),
        }
    }

    /// Says that facts below `seq` are folded: what was under way is answered once it is stored.
    pub(super) async fn folded_to(&mut self, seq: u64, catalog: &Catalog) {
        if let Some(done) = self.under_way.take_if(|u| u.last.seq < seq) {
            let progress = Arc::clone(&self.progress);
            tokio::spawn(async move {
                progress.wait_for(done.last).await;
                drop(done.reply.send(Ok(done.answers)));
            });
            self.go_on(catalog).await;
        }
    }

    /// Writes a change of status of `prior`, if it is legal.
    pub(super) async fn set_status(&mut self, asked: SetStatus, prior: Option<&Conversion>) {
        let refused = match prior {
            None => Some(SetStatusError::NotFound),
            Some(p) if !p.status.may_become_by_staff(asked.to) => Some(SetStatusError::NotLegal {
                from: p.status,
                to: asked.to,
            }),
            Some(_) => None,
        };
        if let Some(refused) = refused {
            drop(asked.reply.send(Err(refused)));
            return;
        }
        let change = ConversionStatusChanged {
            conversion_id: asked.id,
            from: prior.map_or(asked.to, |p| p.status),
            to: asked.to,
            reason: asked.reason,
            by: asked.by,
        };
        let mut open = Vec::new();
        change.write(&mut open);
        let kind = (
            Kind::ConversionStatusChanged,
            ConversionStatusChanged::VERSION,
        );
        match self.append(kind, &open, self.ports.clock.now()).await {
            Ok(position) => drop(self.statuses.insert(position, asked.reply)),
            Err(error) => drop(asked.reply.send(Err(SetStatusError::Unavailable(error)))),
        }
    }

    /// Answers whoever asked for the change at `position`, once it is stored.
    pub(super) fn status_judged(&mut self, position: Position, change: Option<&StatusChange>) {
        let Some(reply) = self.statuses.remove(&position) else {
            return;
        };
        let answer = change.map_or(Err(SetStatusError::Conflict), |c| Ok(c.conversion.clone()));
        let progress = Arc::clone(&self.progress);
        tokio::spawn(async move {
            progress.hurry_to(position).await;
            drop(reply.send(answer));
        });
    }

    /// Appends all changes, which then lie in one write or in two that follow; gives the place of the last.
    async fn write_all(
        &self,
        changes: &[Change],
        at: UnixMs,
    ) -> Result<Option<Position>, AppendError> {
        let appending: Vec<_> = changes
            .iter()
            .map(|change| {
                let mut open = Vec::new();
                change.write(&mut open);
                self.append((Kind::ConfigChanged, Change::VERSION), &open, at)
            })
            .collect();
        let mut last = None;
        for one in appending {
            last = Some(one.await?);
        }
        Ok(last)
    }

    fn append(
        &self,
        (kind, version): (Kind, u8),
        open: &[u8],
        at: UnixMs,
    ) -> <weir_journal::Lane as Append>::Appending {
        self.ports.lane.append(&Record {
            tenant: self.tenant,
            at,
            kind: kind.code(),
            version,
            click_id: None,
            open,
            private_key: 0,
            private: &[],
            texts: ["", ""],
        })
    }
}

/// Checks proposals one after the other, each against the catalog as the ones before it leave it.
fn check(
    tenant: TenantId,
    asked: &Propose,
    (catalog, at): (&Catalog, UnixMs),
    hosts: &Hosts,
) -> (Vec<Result<Accepted, Refusal>>, Vec<Change>) {
    let mut catalog = Cow::Borrowed(catalog);
    let (mut answers, mut all) = (Vec::with_capacity(asked.proposals.len()), Vec::new());
    for (number, proposal) in (0u64..).zip(&asked.proposals) {
        // Each proposal of a batch has chance of its own.
        let draw = asked
            .draw
            .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let checked = propose(&catalog, tenant, proposal, draw);
        let checked = checked.and_then(|changes| {
            hosts.claim_all(&changes, tenant)?;
            Ok(changes)
        });
        answers.push(checked.map(|changes| {
            let accepted = accepted(&catalog, proposal, &changes);
            if asked.proposals.len() > 1 {
                apply(catalog.to_mut(), &changes, at);
            }
            all.extend(changes);
            accepted
        }));
    }
    (answers, all)
}

fn apply(catalog: &mut Catalog, changes: &[Change], at: UnixMs) {
    for change in changes {
        // What `propose` gives is readable: it was made from an entity.
        assert!(
            catalog.apply(change, at).is_ok(),
            "a proposed change applies"
        );
    }
}

/// The entity that a proposal is about, as `changes` leave it.
fn accepted(catalog: &Catalog, proposal: &Proposal, changes: &[Change]) -> Accepted {
    let key = match (proposal.target, changes.first()) {
        (Target::Update { key, .. }, _) => key,
        (Target::Create, Some(change)) => change.key,
        (Target::Create, None) => unreachable!("a new entity is a change"),
    };
    let made = changes
        .iter()
        .rev()
        .find(|c| c.key == key)
        .map(|c| c.version);
    Accepted {
        key,
        version: made.or_else(|| catalog.version(key)).unwrap_or(0),
    }
}
