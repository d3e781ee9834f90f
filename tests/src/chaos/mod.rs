//! Real processes under every fault that can hit them.
//!
//! Two banks and a coordinator run as processes of their own, and carry out orders as messages, with prepare or by an
//! outbox, sagas and TCCs; all that they say to each other goes through proxies that lose, delay, double and cut it.
//! Meanwhile processes are killed, stopped, and started again without room on the disk or without file descriptors, and
//! databases crash. Then all is healed, everything must come to its end, and what the banks' books say is compared with
//! what customers were told.

pub(crate) mod audit;
mod bank;
pub(crate) mod customer;
mod disk;
mod faults;
mod part;
pub(crate) mod process;
pub(crate) mod proxy;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use part::Part;

use self::audit::Differences;
use self::bank::Pattern;
use self::customer::Told;
use self::disk::SmallDisk;
use self::process::{Member, Program};
use crate::server::{self, Server};

/// Any error: this is a program for a terminal.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The kind of database that coordinator and banks use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A SQLite file each.
    Sqlite,
    /// A database each on one PostgreSQL.
    Postgres,
    /// A database each on one MariaDB.
    Mysql,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];
}

/// The plan of a round.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program of which coordinator and banks are subcommands: `chaos` itself.
    pub program: PathBuf,
    /// The seed of the faults and their times. With real processes, two runs of one seed still differ.
    pub seed: u64,
    /// How long faults are injected; longer if no process was killed by then.
    pub length: Duration,
    /// How many customers order at once.
    pub customers: usize,
}

/// The result of a round.
#[derive(Debug)]
pub struct Report {
    kind: Kind,
    seed: u64,
    told: Vec<Told>,
    faults: faults::Count,
    proxied: proxy::Count,
    healing: Duration,
    differences: Differences,
}

/// Injects faults according to the plan, heals all, and compares the books.
///
/// `None` if the database's server is not installed, which has been reported.
///
/// # Errors
/// If the round cannot be carried out: for example, a process does not start although all is healed.
pub async fn run(kind: Kind, plan: &Plan) -> Result<Option<Report>, Failure> {
    let server = match kind {
        Kind::Sqlite => None,
        Kind::Postgres => Some(server::own_postgres().await),
        Kind::Mysql => Some(server::own_mysql().await),
    };
    match server {
        None => World::new(kind, plan, None).await?.run(plan).await.map(Some),
        Some(Some(server)) => World::new(kind, plan, Some(server)).await?.run(plan).await.map(Some),
        Some(None) => Ok(None),
    }
}

/// The processes and proxies of a round.
struct World {
    kind: Kind,
    coordinator: Member,
    bank_a: Member,
    bank_b: Member,
    server: Option<Server>,
    proxies: Arc<proxy::Settings>,
    /// That of the coordinator's SQLite file, where mounting is allowed.
    disk: Option<SmallDisk>,
    // Dropped last: files of those above are in it.
    directory: tempfile::TempDir,
}

