//! The simulation: coordinators and services in one process, on one clock, from one seed.
//!
//! The coordinator is the real one, from its HTTP routes to its journal, and so are the client's side of each pattern and
//! the barrier. Behind their traits stand a network, a store and databases that belong to the simulation, and fail as
//! real ones do. One thread, Tokio's paused clock, every choice by the seed: a seed repeats its run exactly.
//!
//! A run is: orders, and faults of the kinds that the seed has drawn; then the faults end, and everything must finish;
//! then everything is sent once more under its old gid, and again when the coordinator has forgotten it; then the auditor
//! looks through the books.

mod audit;
mod bank;
mod database;
mod fate;
mod network;
mod order;
mod outbox;
mod process;
mod sqlstate;
mod store;
mod told;
mod trip;
mod workload;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use branchwire_coordinator::engine::Time;

pub use self::fate::{FailPoint, Fate, Fault, Phase};
pub use self::order::Order;
pub use self::trip::{Leg, Pattern, Trip};
pub use self::workload::Transfer;
use self::world::World;

/// When every run begins.
const EPOCH: Time = Time::from_millis(1_800_000_000_000);

/// How long the faults last, at most.
const FAULTS_LAST: Duration = Duration::from_mins(2);

/// How long everything may take to finish once they are over. No interval can have grown longer than this by then.
const REST: Duration = Duration::from_hours(48);

/// A seeded bug: a simulation that does not find it proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The store acknowledges writes that are not on disk yet.
    AcknowledgeBeforeDurable,
    /// Query-prepared leaves no barrier row.
    QueryPreparedLeavesNoRow,
    /// No response from query-prepared counts as a no.
    UnknownIsFailure,
    /// The coordinator's restart forgets due transactions.
    RestartDropsDue,
    /// A branch's barrier never finds its own row.
    BranchSkipsItsRow,
    /// A barrier row that can be read counts, whether it is on disk or not.
    ReadsWhatIsNotOnDisk,
    /// A request is accepted because of another coordinator's row, whether that is on disk or not.
    AcceptsWhatIsNotOnDisk,
    /// An error code at a COMMIT that nobody knows is taken for a certain "no".
    UnknownCodeIsRefused,
    /// A client whose gid was given up earlier is told that it has committed earlier.
    GiveUpToldAsRepetition,
    /// A relay marks a message as sent when it takes it, before the coordinator has acknowledged it.
    MarkedBeforeAcknowledged,
    /// The lease of an outbox row never ends.
    LeaseNeverEnds,
    /// A relay sends what a transaction has written that is still open.
    SentFromOpenTransaction,
    /// A row is removed once it is sent, while its gid may still be repeated.
    RemovedWhenSent,
    /// A sender answers its client once its COMMIT is on its way, before it knows whether it has committed.
    AnsweredBeforeCommit,
    /// A row is marked as sent when its sender answers at the commit, since the submit is about to be made.
    MarkedWhenAnswered,
    /// A second submit ends a TCC, whatever is confirmed.
    SecondSubmitEnds,
    /// A branch that another coordinator has registered before this one decides a TCC is neither confirmed nor cancelled.
    LateRegistrationLeaks,
    /// A saga's action is called before the success of the one before is durable.
    ProgressIsNotDurable,
    /// A confirm does not look for its try, and the client submits after a try that failed.
    ConfirmWithoutTry,
    /// Compensations and cancels are called before the direction is durable.
    UndoneBeforeTheDirectionIsDurable,
    /// A compensation that comes before its action leaves no mark.
    NullCompensationLeavesNoMark,
}

/// What clients order in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orders {
    /// Messages.
    Messages,
    /// Messages, which bank A sends by an outbox, without prepare; some clients are answered at the commit. What the coordinator has ended is forgotten when the
    /// faults are over, so that acknowledgements that were lost meet one that knows nothing.
    MessagesByOutbox,
    /// Sagas and TCCs.
    Trips,
}

impl Bug {
    /// All that a world without an outbox can show.
    pub const ALL: [Self; 9] = [
        Self::AcknowledgeBeforeDurable,
        Self::QueryPreparedLeavesNoRow,
        Self::UnknownIsFailure,
        Self::RestartDropsDue,
        Self::BranchSkipsItsRow,
        Self::ReadsWhatIsNotOnDisk,
        Self::AcceptsWhatIsNotOnDisk,
        Self::UnknownCodeIsRefused,
        Self::GiveUpToldAsRepetition,
    ];

    /// Those of the outbox, which only a world with one can show.
    pub const OF_OUTBOX: [Self; 7] = [
        Self::MarkedBeforeAcknowledged,
        Self::LeaseNeverEnds,
        Self::SentFromOpenTransaction,
        Self::RemovedWhenSent,
        Self::AnsweredBeforeCommit,
        Self::MarkedWhenAnswered,
        Self::GiveUpToldAsRepetition,
    ];

    /// Those that only a world with sagas and TCCs can show.
    pub const OF_TRIPS: [Self; 7] = [
        Self::SecondSubmitEnds,
        Self::LateRegistrationLeaks,
        Self::ProgressIsNotDurable,
        Self::ConfirmWithoutTry,
        Self::UndoneBeforeTheDirectionIsDurable,
        Self::NullCompensationLeavesNoMark,
        Self::GiveUpToldAsRepetition,
    ];

    /// Whether only two coordinators can make it.
    const fn takes_two(self) -> bool {
        matches!(self, Self::AcceptsWhatIsNotOnDisk | Self::LateRegistrationLeaks)
    }
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was ordered.
    pub transactions: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed, correctly.
    pub failed: u64,
    /// The faults that happened.
    pub faults: BTreeMap<Fault, u64>,
    /// The violations.
    pub violations: Vec<String>,
    /// A digest of all that happened.
    pub digest: u64,
    /// How much happened.
    pub events: u64,
    /// How much time passed in it.
    pub time: Duration,
    /// What happened, if that was asked for.
    pub trace: Vec<String>,
    /// The fail points that were not reached.
    pub not_reached: Vec<FailPoint>,
    /// The places that were passed at which a process can die.
    pub passed: BTreeSet<FailPoint>,
    /// What was durable of each order when a process died last: its status, its local transaction, its branches.
    pub at_death: BTreeMap<String, String>,
}

/// Runs the simulation of `seed`, in a world with these orders.
pub fn run(orders: Orders, seed: u64, bug: Option<Bug>, trace: bool) -> Report {
    on_own_clock(async move {
        let fate = Fate::of_seed(seed, trace);
        let coordinators = if fate.chance(30) || bug.is_some_and(Bug::takes_two) { 2 } else { 1 };
        // A DTM server does not say what it knows of a gid.
        let says_gids = fate.chance(50);
        let world = World::new(fate, coordinators, says_gids, bug, orders);
        world.clone().live_through().await;
        world.conclude()
    })
}

/// Carries out one order, with a crash at each of these places, one after the other, and no other fault.
pub fn run_to(fail_points: &[FailPoint], order: &Order, trace: bool) -> Report {
    let (order, fate) = (order.clone(), fail_points.to_vec());
    on_own_clock(async move {
        let orders = match &order {
            Order::Message(_) => Orders::Messages,
            Order::Trip(_) => Orders::Trips,
        };
        let world = World::new(Fate::of_fail_points(&fate, trace), 1, true, None, orders);
        world.clone().carry_out(order).await;
        world.conclude()
    })
}

fn on_own_clock(run: impl Future<Output = Report>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without a network needs nothing").block_on(run)
}
