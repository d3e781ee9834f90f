//! The auditor: compares its observations with a model of its own, which does not depend on the implementation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::database::{Database, Effect};
use super::fate::Fate;
use super::store::Disk;
use super::workload::Transfer;

/// The result that a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Committed, and the coordinator has it.
    Submitted {
        /// Every branch has been applied.
        finished: bool,
    },
    /// Committed by an earlier call, or submitted by one.
    Repeated {
        /// Every branch has been applied.
        finished: bool,
    },
    /// Committed.
    Committed,
    /// Committed, and ended all the same.
    Stopped,
    /// Not known.
    Unknown,
    /// Nothing has happened, and nothing ever will under this gid.
    GivenUp,
    /// Nothing has happened.
    NotDone,
}

/// Observes all acknowledgements, and at the end all books.
#[derive(Debug)]
pub struct Auditor {
    fate: Arc<Fate>,
    store: Arc<Disk>,
    banks: BTreeMap<&'static str, Arc<Database>>,
    seen: Mutex<Seen>,
}

/// What had become of a gid when it was sent again after everything had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Done,
    GivenUp,
    /// Nobody has ever got as far as the database or the store.
    Open,
}

#[derive(Debug, Default)]
struct Seen {
    wanted: BTreeMap<String, Transfer>,
    /// The result of each run of a message; none, if it still runs or its process died.
    runs: BTreeMap<(String, u32), Option<Told>>,
    /// Where those stood that were sent once all was quiet.
    settled: BTreeMap<(String, u32), Settled>,
    acknowledged: Vec<(String, String)>,
    violations: Vec<String>,
}

