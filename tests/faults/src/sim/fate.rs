//! The faults and their times, drawn from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Display};
use std::future::pending;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::process::Life;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A process dies before a call that it is about to make has any effect.
    CrashBefore,
    /// A process dies after a call had its effect, and before the response.
    CrashUnheard,
    /// A process dies just after the response to a call.
    CrashAfter,
    /// A process dies at any moment.
    CrashAnywhere,
    /// A process is stopped in an orderly way.
    Stop,
    /// A database dies: open transactions are gone, and what was not on disk.
    DatabaseCrash,
    /// A request never arrives.
    RequestLost,
    /// A request has its effect, and the answer never arrives.
    ResponseLost,
    /// The answer is cut in the middle.
    ResponseCut,
    /// A packet takes seconds.
    Delay,
    /// A request arrives twice, the second time much later.
    Duplicate,
    /// Two processes cannot reach each other for a while.
    Partition,
    /// Something between them answers in a branch's place.
    StrangeAnswer,
    /// A branch's business fails, and is to be called again.
    BusinessFails,
    /// The store is not available.
    StoreUnavailable,
    /// The store's answer is lost; the write has taken effect.
    StoreUnheard,
    /// The store's answer is lost, and so is the write.
    StoreLost,
    /// The store's answer is lost, and the write takes effect later.
    StoreLate,
    /// A connection to a database is lost before a statement.
    ConnectionLost,
    /// A database picks a transaction as the victim of a deadlock.
    Deadlock,
    /// The answer to a COMMIT is lost; it has taken effect.
    CommitUnheard,
    /// A COMMIT is lost, and so is its answer.
    CommitLost,
    /// The answer to a COMMIT is lost, and it takes effect later.
    CommitLate,
    /// A COMMIT is refused.
    CommitRefused,
    /// A COMMIT is answered with an error code, which mostly leaves open whether it has taken effect.
    CommitCode,
    /// A coordinator's clock jumps ahead.
    ClockJump,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::CrashBefore,
        Self::CrashUnheard,
        Self::CrashAfter,
        Self::CrashAnywhere,
        Self::Stop,
        Self::DatabaseCrash,
        Self::RequestLost,
        Self::ResponseLost,
        Self::ResponseCut,
        Self::Delay,
        Self::Duplicate,
        Self::Partition,
        Self::StrangeAnswer,
        Self::BusinessFails,
        Self::StoreUnavailable,
        Self::StoreUnheard,
        Self::StoreLost,
        Self::StoreLate,
        Self::ConnectionLost,
        Self::Deadlock,
        Self::CommitUnheard,
        Self::CommitLost,
        Self::CommitLate,
        Self::CommitRefused,
        Self::CommitCode,
        Self::ClockJump,
    ];
}

/// Where in a call a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before it has any effect.
    Before,
    /// After its effect, before the response.
    Unheard,
    /// After the response.
    After,
}

/// A place where a process can die: a fail point, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailPoint {
    /// The process.
    pub process: String,
    /// Where in the call.
    pub phase: Phase,
    /// The call: what is asked, and of what.
    pub call: String,
}

impl FromStr for FailPoint {
    type Err = String;

    /// Reads `PROCESS before CALL` or `PROCESS unheard CALL`.
    fn from_str(name: &str) -> Result<Self, String> {
        let wrong = || format!("`{name}` names no fail point");
        let (process, rest) = name.split_once(' ').ok_or_else(wrong)?;
        let (phase, call) = match rest.split_once(' ').ok_or_else(wrong)? {
            ("before", call) => (Phase::Before, call),
            ("unheard", call) => (Phase::Unheard, call),
            _ => return Err(wrong()),
        };
        Ok(Self { process: process.to_owned(), phase, call: call.to_owned() })
    }
}

impl Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Before => "before",
            Phase::Unheard => "unheard",
            Phase::After => "after",
        };
        write!(f, "{} {phase} {}", self.process, self.call)
    }
}

/// The fate of one run.
#[derive(Debug)]
pub struct Fate {
    start: Instant,
    drawn: Mutex<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    rng: fastrand::Rng,
    /// The frequency of each fault, per thousand occasions; a fault that this run does not have is missing.
    odds: BTreeMap<Fault, u32>,
    /// The crashes to come, one after the other.
    fail_points: VecDeque<FailPoint>,
    /// The places that were passed, but for those after an answer: these are those before the next call.
    passed: BTreeSet<FailPoint>,
    counts: BTreeMap<Fault, u64>,
    /// A digest of all that happened: equal runs have equal ones.
    digest: u64,
    events: u64,
    trace: Option<Vec<String>>,
}

impl Fate {
    /// The fate that `seed` stands for. Which faults there are is drawn as well, and how frequent.
    pub fn of_seed(seed: u64, trace: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut odds = BTreeMap::new();
        // Some runs have nearly all faults, some have few: a rare one is seen best where it is alone.
        let presence = [15, 30, 60][rng.usize(..3)];
        for fault in Fault::ALL {
            if rng.u32(..100) < presence {
                odds.insert(fault, [3, 10, 40][rng.usize(..3)]);
            }
        }
        Self::new(rng, odds, &[], trace)
    }

