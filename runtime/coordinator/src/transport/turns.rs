//! Turns of the calls to one host: round robin by path, so that a hanging path delays only its own calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many calls may wait, for each call that may be in flight. A further call is not made: it is retried after its
/// interval.
const WAITING_PER_CALL: usize = 4;

/// One in this many places is reserved for paths that have no call in flight.
const RESERVED_OF: usize = 8;

/// The calls to one host that are in flight, and those that wait.
#[derive(Debug)]
pub(super) struct Host {
    /// How many calls may be in flight.
    calls_max: usize,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    in_flight: usize,
    waiting: usize,
    /// The paths that have calls. The first one that can take a turn gets the next turn, and then moves to the end.
    paths: VecDeque<Path>,
}

#[derive(Debug)]
struct Path {
    name: Arc<str>,
    in_flight: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to make one call; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    host: Arc<Host>,
    path: Arc<str>,
    /// Whether a caller has it.
    taken: bool,
}

/// Why a call got no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTurn {
    /// Too many calls are already waiting.
    #[error("too many calls to this host are waiting")]
    Full,
    /// The call has waited for its `turn_timeout`.
    #[error("no turn came while other calls to this host were in flight")]
    Timeout,
}

impl Host {
    pub(super) fn new(calls_max: usize) -> Self {
        Self { calls_max, turns: Mutex::default() }
    }

    /// Waits for the turn of a call to this path.
    ///
    /// # Errors
    /// [`NoTurn`]: the call must not be made.
    pub(super) async fn turn(self: &Arc<Self>, path: &str, until: Instant) -> Result<Turn, NoTurn> {
        let turn = self.enter(path)?;
        match tokio::time::timeout_at(until, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            // A path with fewer calls got its place in the queue.
            Ok(Err(_)) => Err(NoTurn::Full),
            Err(_) => {
                self.turns().forget_gone();
                Err(NoTurn::Timeout)
            }
        }
    }

    /// Puts a call into the queue of its path.
    fn enter(self: &Arc<Self>, path: &str) -> Result<oneshot::Receiver<Turn>, NoTurn> {
        let mut turns = self.turns();
        if turns.waiting >= self.calls_max * WAITING_PER_CALL {
            turns.forget_gone();
        }
        if turns.waiting >= self.calls_max * WAITING_PER_CALL {
            turns.make_room_for(path)?;
        }
        let (sender, turn) = oneshot::channel();
        match turns.paths.iter_mut().find(|other| *other.name == *path) {
            Some(path) => path.waiting.push_back(sender),
            None => turns.paths.push_back(Path { name: path.into(), in_flight: 0, waiting: [sender].into() }),
        }
        turns.waiting += 1;
        self.give(&mut turns);
        Ok(turn)
    }

    /// Gives turns while there are places.
    fn give(self: &Arc<Self>, turns: &mut Turns) {
        while let Some(index) = turns.next(self.calls_max) {
            let Some(mut path) = turns.paths.remove(index) else { return };
            if let Some(sender) = path.waiting.pop_front() {
                turns.waiting -= 1;
                let turn = Turn { host: self.clone(), path: path.name.clone(), taken: true };
                match sender.send(turn) {
                    Ok(()) => {
                        path.in_flight += 1;
                        turns.in_flight += 1;
                    }
                    // The caller has gone; this turn was never used.
                    Err(mut turn) => turn.taken = false,
                }
            }
            if path.in_flight > 0 || !path.waiting.is_empty() {
                turns.paths.push_back(path);
            }
        }
    }

