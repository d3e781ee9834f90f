//! Databases of several servers, whose primary changes under load.
//!
//! Two coordinators and three banks run as processes of their own, all on one cluster: two banks send from one
//! database, each through its own coordinator, the third receives. While customers order, a server is stopped or killed
//! and another one takes its place, again and again. Then everything must come to its end, and what the banks' books
//! say is compared with what customers were told.

mod galera;
mod pair;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use galera::run as run_galera;
pub use pair::{Pooled, run as run_pair};
pub use report::Report;

use crate::chaos::audit;
use crate::chaos::customer::{self, Shift};
use crate::chaos::process::{Member, Program};
use crate::chaos::{Failure, proxy};

/// How long orders may fail to be carried out after a change.
const RECOVERY_TIMEOUT: Duration = Duration::from_mins(1);

/// The plan of a round.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program of which coordinator and banks are subcommands: `cluster` itself.
    pub program: PathBuf,
    /// The seed of the changes and their times.
    pub seed: u64,
    /// How long it lasts at least.
    pub length: Duration,
    /// How many changes there are at least.
    pub changes: usize,
    /// How many orders are carried out between two changes, at least.
    pub orders: u64,
    /// How many customers order at once.
    pub customers: usize,
}

/// A change of a cluster.
#[derive(Debug, Clone, Copy)]
struct Change {
    what: &'static str,
    /// The time from which it can be used again, for example that of the promotion.
    usable: Instant,
}

/// A database of several servers.
trait Cluster {
    /// Creates an empty database.
    async fn create_database(&self, name: &str) -> Result<(), sqlx::Error>;

    /// The store's address for the coordinator of this number.
    fn store(&self, number: usize) -> String;

    /// The address of a database for the bank of this number.
    fn database(&self, name: &str, number: usize) -> String;

    /// Makes a change, and returns when all servers are up again.
    async fn change(&mut self, random: &mut fastrand::Rng) -> Change;
}

/// The processes that run on a cluster.
struct World {
    coordinators: [Member; 2],
    senders: [Member; 2],
    receiver: Member,
    // Dropped last: logs of those above are in it. Kept if the round fails.
    directory: tempfile::TempDir,
}

impl World {
    async fn new(plan: &Plan, cluster: &impl Cluster) -> Result<Self, Failure> {
        for name in ["coordinator", "bank_a", "bank_b"] {
            cluster.create_database(name).await?;
        }
        let directory = tempfile::tempdir()?;
        let network = Arc::new(proxy::Settings::new(plan.seed));
        let program = |name: &'static str, args: &[&str]| Program {
            name,
            file: plan.program.clone(),
            args: args.iter().map(ToString::to_string).collect(),
            log: directory.path().join(name).with_extension("log"),
        };
        let coordinator = async |name, number| {
            let store = cluster.store(number);
            let times = ["--retry-interval=1s", "--timeout-to-fail=3s", "--request-timeout=2s", "--cron-interval=1s"];
            let mut args = vec!["coordinator", "--listen=127.0.0.1:0", "--store", &store];
            args.extend(times);
            Member::new(program(name, &args), &network).await
        };
        // They start one after the other: the first one of each kind creates the tables.
        let coordinators = [coordinator("coordinator-1", 0).await?, coordinator("coordinator-2", 1).await?];
        let args = ["bank", "--database", &cluster.database("bank_b", 2)];
        let receiver = Member::new(program("bank-b", &args), &network).await?;
        let [first, second] =
            [Member::absent("bank-a-1", &network).await?, Member::absent("bank-a-2", &network).await?];
        let urls = [first.url(), second.url()];
        let sender = async |member: Member, name, number: usize| {
            // Ask the other bank for the outcome of a message: it may be connected to another server.
            let (database, url) = (cluster.database("bank_a", number), &urls[1 - number]);
            let (coordinator, other) = (coordinators[number].url(), receiver.url());
            let args =
                ["bank", "--database", &database, "--url", url, "--coordinator", &coordinator, "--other", &other];
            member.with(program(name, &args)).await
        };
        let senders = [sender(first, "bank-a-1", 0).await?, sender(second, "bank-a-2", 1).await?];
        Ok(Self { coordinators, senders, receiver, directory })
    }

    async fn run(self, plan: &Plan, cluster: &mut impl Cluster) -> Result<Report, Failure> {
        let report = self.play(plan, cluster).await;
        report.map_err(|error| format!("{error}; logs are in {}", self.directory.keep().display()).into())
    }

    async fn play(&self, plan: &Plan, cluster: &mut impl Cluster) -> Result<Report, Failure> {
        let began = Instant::now();
        let shift = Arc::new(Shift::default());
        let order = |number: u64| {
            let bank = &self.senders[usize::from(number % 2 == 1)];
            customer::order_during(shift.clone(), bank.url(), plan.seed ^ number)
        };
        let customers: Vec<_> = (0..plan.customers as u64).map(|number| tokio::spawn(order(number))).collect();
        let mut random = fastrand::Rng::with_seed(plan.seed);
        let mut changes = Vec::new();
        await_orders(&shift, plan.orders).await?;
        while changes.len() < plan.changes || began.elapsed() < plan.length {
            changes.push(cluster.change(&mut random).await);
            await_orders(&shift, plan.orders).await?;
        }
        shift.end();
        let mut told = Vec::new();
        for customer in customers {
            told.extend(customer.await?);
        }
        let length = began.elapsed();
        for sender in &self.senders {
            audit::await_outbox(&sender.direct()?).await?;
        }
        for coordinator in &self.coordinators {
            audit::await_the_end(&coordinator.direct()?).await?;
        }
        let banks = [self.senders[0].direct()?, self.receiver.direct()?];
        let differences = audit::compare(&self.coordinators[1].direct()?, &banks, &told).await?;
        Ok(Report { seed: plan.seed, length, changes, told, differences })
    }
}

/// Waits until this many more orders were carried out.
async fn await_orders(shift: &Shift, orders: u64) -> Result<(), Failure> {
    let (wanted, asked) = (shift.done() + orders, Instant::now());
    while shift.done() < wanted {
        if asked.elapsed() > RECOVERY_TIMEOUT {
            return Err("no order was carried out for a minute, with all servers in place".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
