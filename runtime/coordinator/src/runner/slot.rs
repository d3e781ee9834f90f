//! The transactions in memory: one slot a gid, so that what happens to one transaction happens in turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use branchwire_protocol::{Gid, Status};
use tokio::sync::oneshot;

use crate::engine::{Definition, RunEnd, State, Time};

/// A place for one transaction. Whoever has the lock may act on it.
#[derive(Debug)]
pub(crate) struct Slot {
    gid: Gid,
    held: tokio::sync::Mutex<Held>,
}

/// What is known of the transaction.
#[derive(Debug)]
pub(crate) enum Held {
    /// Nothing yet.
    Empty,
    /// What the store has, and what is under way.
    Loaded(Box<Loaded>),
    /// The slot is out of the map: look it up again.
    Gone,
}

/// A transaction in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it is.
    pub(crate) definition: Arc<Definition>,
    /// Where it stands; but for branches in `unsaved`, as the store has it.
    pub(crate) state: State,
    /// Whether the store has it.
    pub(crate) stored: bool,
    /// Branches whose status the store may not have yet.
    pub(crate) unsaved: Vec<usize>,
    /// Who waits for the end of the run.
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
    /// A transaction that the store has or, if `stored` is false, is about to get.
    pub(crate) fn new(definition: Arc<Definition>, state: State, stored: bool) -> Self {
        Self { definition, state, stored, unsaved: Vec::new(), waiters: Vec::new() }
    }
}

impl Slot {
    /// Waits for the turn.
    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Held> {
        self.held.lock().await
    }
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots {
    map: Mutex<HashMap<Gid, Arc<Slot>>>,
    /// So many transactions at most stay in memory with nothing under way.
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

    /// Takes a slot out of the map if nothing is under way in it and nothing soon will be.
    ///
    /// A prepared transaction stays until it is overdue, since its submit is expected; one that waits comes back by its
    /// due time.
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

    /// Takes prepared transactions out of the map that were due before `now`: another coordinator has them by now.
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

    /// Takes a slot out of the map: what it knows is of no use any more.
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