impl World {
    async fn new(kind: Kind, plan: &Plan, server: Option<Server>) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let small = directory.path().join("small");
        let disk = if server.is_none() { SmallDisk::mount(&small)? } else { None };
        let mut databases = Vec::new();
        for name in ["coordinator", "bank_a", "bank_b"] {
            let place = if name == "coordinator" && disk.is_some() { &small } else { directory.path() };
            databases.push(match &server {
                None => format!("sqlite://{}", place.join(name).with_extension("db").display()),
                Some(server) => server.create_database(name).await?,
            });
        }
        let proxies = Arc::new(proxy::Settings::new(plan.seed));
        let program = |name: &'static str, args: &[&str]| Program {
            name,
            file: plan.program.clone(),
            args: args.iter().map(ToString::to_string).collect(),
            log: directory.path().join(name).with_extension("log"),
        };
        let times = ["--retry-interval=1s", "--timeout-to-fail=3s", "--request-timeout=1s", "--cron-interval=1s"];
        let mut args = vec!["coordinator", "--listen=127.0.0.1:0", "--store", &databases[0]];
        args.extend(times);
        let coordinator = Member::new(program("coordinator", &args), &proxies).await?;
        let bank_b = Member::new(program("bank-b", &["bank", "--database", &databases[2]]), &proxies).await?;
        let bank_a = Member::absent("bank-a", &proxies).await?;
        let args = [
            "bank",
            "--database",
            &databases[1],
            "--url",
            &bank_a.url(),
            "--coordinator",
            &coordinator.url(),
            "--other",
            &bank_b.url(),
        ];
        let bank_a = bank_a.with(program("bank-a", &args)).await?;
        Ok(Self { kind, coordinator, bank_a, bank_b, server, proxies, disk, directory })
    }

    async fn run(mut self, plan: &Plan) -> Result<Report, Failure> {
        let end = Instant::now() + plan.length;
        let shift = Arc::new(customer::Shift::default());
        let order = |number| customer::order_during(shift.clone(), self.bank_a.url(), plan.seed ^ number);
        let customers: Vec<_> = (0..plan.customers as u64).map(|number| tokio::spawn(order(number))).collect();
        self.proxies.begin();
        let faults = faults::inject_until(end, plan.seed, &mut self, &shift).await?;
        shift.end();
        let mut told = Vec::new();
        for customer in customers {
            told.extend(customer.await?);
        }
        self.proxies.heal();
        let healed = Instant::now();
        for member in [&mut self.coordinator, &mut self.bank_a, &mut self.bank_b] {
            member.restart(process::Health::Good).await?;
        }
        // Requests in flight must arrive first; otherwise they would arrive after the comparison.
        tokio::time::sleep(proxy::LATEST).await;
        audit::await_outbox(&self.bank_a.direct()?).await?;
        audit::await_the_end(&self.coordinator.direct()?).await?;
        let healing = healed.elapsed();
        let banks = [self.bank_a.direct()?, self.bank_b.direct()?];
        let differences = audit::compare(&self.coordinator.direct()?, &banks, &told).await?;
        if differences.count() > 0 {
            // Keep the databases and the logs: they say more.
            self.directory.disable_cleanup(true);
            eprintln!("differences: databases and logs stay in {}", self.directory.path().display());
        }
        let proxied = self.proxies.count();
        Ok(Report { kind: self.kind, seed: plan.seed, told, faults, proxied, healing, differences })
    }
}

impl Report {
    /// Whether the books are right.
    pub fn is_good(&self) -> bool {
        self.differences.count() == 0
    }

    /// How many customers were told that their order is carried out.
    pub fn told_done(&self) -> usize {
        self.told.iter().filter(|told| told.answer == customer::Answer::Done).count()
    }

    /// How many orders a bank has booked and undone.
    pub fn undone(&self) -> usize {
        self.differences.undone()
    }

    /// How many customers were told so while the coordinator was away.
    pub fn told_done_meanwhile(&self) -> usize {
        let is_done = |told: &&Told| told.pattern.is_by_outbox() && told.answer == customer::Answer::Done;
        let meanwhile = |told: &&Told| self.faults.absence.is_some_and(|(from, to)| from < told.at && told.at <= to);
        self.told.iter().filter(is_done).filter(meanwhile).count()
    }

    /// How often a process was killed.
    pub fn kills(&self) -> u64 {
        self.faults.kills()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |answer| self.told.iter().filter(|told| told.answer == answer).count();
        writeln!(f, "{:?}, seed {}:", self.kind, self.seed)?;
        writeln!(
            f,
            "  orders {}: told done {}, told nothing happened {}, not told {}",
            self.told.len(),
            count(customer::Answer::Done),
            count(customer::Answer::Nothing),
            count(customer::Answer::Unknown),
        )?;
        let done = |pattern| {
            self.told.iter().filter(|told| told.pattern == pattern && told.answer == customer::Answer::Done).count()
        };
        let patterns = [Pattern::Msg, Pattern::Outbox, Pattern::AtCommit, Pattern::Saga, Pattern::Tcc];
        let [messages, at_submit, at_commit, sagas, tccs] = patterns.map(done);
        let meanwhile = self.told_done_meanwhile();
        writeln!(
            f,
            "  told done: messages {messages}, by an outbox {at_submit} and at the commit {at_commit} ({meanwhile} of both while \
             the coordinator was away), sagas {sagas}, TCCs {tccs}"
        )?;
        writeln!(f, "  processes: {}", self.faults)?;
        writeln!(f, "  network: {}", self.proxied)?;
        writeln!(f, "  all at its end {:.1} s after the last fault", self.healing.as_secs_f64())?;
        write!(f, "  {}", self.differences)
    }
}