impl Auditor {
    /// An auditor with access to all books.
    pub fn new(fate: Arc<Fate>, store: Arc<Disk>, banks: BTreeMap<&'static str, Arc<Database>>) -> Arc<Self> {
        Arc::new(Self { fate, store, banks, seen: Mutex::default() })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is about to send this.
    pub fn wanted(&self, transfer: &Transfer) {
        self.seen().wanted.insert(transfer.gid.clone(), transfer.clone());
    }

    /// It is sent; `run` says which of those that send it this is.
    pub fn begins(&self, transfer: &Transfer, run: u32) {
        self.fate.note(format_args!("{} run {run} begins", transfer.gid));
        self.seen().runs.insert((transfer.gid.clone(), run), None);
    }

    /// It is sent once more, after everything has ended and nothing goes wrong any more: now the answer must be exact.
    pub fn repeats(&self, transfer: &Transfer, run: u32) {
        let gid = &transfer.gid;
        let local = self.banks.values().flat_map(|bank| bank.effects()).any(|e| e.gid == *gid && e.branch_id == "00");
        let settled = if local || (!transfer.local && !self.applied(gid).is_empty()) {
            Settled::Done
        } else if self.banks.values().any(|bank| bank.has_given_up(gid)) {
            Settled::GivenUp
        } else {
            Settled::Open
        };
        self.fate.note(format_args!("{gid} run {run} repeats what is {settled:?}"));
        self.seen().settled.insert((gid.clone(), run), settled);
    }

    /// All that anybody wants.
    pub fn all_wanted(&self) -> Vec<Transfer> {
        self.seen().wanted.values().cloned().collect()
    }

    /// A client got this result.
    pub fn told(&self, transfer: &Transfer, run: u32, told: Told) {
        self.fate.note(format_args!("{} run {run} is told {told:?}", transfer.gid));
        if matches!(told, Told::Submitted { finished: true } | Told::Repeated { finished: true })
            && self.applied(&transfer.gid).len() != transfer.branches.len()
        {
            self.violation(format!("{}: told that it is finished, and not all is applied", transfer.gid));
        }
        self.seen().runs.insert((transfer.gid.clone(), run), Some(told));
    }

    /// A coordinator said yes to a request.
    pub fn acknowledged(&self, request: &str, gid: &str) {
        self.fate.note(format_args!("{gid}: {request} is acknowledged"));
        let status = self.store.row(gid).map(|row| row.status);
        let holds = match (request, status.as_deref()) {
            ("prepare", Some(_)) | ("submit", Some("submitted" | "succeed")) | ("abort", Some("failed")) => true,
            ("prepare" | "submit" | "abort", _) => false,
            _ => return,
        };
        if !holds {
            self.violation(format!("{gid}: {request} was acknowledged, and on disk it is {status:?}"));
        }
        self.seen().acknowledged.push((gid.to_owned(), request.to_owned()));
    }

    fn violation(&self, what: String) {
        self.fate.note(format_args!("VIOLATION {what}"));
        self.seen().violations.push(what);
    }

    /// The effects of a message's branches.
    fn applied(&self, gid: &str) -> Vec<Effect> {
        let effects = self.banks.values().flat_map(|bank| bank.effects());
        effects.filter(|effect| effect.gid == gid && effect.branch_id != "00").collect()
    }

    /// What is durable of each message.
    pub fn all_durable(&self) -> BTreeMap<String, String> {
        let gids: Vec<_> = self.seen().wanted.keys().cloned().collect();
        gids.into_iter().map(|gid| (gid.clone(), self.durable(&gid))).collect()
    }

    /// What is durable of a message: its status, its local transaction or the row that says that there never will be one,
    /// its branches.
    fn durable(&self, gid: &str) -> String {
        let mut words: Vec<_> = self.store.row(gid).map(|row| row.status).into_iter().collect();
        let effects = self.banks.values().flat_map(|bank| bank.effects()).filter(|effect| effect.gid == gid);
        for effect in effects {
            let is_local = effect.branch_id == "00";
            words.push(if is_local { "committed".to_owned() } else { format!("{} applied", effect.branch_id) });
        }
        if self.banks.values().any(|bank| bank.has_given_up(gid)) {
            words.push("given up".to_owned());
        }
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }

    /// Whether everything that was recorded has come to its end.
    pub fn all_ended(&self) -> bool {
        self.store.all_ended()
    }

    /// Checks the books, once everything has ended. Returns the violations, and how many messages succeeded and failed.
    ///
    /// A network that repeats a submit after its answer can make a message of one that was refused: no client can know.
    pub fn conclude(&self, submitted_twice: &BTreeSet<String>) -> (Vec<String>, u64, u64) {
        let (mut succeeded, mut failed) = (0, 0);
        let mut violations = self.seen().violations.clone();
        violations.extend(self.banks.values().flat_map(|bank| bank.violations()));
        let effects: Vec<_> = self.banks.values().flat_map(|bank| bank.effects()).collect();
        let seen = self.seen();
        for (gid, transfer) in &seen.wanted {
            let mut wrong = |what: String| violations.push(format!("{gid}: {what}"));
            let of_this = |branch_id: String| effects.iter().filter(move |e| e.gid == *gid && e.branch_id == branch_id);
            let status = self.store.row(gid).map(|row| row.status);
            let local: Vec<_> = of_this("00".to_owned()).collect();
            if local.len() > 1 {
                wrong(format!("the local transaction has committed {} times", local.len()));
            }
            let recorded = status.is_some();
            let is_to_be = if transfer.local { !local.is_empty() } else { recorded };
            match status.as_deref() {
                Some("succeed") => succeeded += 1,
                Some("failed") => failed += 1,
                None => {}
                Some(other) => wrong(format!("it has not ended: {other}")),
            }
            let expected = if is_to_be { Some("succeed") } else { Some("failed").filter(|_| recorded) };
            if status.as_deref() != expected {
                wrong(format!("it is {status:?}, and should be {expected:?}"));
            }
            for (number, (host, amount)) in (1..).zip(&transfer.branches) {
                let there: Vec<_> = of_this(format!("{number:02}")).collect();
                if there.len() != usize::from(is_to_be) {
                    wrong(format!("branch {number:02} was applied {} times, committed: {is_to_be}", there.len()));
                }
                let at_home = self.banks[host].effects().iter().filter(|e| there.contains(e)).count();
                if there.iter().any(|effect| effect.amount != *amount) || at_home != there.len() {
                    wrong(format!("branch {number:02} did something else: {there:?}"));
                }
            }
            let runs: Vec<_> =
                seen.runs.iter().filter(|((of, _), _)| of == gid).map(|((_, r), told)| (*r, *told)).collect();
            for (run, told) in runs.iter().filter_map(|(run, told)| Some((*run, (*told)?))) {
                let by_this_run = local.iter().any(|effect| effect.run == run);
                // Two that send one gid send one message: "committed" says that it has, whichever of them it was.
                let holds = match told {
                    Told::Submitted { .. } | Told::Repeated { .. } => is_to_be && recorded,
                    // Nobody else's call has committed either.
                    Told::GivenUp => !is_to_be,
                    Told::Committed => is_to_be,
                    Told::Stopped => false,
                    Told::Unknown => true,
                    Told::NotDone if transfer.local => !by_this_run,
                    // Somebody else's, who was not told that nothing has happened.
                    Told::NotDone if submitted_twice.contains(gid) => true,
                    Told::NotDone => !recorded || runs.iter().any(|(_, told)| *told != Some(Told::NotDone)),
                };
                let exact = match seen.settled.get(&(gid.clone(), run)) {
                    // Without a local transaction only the coordinator knew, and it may have forgotten it.
                    Some(Settled::Done) if !transfer.local && matches!(told, Told::Submitted { .. }) => true,
                    Some(Settled::Done) => matches!(told, Told::Repeated { .. }),
                    Some(Settled::GivenUp) => told == Told::GivenUp,
                    Some(Settled::Open) | None => true,
                };
                if !exact {
                    wrong(format!("run {run}, sent once all was quiet, was told {told:?}; committed: {is_to_be}"));
                }
                if !holds {
                    wrong(format!(
                        "run {run} was told {told:?}; committed: {is_to_be}, by it: {by_this_run}, {status:?}"
                    ));
                }
            }
        }
        for (gid, request) in &seen.acknowledged {
            if self.store.row(gid).is_none() {
                violations.push(format!("{gid}: {request} was acknowledged, and then forgotten"));
            }
        }
        let sum: i64 = effects.iter().map(|effect| effect.amount).sum();
        let without_payer: i64 = effects
            .iter()
            .filter(|e| e.branch_id != "00" && seen.wanted.get(&e.gid).is_some_and(|transfer| !transfer.local))
            .map(|effect| effect.amount)
            .sum();
        if sum != without_payer {
            violations.push(format!("money is not conserved: {} too much", sum - without_payer));
        }
        (violations, succeeded, failed)
    }
}