    fn leave(self: &Arc<Self>, path: &str) {
        let mut turns = self.turns();
        turns.in_flight -= 1;
        if let Some(index) = turns.paths.iter().position(|other| *other.name == *path) {
            turns.paths[index].in_flight -= 1;
            if turns.paths[index].in_flight == 0 && turns.paths[index].waiting.is_empty() {
                turns.paths.remove(index);
            }
        }
        self.give(&mut turns);
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // No code that can panic runs under the lock.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// The path that has the next turn. A path with calls in flight leaves some places to those that have none.
    fn next(&self, calls_max: usize) -> Option<usize> {
        let free = calls_max.saturating_sub(self.in_flight);
        let reserved = if calls_max > 1 { (calls_max / RESERVED_OF).max(1) } else { 0 };
        let can = |path: &Path| !path.waiting.is_empty() && (free > reserved || (free > 0 && path.in_flight == 0));
        self.paths.iter().position(can)
    }

    /// Removes the newest waiting call of the path with the most waiting calls, if `path` has fewer.
    fn make_room_for(&mut self, path: &str) -> Result<(), NoTurn> {
        let own = self.paths.iter().find(|other| *other.name == *path).map_or(0, |path| path.waiting.len());
        let longest = self.paths.iter_mut().max_by_key(|path| path.waiting.len()).ok_or(NoTurn::Full)?;
        if longest.waiting.len() <= own + 1 {
            return Err(NoTurn::Full);
        }
        longest.waiting.pop_back();
        self.waiting -= 1;
        Ok(())
    }

    /// Removes calls whose callers have gone.
    fn forget_gone(&mut self) {
        for path in &mut self.paths {
            path.waiting.retain(|sender| !sender.is_closed());
        }
        self.paths.retain(|path| path.in_flight > 0 || !path.waiting.is_empty());
        self.waiting = self.paths.iter().map(|path| path.waiting.len()).sum();
    }
}

impl Turn {
    /// Whether no other call to this host is in flight.
    pub(super) fn is_alone(&self) -> bool {
        self.host.turns().in_flight == 1
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.taken {
            self.host.leave(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    /// A turn, if there is one without a wait.
    fn at_once(host: &Arc<Host>, path: &str) -> Option<Turn> {
        host.turn(path, Instant::now() + Duration::from_secs(3)).now_or_never().and_then(Result::ok)
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_path_leaves_places_to_the_others() {
        let host = Arc::new(Host::new(16));
        let hanging: Vec<_> = std::iter::from_fn(|| at_once(&host, "/slow")).collect();
        assert_eq!(hanging.len(), 14);
        let (a, b) = (at_once(&host, "/a"), at_once(&host, "/b"));
        assert!(a.is_some() && b.is_some());
        assert!(at_once(&host, "/c").is_none(), "the host has no more places");
        drop(a);
        assert!(at_once(&host, "/c").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn paths_take_turns_however_many_calls_one_of_them_has() {
        let host = Arc::new(Host::new(1));
        let first = at_once(&host, "/slow").unwrap();
        let wait = |path: &'static str| {
            let host = host.clone();
            async move { host.turn(path, Instant::now() + Duration::from_secs(3)).await.map(|turn| (path, turn)) }
                .boxed()
        };
        let mut waiting: Vec<_> = ["/slow", "/slow", "/ok"].map(wait).into();
        for call in &mut waiting {
            assert!(call.now_or_never().is_none());
        }
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let (turn, _, rest) = futures_util::future::select_all(waiting).await;
            order.push(turn.unwrap().0);
            waiting = rest;
        }
        assert_eq!(order, ["/slow", "/ok", "/slow"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_makes_room_for_a_path_with_fewer_calls() {
        let host = Arc::new(Host::new(1));
        let _first = at_once(&host, "/slow").unwrap();
        let mut waiting: Vec<_> = (0..4).map(|_| host.enter("/slow").unwrap()).collect();
        assert_eq!(host.enter("/slow").unwrap_err(), NoTurn::Full);
        let _ok = host.enter("/ok").unwrap();
        assert!(waiting.pop().unwrap().now_or_never().unwrap().is_err(), "the newest of the many");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_stops_waiting_frees_its_place() {
        let host = Arc::new(Host::new(1));
        let first = at_once(&host, "/slow").unwrap();
        let soon = Instant::now() + Duration::from_secs(3);
        assert_eq!(host.turn("/slow", soon).await.unwrap_err(), NoTurn::Timeout);
        drop(host.enter("/slow").unwrap());
        drop(first);
        assert!(at_once(&host, "/ok").is_some());
        let turns = host.turns();
        assert_eq!((turns.in_flight, turns.waiting, turns.paths.len()), (0, 0, 0));
    }
}
