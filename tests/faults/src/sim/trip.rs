//! The clients' orders of sagas and TCCs: trips of several legs.

use std::time::Duration;

use branchwire::client::{ClientError, TryCall};
use branchwire::protocol::{TccRegistration, TransType, Transaction, TransactionOptions};
use branchwire::saga::Saga;
use branchwire::tcc::CallError;
use branchwire::{Client, Gid, MsgBranch, SagaDone, SagaNotDone, SagaStep, Tcc, TccBranch, TccDone, TccNotDone};
use bytes::Bytes;
use futures_util::future::join;
use tokio::time::{sleep, timeout};

use super::Bug;
use super::bank::Asked;
use super::fate::Fate;
use super::told::Told;

/// How long a careless client waits for a try.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);

/// Which of the two patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Actions and compensations.
    Saga,
    /// Tries, confirms and cancels.
    Tcc,
}

/// One ordered saga or TCC.
#[derive(Debug, Clone)]
pub struct Trip {
    /// Its name.
    pub gid: String,
    /// Which pattern it is.
    pub pattern: Pattern,
    /// Its legs, in stages: those of a stage are called at once. No stage is empty.
    pub stages: Vec<Vec<Leg>>,
    /// Where a branch is called once all legs of a saga are done; it cannot refuse.
    pub finally: Option<&'static str>,
    /// Whether the client of a TCC decides against it in the end.
    pub gives_up: bool,
    /// Whether the client of a TCC whose confirms are not all applied yet submits it once more, as other clients do.
    pub insists: bool,
    /// After which time the client asks for the rollback of a saga.
    pub regrets: Option<Duration>,
    /// How long the client of a TCC thinks before each call.
    pub thinks: Duration,
    /// Whether the client waits for the end of a saga's run.
    pub waits: bool,
    /// Seconds after which it is rolled back; 0: never, for a saga.
    pub within: u64,
    /// How many calls of a saga's actions may give no clear answer; 0: any number.
    pub retry_limit: u32,
    /// Seconds.
    pub retry_interval: u64,
}

/// One leg of a trip.
#[derive(Debug, Clone, Copy)]
pub struct Leg {
    /// Its host.
    pub host: &'static str,
    /// What it is to get.
    pub amount: i64,
    /// Whether it refuses.
    pub refuses: bool,
}

impl Leg {
    fn asked(self) -> Asked {
        Asked { amount: self.amount, refuses: self.refuses }
    }

    fn url(self, what: &str) -> String {
        format!("http://{}/{what}", self.host)
    }

    fn step(self) -> SagaStep {
        let compensate = self.url("compensate");
        SagaStep::url(&self.url("action"), Some(&compensate), &self.asked()).expect("addresses")
    }

    fn branch(self) -> TccBranch {
        TccBranch::url(&self.url("try"), &self.url("confirm"), &self.url("cancel"), &self.asked()).expect("addresses")
    }
}

/// What a client is told whose gid was given up earlier.
fn given_up(finished: bool, bug: Option<Bug>) -> Told {
    match bug {
        Some(Bug::GiveUpToldAsRepetition) => Told::Repeated { finished: false },
        _ => Told::Undone { finished },
    }
}

/// Why the client of a TCC decides against it.
enum Against {
    Call,
    GivesUp,
}

impl From<CallError> for Against {
    fn from(_: CallError) -> Self {
        Self::Call
    }
}

impl Trip {
    /// One by chance.
    pub fn draw(fate: &Fate, number: u64) -> Self {
        let hosts = ["bank-b", "bank-c"];
        let pattern = if fate.chance(50) { Pattern::Saga } else { Pattern::Tcc };
        let sizes: &[usize] = [&[1][..], &[1, 1], &[1, 1], &[2], &[1, 1, 1], &[2, 1], &[1, 2]]
            [usize::try_from(fate.below(7)).unwrap_or(0)];
        let leg = |fate: &Fate| Leg {
            host: hosts[usize::from(fate.chance(50))],
            amount: i64::try_from(fate.below(100)).unwrap_or(0) + 1,
            refuses: fate.chance(10),
        };
        let is_saga = pattern == Pattern::Saga;
        Self {
            gid: format!("g{number}"),
            pattern,
            stages: sizes.iter().map(|size| (0..*size).map(|_| leg(fate)).collect()).collect(),
            finally: (is_saga && fate.chance(25)).then_some("bank-b"),
            gives_up: fate.chance(15),
            insists: fate.chance(50),
            // Often at once, so that its actions are under way.
            regrets: (is_saga && fate.chance(30)).then(|| fate.between(0, if fate.chance(60) { 100 } else { 12_000 })),
            thinks: if fate.chance(70) { Duration::ZERO } else { fate.between(0, 3000) },
            waits: fate.chance(50),
            within: if is_saga && fate.chance(60) { 0 } else { fate.below(10) + 1 },
            retry_limit: if fate.chance(80) { 0 } else { 1 + u32::try_from(fate.below(3)).unwrap_or(0) },
            retry_interval: fate.below(4) + 1,
        }
    }

    /// All its legs, in their order.
    pub fn legs(&self) -> impl Iterator<Item = Leg> {
        self.stages.iter().flatten().copied()
    }

    fn gid(&self) -> Gid {
        Gid::new(self.gid.clone()).expect("a letter and a number")
    }

    /// Sends it; with its regrets only if it is `hasty`.
    pub(super) async fn send(&self, client: &Client, hasty: bool, bug: Option<Bug>) -> Told {
        match self.pattern {
            Pattern::Saga if hasty => join(self.saga(client, bug), self.regret(client)).await.0,
            Pattern::Saga => self.saga(client, bug).await,
            Pattern::Tcc if bug == Some(Bug::ConfirmWithoutTry) => self.tcc_without_care(client).await,
            Pattern::Tcc => self.tcc(client, bug).await,
        }
    }