    /// Nothing goes wrong but at these places, one after the other, once each.
    pub fn of_fail_points(fail_points: &[FailPoint], trace: bool) -> Self {
        Self::new(fastrand::Rng::with_seed(0), BTreeMap::new(), fail_points, trace)
    }

    fn new(rng: fastrand::Rng, odds: BTreeMap<Fault, u32>, fail_points: &[FailPoint], trace: bool) -> Self {
        let (counts, trace) = (BTreeMap::new(), trace.then(Vec::new));
        let (fail_points, passed) = (fail_points.iter().cloned().collect(), BTreeSet::new());
        let digest = 0xcbf2_9ce4_8422_2325;
        let drawn = Drawn { rng, odds, fail_points, passed, counts, digest, events: 0, trace };
        Self { start: Instant::now(), drawn: Mutex::new(drawn) }
    }

    fn drawn(&self) -> std::sync::MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this run has such faults at all.
    pub fn has(&self, fault: Fault) -> bool {
        self.drawn().odds.contains_key(&fault)
    }

    /// Whether it happens now; counted if it does.
    pub fn happens(&self, fault: Fault) -> bool {
        let mut drawn = self.drawn();
        let Some(odds) = drawn.odds.get(&fault).copied() else { return false };
        let happens = drawn.rng.u32(..1000) < odds;
        if happens {
            *drawn.counts.entry(fault).or_default() += 1;
        }
        happens
    }

    /// One that was decided elsewhere.
    pub fn count(&self, fault: Fault) {
        *self.drawn().counts.entry(fault).or_default() += 1;
    }

    /// A number below `limit`, by chance.
    pub fn below(&self, limit: u64) -> u64 {
        self.drawn().rng.u64(..limit.max(1))
    }

    /// Whether something ordinary is so, in `of_a_hundred` cases.
    pub fn chance(&self, of_a_hundred: u64) -> bool {
        self.below(100) < of_a_hundred
    }

    /// A time between the two, in milliseconds.
    pub fn between(&self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.below(to_ms - from_ms))
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.drawn().odds.clear();
    }

    /// Records an event.
    pub fn note(&self, what: impl Display) {
        let line = format!("{:9.3} {what}", self.start.elapsed().as_secs_f64());
        let mut drawn = self.drawn();
        drawn.events += 1;
        // FNV-1a.
        drawn.digest =
            line.bytes().fold(drawn.digest, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        if let Some(trace) = &mut drawn.trace {
            trace.push(line);
        }
    }

    /// The digest of all that happened, and how much that was.
    pub fn digest(&self) -> (u64, u64) {
        let drawn = self.drawn();
        (drawn.digest, drawn.events)
    }

    /// How much has happened so far.
    pub fn events(&self) -> u64 {
        self.drawn().events
    }

    /// How often each fault happened.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        self.drawn().counts.clone()
    }

    /// What happened, line by line, if that was asked for.
    pub fn trace(&self) -> Vec<String> {
        self.drawn().trace.clone().unwrap_or_default()
    }

    /// The way to wherever a call has its effect. A process that dies, or is dead, never gets there.
    pub async fn before(&self, life: &Life, call: &str) {
        self.stage(life, call, Phase::Before, Fault::CrashBefore).await;
    }

    /// The way back of an answer.
    pub async fn after(&self, life: &Life, call: &str) {
        self.stage(life, call, Phase::Unheard, Fault::CrashUnheard).await;
        if self.crashes(life, call, Phase::After, Fault::CrashAfter) {
            // The process may go on for a few steps before it dies.
            let (life, steps) = (life.clone(), self.below(6));
            tokio::spawn(async move {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
                life.die();
            });
        }
    }

    async fn stage(&self, life: &Life, call: &str, phase: Phase, crash: Fault) {
        life.lives().await;
        // Varies the order of events at the same time.
        sleep(self.between(0, 3)).await;
        life.lives().await;
        if self.crashes(life, call, phase, crash) {
            life.die();
            pending::<()>().await;
        }
    }

    /// Whether the process dies here.
    fn crashes(&self, life: &Life, call: &str, phase: Phase, crash: Fault) -> bool {
        let crashes = self.fails_here(life, call, phase, crash) || self.happens(crash);
        if crashes {
            self.note(format_args!("{} dies {phase:?} {call}", life.name()));
        }
        crashes
    }

    fn fails_here(&self, life: &Life, call: &str, phase: Phase, crash: Fault) -> bool {
        let place = FailPoint { process: life.name().to_owned(), phase, call: call.to_owned() };
        let mut drawn = self.drawn();
        let here = drawn.fail_points.front() == Some(&place);
        if here {
            drawn.fail_points.pop_front();
            *drawn.counts.entry(crash).or_default() += 1;
        }
        if phase != Phase::After {
            drawn.passed.insert(place);
        }
        here
    }

    /// The fail points that were not reached.
    pub fn not_reached(&self) -> Vec<FailPoint> {
        self.drawn().fail_points.iter().cloned().collect()
    }

    /// The places that were passed at which a process can die.
    pub fn passed(&self) -> BTreeSet<FailPoint> {
        self.drawn().passed.clone()
    }
}
