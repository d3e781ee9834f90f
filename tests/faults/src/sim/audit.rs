//! The auditor: compares its observations with a model of its own, which does not depend on the implementation.

mod message;
mod trip;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use branchwire::protocol::Op;

use super::database::{Database, Effect};
use super::fate::Fate;
use super::order::{Order, Run};
use super::store::Disk;
use super::told::Told;

/// Observes all acknowledgements, and at the end all books.
#[derive(Debug)]
pub(super) struct Auditor {
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
    wanted: BTreeMap<String, Order>,
    /// The result of each run of an order; none, if it still runs or its process died.
    runs: BTreeMap<(String, Run), Option<Told>>,
    /// Where those stood that were sent once all was quiet.
    settled: BTreeMap<(String, Run), Settled>,
    /// The status of each when the coordinators forgot what had ended.
    forgotten: BTreeMap<String, Option<String>>,
    acknowledged: Vec<(String, String)>,
    violations: Vec<String>,
}

/// All that is known of one order.
#[derive(Debug)]
struct Record {
    gid: String,
    /// Its status at the coordinators.
    status: Option<String>,
    /// The status that it had before the coordinators forgot it; the same if they have not.
    status_before: Option<String>,
    /// What has become of it in the banks, each in its order.
    effects: Vec<(&'static str, Effect)>,
    runs: Vec<(Run, Option<Told>)>,
    settled: BTreeMap<Run, Settled>,
    /// Whether the network has repeated its submit. It can make a message or a saga of one that was refused: no client can
    /// know.
    is_submitted_twice: bool,
}

impl Record {
    /// What was applied of a branch.
    fn of_branch(&self, branch_id: &str) -> impl Iterator<Item = &(&'static str, Effect)> {
        self.effects.iter().filter(move |(_, effect)| effect.branch_id == branch_id)
    }
}

impl Auditor {
    /// An auditor with access to all books.
    pub(super) fn new(fate: Arc<Fate>, store: Arc<Disk>, banks: BTreeMap<&'static str, Arc<Database>>) -> Arc<Self> {
        Arc::new(Self { fate, store, banks, seen: Mutex::default() })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is about to send this.
    pub(super) fn wanted(&self, order: &Order) {
        self.seen().wanted.insert(order.gid().to_owned(), order.clone());
    }

    /// It is sent; `run` says which of those that send it this is.
    pub(super) fn begins(&self, order: &Order, run: Run) {
        self.fate.note(format_args!("{} run {} begins", order.gid(), run.number()));
        self.seen().runs.insert((order.gid().to_owned(), run), None);
    }

    /// It is sent once more, after everything has ended and nothing goes wrong any more: now the answer must be exact.
    /// Whether it is to be sent at all: a trip that is done, and forgotten, would be a new one, and could be undone.
    pub(super) fn repeats(&self, order: &Order, run: Run) -> bool {
        let gid = order.gid();
        let settled = match order {
            Order::Message(transfer) => {
                let local = self.effects(gid).iter().any(|(_, effect)| effect.branch_id == "00");
                if local || (!transfer.local && self.branches_applied(gid) > 0) {
                    Settled::Done
                } else if self.banks.values().any(|bank| bank.has_given_up(gid)) {
                    Settled::GivenUp
                } else {
                    Settled::Open
                }
            }
            Order::Trip(_) => {
                let status = self.seen().forgotten.get(gid).cloned().unwrap_or_else(|| self.status(gid));
                let is_marked = run != Run::Forgotten || self.banks.values().any(|bank| bank.has_marks_of(gid));
                match status.as_deref() {
                    Some("succeed") => Settled::Done,
                    Some("failed") if is_marked => Settled::GivenUp,
                    _ => Settled::Open,
                }
            }
        };
        if matches!(order, Order::Trip(_)) && run == Run::Forgotten && settled == Settled::Done {
            return false;
        }
        self.fate.note(format_args!("{gid} run {} repeats what is {settled:?}", run.number()));
        self.seen().settled.insert((gid.to_owned(), run), settled);
        true
    }

    /// All that anybody wants.
    pub(super) fn all_wanted(&self) -> Vec<Order> {
        self.seen().wanted.values().cloned().collect()
    }

    /// A client got this result.
    pub(super) fn told(&self, order: &Order, run: Run, told: Told) {
        let gid = order.gid();
        self.fate.note(format_args!("{gid} run {} is told {told:?}", run.number()));
        let holds = match (order, told) {
            (Order::Message(transfer), Told::Submitted { finished: true } | Told::Repeated { finished: true }) => {
                self.branches_applied(gid) == transfer.branches.len()
            }
            (Order::Trip(trip), Told::Submitted { finished: true } | Told::Repeated { finished: true }) => {
                trip::is_done(trip, &self.effects(gid))
            }
            (Order::Trip(trip), Told::Undone { finished: true }) => !trip::stands(trip, &self.effects(gid)),
            _ => true,
        };
        if !holds {
            self.violation(format!("{gid}: told {told:?}, and that is not so"));
        }
        self.seen().runs.insert((gid.to_owned(), run), Some(told));
    }

    /// A coordinator said yes to a request about this branch, if it is about one.
    pub(super) fn acknowledged(&self, request: &str, gid: &str, branch_id: &str) {
        self.fate.note(format_args!("{gid}: {request} is acknowledged"));
        let row = self.store.row(gid);
        let status = row.as_ref().map(|row| row.status.as_str());
        let is_saga = row.as_ref().is_some_and(|row| row.trans_type == "saga");
        let holds = match (request, status) {
            ("prepare", Some(_))
            | ("submit", Some("submitted" | "succeed"))
            | ("abort", Some("failed" | "aborting")) => true,
            // It may have turned back since.
            ("submit", Some("aborting" | "failed")) => is_saga,
            ("registerBranch", _) => row.is_some_and(|row| row.branches.iter().any(|row| row.branch_id == branch_id)),
            ("prepare" | "submit" | "abort", _) => false,
            _ => return,
        };
        if !holds {
            self.violation(format!(
                "{gid}: {request} {branch_id} was acknowledged, and on disk it is {:?}",
                self.status(gid)
            ));
        }
        self.seen().acknowledged.push((gid.to_owned(), request.to_owned()));
    }

    /// A coordinator calls a branch: what it asks for must follow from what is on disk.
    pub(super) fn called(&self, op: &str, gid: &str) {
        let status = self.status(gid);
        let follows = match op {
            "compensate" | "cancel" => matches!(status.as_deref(), Some("aborting" | "failed")),
            "confirm" => matches!(status.as_deref(), Some("submitted" | "succeed")),
            _ => true,
        };
        if !follows {
            self.violation(format!("{gid}: {op} is called, and on disk it is {status:?}"));
        }
    }

    fn violation(&self, what: String) {
        self.fate.note(format_args!("VIOLATION {what}"));
        self.seen().violations.push(what);
    }

    /// The durable status of an order.
    fn status(&self, gid: &str) -> Option<String> {
        self.store.row(gid).map(|row| row.status)
    }

    /// What was applied of an order, by bank, each in its order.
    fn effects(&self, gid: &str) -> Vec<(&'static str, Effect)> {
        let all =
            self.banks.iter().flat_map(|(name, bank)| bank.effects().into_iter().map(move |effect| (*name, effect)));
        all.filter(|(_, effect)| effect.gid == gid).collect()
    }

    /// How many effects a message's branches have.
    fn branches_applied(&self, gid: &str) -> usize {
        self.effects(gid).iter().filter(|(_, effect)| effect.branch_id != "00").count()
    }

    /// What is durable of each order.
    pub(super) fn all_durable(&self) -> BTreeMap<String, String> {
        let gids: Vec<_> = self.seen().wanted.keys().cloned().collect();
        gids.into_iter().map(|gid| (gid.clone(), self.durable(&gid))).collect()
    }

    /// What is durable of an order: its status, its local transaction or the row that says that there never will be one,
    /// its branches.
    fn durable(&self, gid: &str) -> String {
        let mut words: Vec<_> = self.status(gid).into_iter().collect();
        for (_, Effect { branch_id, op, .. }) in self.effects(gid) {
            let done = match op {
                Op::Msg => {
                    words.push("committed".to_owned());
                    continue;
                }
                Op::Try => "tried",
                Op::Confirm => "confirmed",
                Op::Compensate => "compensated",
                Op::Cancel => "cancelled",
                _ => "applied",
            };
            words.push(format!("{branch_id} {done}"));
        }
        if self.banks.values().any(|bank| bank.has_given_up(gid)) {
            words.push("given up".to_owned());
        }
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }

    /// Whether everything that was recorded has come to its end.
    pub(super) fn all_ended(&self) -> bool {
        self.store.all_ended()
    }

    /// The coordinators forget now what has ended: the books must agree with what they had recorded.
    pub(super) fn forgets(&self) {
        for order in self.all_wanted() {
            let record = self.record(order.gid(), &BTreeSet::new());
            if let Order::Trip(trip) = &order {
                for what in trip::books(trip, &record) {
                    self.violation(format!("{}: {what}", trip.gid));
                }
            }
            self.seen().forgotten.insert(record.gid, record.status);
        }
    }

    fn record(&self, gid: &str, submitted_twice: &BTreeSet<String>) -> Record {
        let (status, effects) = (self.status(gid), self.effects(gid));
        let seen = self.seen();
        let runs = seen.runs.iter().filter(|((of, _), _)| of == gid).map(|((_, run), told)| (*run, *told));
        let settled = seen.settled.iter().filter(|((of, _), _)| of == gid).map(|((_, run), settled)| (*run, *settled));
        Record {
            gid: gid.to_owned(),
            status_before: seen.forgotten.get(gid).unwrap_or(&status).clone(),
            status,
            effects,
            runs: runs.collect(),
            settled: settled.collect(),
            is_submitted_twice: submitted_twice.contains(gid),
        }
    }

    /// Checks the books, once everything has ended. Returns the violations, and how many orders succeeded and failed.
    pub(super) fn conclude(&self, submitted_twice: &BTreeSet<String>) -> (Vec<String>, u64, u64) {
        let (mut succeeded, mut failed) = (0, 0);
        let mut violations = self.seen().violations.clone();
        violations.extend(self.banks.values().flat_map(|bank| bank.violations()));
        // What was added to accounts, and never taken from any.
        let mut too_much = 0;
        for order in self.all_wanted() {
            let record = self.record(order.gid(), submitted_twice);
            match record.status.as_deref() {
                Some("succeed") => succeeded += 1,
                Some("failed") => failed += 1,
                _ => {}
            }
            let wrong = match &order {
                Order::Message(transfer) => {
                    let counts = |effect: &Effect| transfer.local || effect.branch_id == "00";
                    let counted = record.effects.iter().filter(|(_, effect)| counts(effect));
                    too_much += counted.map(|(_, effect)| effect.amount).sum::<i64>();
                    message::check(transfer, &record)
                }
                Order::Trip(trip) => trip::check(trip, &record),
            };
            violations.extend(wrong.into_iter().map(|what| format!("{}: {what}", record.gid)));
        }
        for (gid, request) in &self.seen().acknowledged {
            if self.store.row(gid).is_none() {
                violations.push(format!("{gid}: {request} was acknowledged, and then forgotten"));
            }
        }
        if too_much != 0 {
            violations.push(format!("money is not conserved: {too_much} too much"));
        }
        (violations, succeeded, failed)
    }
}
