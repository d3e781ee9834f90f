//! The transactions in memory: one slot for each gid, so that the events of one transaction are handled in turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use branchwire_protocol::{Gid, Status};
use tokio::sync::oneshot;

use crate::engine::{Definition, RunEnd, State, Time};
use crate::store::history::History;

/// The slot of one transaction. Only the task with its lock may act on the transaction.
#[derive(Debug)]
pub(crate) struct Slot {
    gid: Gid,
    held: tokio::sync::Mutex<Held>,
}

/// The content of a slot.
#[derive(Debug)]
pub(crate) enum Held {
    /// Nothing yet.
    Empty,
    /// The stored transaction, and its run.
    Loaded(Box<Loaded>),
    /// The slot was removed from the map: look it up again.
    Gone,
}

/// A transaction in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The transaction.
    pub(crate) definition: Arc<Definition>,
    /// Its state, as the store has it except for the branches in `unsaved`.
    pub(crate) state: State,
    /// Whether the store has it.
    pub(crate) stored: bool,
    /// Branches whose status the store may not have yet.
    pub(crate) unsaved: Vec<usize>,
    /// Its latest calls, for operators.
    pub(crate) history: History,
    /// Whether it was taken from the store because it was due.
    pub(crate) was_due: bool,
    /// Whether its row was put aside before as corrupt.
    pub(crate) was_parked: bool,
    /// How many rounds without progress it had when it was read, or when an alarm was raised that its calls do not show.
    pub(crate) rounds: u32,
    /// The clients that wait for the end of the run.
    pub(crate) waiters: Vec<oneshot::Sender<Ended>>,
}

/// How a run ended, for a client that waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) end: RunEnd,
    /// Why the transaction was rolled back; may be empty.
    pub(crate) reason: String,
}

impl From<RunEnd> for Ended {
    fn from(end: RunEnd) -> Self {
        Self { end, reason: String::new() }
    }
}

impl Loaded {
    /// A transaction that is in the store or, if `stored` is false, is about to be written.
    pub(crate) fn new(definition: Arc<Definition>, state: State, stored: bool) -> Self {
        let history = History::default();
        let unsaved = Vec::new();
        let (was_due, was_parked) = (false, false);
        Self { definition, state, stored, unsaved, history, was_due, was_parked, rounds: 0, waiters: Vec::new() }
    }
}

impl Slot {
    /// Waits for the lock.
    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Held> {
        self.held.lock().await
    }
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots {
    map: Mutex<HashMap<Gid, Arc<Slot>>>,
    /// How many idle transactions stay in memory.
    idle_max: usize,
}

impl Slots {
    pub(crate) fn new(idle_max: usize) -> Self {
        Self { map: Mutex::default(), idle_max }
    }

    /// The slot of a gid; a new and empty one if there is none.
    pub(crate) fn get(&self, gid: &Gid) -> Arc<Slot> {
        let mut map = self.map();
        if let Some(slot) = map.get(gid) {
            return slot.clone();
        }
        let slot = Arc::new(Slot { gid: gid.clone(), held: Held::Empty.into() });
        map.insert(gid.clone(), slot.clone());
        slot
    }

    /// Whether there is a slot of this gid.
    pub(crate) fn has(&self, gid: &Gid) -> bool {
        self.map().contains_key(gid)
    }

    /// Removes a slot from the map if it is idle and no event is expected soon.
    ///
    /// A prepared transaction stays until it is overdue, since its submit is expected. A waiting one is read again when
    /// it is due.
    pub(crate) fn release(&self, slot: &Arc<Slot>, held: &mut Held) {
        let keep = match held {
            Held::Empty | Held::Gone => false,
            Held::Loaded(loaded) if loaded.state.is_running() => true,
            Held::Loaded(loaded) => {
                let expected = loaded.state.status == Status::Prepared && loaded.state.due < Time::MAX;
                expected && self.map().len() <= self.idle_max
            }
        };
        if !keep {
            self.remove(slot, held);
        }
    }

    /// Removes prepared transactions from the map that were due before `now`: another coordinator has taken them.
    pub(crate) fn expire(&self, now: Time) {
        let slots: Vec<_> = self.map().values().cloned().collect();
        for slot in slots {
            if let Ok(mut held) = slot.held.try_lock()
                && let Held::Loaded(loaded) = &*held
                && !loaded.state.is_running()
                && loaded.state.due < now
            {
                self.remove(&slot, &mut held);
            }
        }
    }

    /// Removes a slot from the map: its content is out of date.
    pub(crate) fn remove(&self, slot: &Arc<Slot>, held: &mut Held) {
        *held = Held::Gone;
        let mut map = self.map();
        if map.get(&slot.gid).is_some_and(|other| Arc::ptr_eq(other, slot)) {
            map.remove(&slot.gid);
        }
    }

    /// How many transactions are in memory.
    pub(crate) fn len(&self) -> usize {
        self.map().len()
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Gid, Arc<Slot>>> {
        // No code that can panic runs under the lock.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
