//! Verdicts on their way to the doors that wait for them.
//!
//! A door says which postback it will append and waits; the tenant actor answers once it has judged the fact.
//! Always true: an answer is given after the fact is durable (only durable facts are judged); nobody waiting is
//! no error; the number of waiting doors is bounded. Not here: deadlines (the door's).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use dashmap::DashMap;
use tokio::sync::oneshot;
use weir_engine::fact::ReceivedId;
use weir_engine::judge::Verdict;

/// As many doors wait for a verdict as are allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many postbacks wait for their verdict")]
pub struct TooManyWaiting;

/// The doors that wait.
#[derive(Debug)]
pub struct Verdicts {
    waiting: DashMap<ReceivedId, oneshot::Sender<Verdict>>,
    count: AtomicUsize,
    limit: usize,
}

/// A door's place among those that wait; given up when dropped.
#[derive(Debug)]
pub struct Waiting {
    received_id: ReceivedId,
    answer: oneshot::Receiver<Verdict>,
    verdicts: Arc<Verdicts>,
}

impl Verdicts {
    /// At most `limit` doors wait at a time.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            waiting: DashMap::new(),
            count: AtomicUsize::new(0),
            limit,
        })
    }

    /// Begins to wait for the verdict on a postback; call it before the postback is appended.
    ///
    /// # Errors
    /// [`TooManyWaiting`].
    pub fn expect(self: &Arc<Self>, received_id: ReceivedId) -> Result<Waiting, TooManyWaiting> {
        if self.count.fetch_add(1, Ordering::AcqRel) >= self.limit {
            self.count.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyWaiting);
        }
        let (sender, answer) = oneshot::channel();
        self.waiting.insert(received_id, sender);
        Ok(Waiting {
            received_id,
            answer,
            verdicts: Arc::clone(self),
        })
    }

    /// Gives the verdict to the door that waits for it, if one does.
    pub fn answer(&self, received_id: ReceivedId, verdict: &Verdict) {
        if let Some((_, sender)) = self.waiting.remove(&received_id) {
            // The door may have gone away in this moment: then nobody needs it.
            drop(sender.send(verdict.clone()));
        }
    }
}

impl Future for Waiting {
    type Output = Option<Verdict>;

    /// The verdict, or `None` when it will not come.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Verdict>> {
        Pin::new(&mut self.answer).poll(cx).map(Result::ok)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.verdicts.waiting.remove(&self.received_id);
        self.verdicts.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_engine::judge::Outcome;

    fn id(n: u8) -> ReceivedId {
        ReceivedId::from_bytes([n; 20])
    }

    #[tokio::test]
    async fn a_verdict_reaches_the_door_that_waits_and_no_more_wait_than_allowed() {
        let verdicts = Verdicts::new(1);
        let waiting = verdicts.expect(id(1)).unwrap();
        assert_eq!(verdicts.expect(id(2)).err(), Some(TooManyWaiting));
        let verdict = Verdict {
            outcome: Outcome::Applied,
            status: None,
            reason: None,
            conversion_id: None,
            warnings: Vec::new(),
        };
        verdicts.answer(id(9), &verdict);
        verdicts.answer(id(1), &verdict);
        assert_eq!(waiting.await, Some(verdict));
        drop(verdicts.expect(id(2)).unwrap());
        assert!(verdicts.waiting.is_empty());
    }
}
