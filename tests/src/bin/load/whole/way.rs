//! The processes that a transfer passes through.

use branchwire_tests::database::TestDatabase;
use tempfile::TempDir;
use url::Url;

use super::ledger::Ledger;
use super::options::{Banks, Sending, WayOptions};
use crate::Failure;
use crate::process::{Process, Started};

/// A way from a customer to the credit.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) name: &'static str,
    /// Where bank A listens.
    pub(super) authority: String,
    pub(super) banks: Vec<Process>,
    pub(super) coordinator: Option<Process>,
    /// The server of both banks' databases; `None` if these are files.
    pub(super) database: Option<Process>,
    pub(super) ledger: Ledger,
    /// What ends with this way, in this order.
    _started: Vec<Started>,
    _databases: Option<Databases>,
}

/// The databases of our own way.
#[derive(Debug)]
pub(super) struct Databases {
    bank_a: String,
    bank_b: String,
    coordinator: String,
    _fresh: Vec<TestDatabase>,
}

impl Databases {
    /// Fresh ones; files are in this directory, and have this number in their names.
    pub(super) async fn open(banks: Banks, directory: &TempDir, number: usize) -> Result<Self, Failure> {
        let file = |name: &str| format!("sqlite://{}", directory.path().join(format!("{name}-{number}.db")).display());
        let (mut bank_a, mut bank_b, mut fresh) = (file("bank-a"), file("bank-b"), Vec::new());
        if banks == Banks::Postgres {
            for url in [&mut bank_a, &mut bank_b] {
                let database = TestDatabase::postgres().await.ok_or("there is no PostgreSQL")?;
                database.url().clone_into(url);
                fresh.push(database);
            }
        }
        Ok(Self { bank_a, bank_b, coordinator: file("coordinator"), _fresh: fresh })
    }
}

impl Way {
    /// Ours, on free ports.
    pub(super) async fn start(databases: Databases, sending: Sending, accounts: u32) -> Result<Self, Failure> {
        let Databases { bank_a, bank_b, coordinator, .. } = &databases;
        let store = ["coordinator", "--listen", "127.0.0.1:0", "--log", "warn", "--store", coordinator];
        let coordinator = Started::start(&store)?;
        let second = Started::start(&["bank", "--database", bank_b])?;
        let (to_coordinator, to_second) =
            (format!("http://{}", coordinator.authority), format!("http://{}", second.authority));
        let links = ["--coordinator", &to_coordinator, "--bank-b", &to_second, "--sends", sending.argument()];
        let first = Started::start(&[&["bank", "--database", bank_a][..], &links].concat())?;
        Ok(Self {
            name: sending.way(),
            authority: first.authority.clone(),
            banks: vec![first.process, second.process],
            coordinator: Some(coordinator.process),
            database: server(bank_b)?,
            ledger: Ledger::open(bank_a, bank_b, accounts).await?,
            _started: vec![first, coordinator, second],
            _databases: Some(databases),
        })
    }

    /// Another one, which runs already.
    pub(super) async fn running(bank_a: &Url, options: &WayOptions) -> Result<Self, Failure> {
        let [database_a, database_b] = &options.vs_databases[..] else {
            return Err("`--whole --vs` needs `--vs-databases` with two addresses".into());
        };
        let second = options.vs_bank_b.as_ref().map(Process::serving).transpose()?;
        Ok(Self {
            name: "the other",
            authority: bank_a.socket_addrs(|| None)?.first().ok_or("no address")?.to_string(),
            banks: std::iter::once(Process::serving(bank_a)?).chain(second).collect(),
            coordinator: options.vs_coordinator.as_ref().map(Process::serving).transpose()?,
            database: server(database_b.as_str())?,
            ledger: Ledger::open(database_a.as_str(), database_b.as_str(), options.accounts).await?,
            _started: Vec::new(),
            _databases: None,
        })
    }

    /// The ids of all processes.
    pub(super) fn processes(&self) -> Vec<u32> {
        let all = self.banks.iter().chain(&self.coordinator).chain(&self.database);
        all.flat_map(|process| process.tree()).collect()
    }
}

/// The server of a database; `None` if it is a file.
fn server(database: &str) -> Result<Option<Process>, Failure> {
    let url = Url::parse(database)?;
    if url.scheme() == "sqlite" { Ok(None) } else { Process::serving(&url).map(Some) }
}
