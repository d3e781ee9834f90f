//! What was done by hand: to the log under the target `branchwire::audit`, and the latest of it to a page.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many acts are kept.
const KEPT: usize = 200;

/// One act.
#[derive(Debug, Clone)]
pub(super) struct Act {
    /// In milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) who: String,
    pub(super) what: &'static str,
    /// The gid, or the topic.
    pub(super) of: String,
    pub(super) outcome: String,
}

/// The latest acts, newest first.
#[derive(Debug, Default)]
pub(super) struct Audit(Mutex<VecDeque<Act>>);

impl Audit {
    /// Notes an act and its outcome.
    pub(super) fn note(&self, at: i64, who: &str, what: &'static str, of: &str, outcome: &str) {
        tracing::info!(target: "branchwire::audit", who, act = what, of, outcome, "done by hand");
        let mut acts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        acts.push_front(Act { at, who: who.to_owned(), what, of: of.to_owned(), outcome: outcome.to_owned() });
        acts.truncate(KEPT);
    }

    pub(super) fn latest(&self) -> Vec<Act> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
