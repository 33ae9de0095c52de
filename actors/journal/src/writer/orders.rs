//! Orders to the writer that somebody waits for: sync, turn, close.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::bell::Bell;

#[derive(Default)]
struct State {
    asked: u64,
    done: u64,
    has_ended: bool,
}

/// Orders are counted; who asked waits until the writer has done as many.
#[derive(Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    changed: Condvar,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|p| p.into_inner())
    }

    /// Gives an order and waits until it was done; false when the writer has ended without.
    pub(crate) fn ask(&self, bell: &Bell, order: u8) -> bool {
        let mut state = self.lock();
        if state.has_ended {
            return false;
        }
        state.asked += 1;
        let ticket = state.asked;
        // Under the lock, as the writer takes orders: a ticket is never counted as done without its order.
        bell.order(order);
        while state.done < ticket && !state.has_ended {
            state = self.changed.wait(state).unwrap_or_else(|p| p.into_inner());
        }
        state.done >= ticket
    }

    /// The orders given, and the ticket up to which they count.
    pub(super) fn take(&self, bell: &Bell) -> (u8, u64) {
        let state = self.lock();
        (bell.take_orders(), state.asked)
    }

    pub(super) fn done(&self, ticket: u64) {
        self.lock().done = ticket;
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }
}