    async fn saga(&self, client: &Client, bug: Option<Bug>) -> Told {
        let saga = self.steps(client);
        let done = if self.waits { saga.run().await } else { saga.submit().await };
        match done {
            Ok(SagaDone::Succeeded { .. }) => Told::Submitted { finished: true },
            Ok(SagaDone::Running { .. }) => Told::Submitted { finished: false },
            Ok(SagaDone::Unknown { .. }) => Told::Unknown,
            Err(SagaNotDone::NotStarted(_)) => Told::NotDone,
            Err(SagaNotDone::RollingBack { .. }) => Told::Undone { finished: false },
            Err(SagaNotDone::RolledBack { .. }) => Told::Undone { finished: true },
            Err(SagaNotDone::GivenUp { finished, .. }) => given_up(finished, bug),
            Err(SagaNotDone::OtherTransaction { .. }) => Told::Another,
        }
    }

    fn steps(&self, client: &Client) -> Saga {
        let mut stages = self.stages.iter().map(|stage| stage.iter().map(|leg| leg.step()));
        let mut first = stages.next().expect("a stage");
        let mut saga = client.saga(first.next().expect("a leg")).and_all(first);
        for mut stage in stages {
            saga = saga.then(stage.next().expect("a leg")).and_all(stage);
        }
        if let Some(host) = self.finally {
            let branch = MsgBranch::url(&format!("http://{host}/finally"), &Asked { amount: 0, refuses: false });
            saga = saga.finally(branch.expect("an address"));
        }
        saga = saga.gid(self.gid()).retry_interval(Duration::from_secs(self.retry_interval));
        if self.within > 0 {
            saga = saga.roll_back_after(Duration::from_secs(self.within));
        }
        if self.retry_limit > 0 {
            saga = saga.retry_limit(self.retry_limit);
        }
        saga
    }

    /// The client asks for the rollback; nobody waits for what comes of it.
    async fn regret(&self, client: &Client) {
        let Some(after) = self.regrets else { return };
        sleep(after).await;
        let transaction =
            Transaction { gid: self.gid.clone(), trans_type: TransType::Saga.to_string(), ..Transaction::default() };
        drop(client.abort(&transaction).await);
    }

    async fn tcc(&self, client: &Client, bug: Option<Bug>) -> Told {
        let tcc = client.tcc().gid(self.gid()).within(Duration::from_secs(self.within));
        let done = tcc
            .retry_interval(Duration::from_secs(self.retry_interval))
            .run(async |tcc: &mut Tcc| {
                for stage in &self.stages {
                    sleep(self.thinks).await;
                    match stage[..] {
                        [leg] => tcc.call(leg.branch()).await?,
                        _ => drop(tcc.join(stage.iter().map(|leg| leg.branch()).collect::<Vec<_>>()).await?),
                    }
                }
                sleep(self.thinks).await;
                if self.gives_up { Err(Against::GivesUp) } else { Ok(()) }
            })
            .await;
        if self.insists && matches!(done, Ok(TccDone::Confirmed { finished: false, .. })) {
            let trans_type = TransType::Tcc.to_string();
            let transaction = Transaction { gid: self.gid.clone(), trans_type, ..Transaction::default() };
            drop(client.submit(&transaction).await);
        }
        match done {
            Ok(TccDone::Confirmed { finished, .. }) => Told::Submitted { finished },
            Ok(TccDone::Repeated { finished, .. }) => Told::Repeated { finished },
            Ok(TccDone::Stopped { .. }) => Told::Stopped,
            Ok(TccDone::Unknown { .. }) => Told::Unknown,
            Err(TccNotDone::NotStarted(_)) => Told::NotDone,
            Err(TccNotDone::OtherTransaction { .. }) => Told::Another,
            Err(TccNotDone::GivenUp { finished, .. }) => given_up(finished, bug),
            Err(
                TccNotDone::CallFailed { finished, .. }
                | TccNotDone::TimedOut { finished, .. }
                | TccNotDone::Cancelled { finished, why: Against::Call | Against::GivesUp, .. },
            ) => Told::Undone { finished },
        }
    }

    /// As a client does it that does not look at what its tries answer.
    async fn tcc_without_care(&self, client: &Client) -> Told {
        let gid = self.gid();
        let trans_type = TransType::Tcc.to_string();
        let timeout_to_fail = i64::try_from(self.within).unwrap_or(0) + 5;
        let options = TransactionOptions { timeout_to_fail, ..TransactionOptions::default() };
        let transaction =
            Transaction { gid: self.gid.clone(), trans_type: trans_type.clone(), options, ..Transaction::default() };
        if client.prepare(&transaction).await.is_err() {
            return Told::NotDone;
        }
        for (number, leg) in (1..).zip(self.legs()) {
            let branch_id = format!("{number:02}");
            let data = serde_json::to_string(&leg.asked()).expect("a number and a flag");
            let registration = TccRegistration {
                gid: self.gid.clone(),
                trans_type: trans_type.clone(),
                branch_id: branch_id.clone(),
                data: data.clone(),
                confirm: leg.url("confirm"),
                cancel: leg.url("cancel"),
            };
            if client.register_branch(&registration).await.is_err() {
                return Told::Unknown;
            }
            let (url, body) = (leg.url("try"), Bytes::from(data));
            let call = TryCall { url: &url, gid: &gid, branch_id: &branch_id, headers: &[], body };
            drop(timeout(TRY_TIMEOUT, client.call_try(call)).await);
        }
        match client.submit(&transaction).await {
            Ok(()) | Err(ClientError::Ongoing) => Told::Submitted { finished: false },
            Err(_) => Told::Unknown,
        }
    }
}
