//! The guarantees of a store, on each database: one suite for all stores, and one for servers.

/// Makes a test of each case on each database. A case is a function of a [`Fixture`](crate::stores::Fixture).
macro_rules! on_each_store {
    ($($case:ident),+ $(,)?) => {
        $crate::each::on_one! { sqlite: $crate::stores::Fixture::sqlite() => $($case)+ }
        $crate::stores::on_each_server! { $($case),+ }
    };
}

/// The same for the stores that several coordinators can share.
macro_rules! on_each_server {
    ($($case:ident),+ $(,)?) => {
        $crate::each::on_one! { postgres: $crate::stores::Fixture::postgres() => $($case)+ }
        $crate::each::on_one! { mysql: $crate::stores::Fixture::mysql() => $($case)+ }
    };
}

use on_each_server;
use on_each_store;

mod append;
mod due;
mod lost;
mod mysql;
mod postgres;
mod sqlite;
mod tables;
mod unfinished;
mod version;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use branchwire::protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
use branchwire_coordinator::Clock;
use branchwire_coordinator::engine::{BranchOp, Defaults, Definition, Opening, Protocol, State, Time, Timing, create};
use branchwire_coordinator::store::{self, BranchChange, Change, Options, Row, Store, Take, Write, WriteOutcome};
use branchwire_tests::database::TestDatabase;

/// The names of two coordinators.
const US: &str = "branchwire-us";
const OTHERS: &str = "branchwire-others";

/// A store on a database of its own.
struct Fixture {
    store: Arc<dyn Store>,
    /// Dropped after the store.
    database: TestDatabase,
}

impl Fixture {
    async fn sqlite() -> Option<Self> {
        Some(Self::on(TestDatabase::sqlite()).await)
    }

    async fn postgres() -> Option<Self> {
        Some(Self::on(TestDatabase::postgres().await?).await)
    }

    async fn mysql() -> Option<Self> {
        Some(Self::on(TestDatabase::mysql().await?).await)
    }

    async fn on(database: TestDatabase) -> Self {
        Self { store: open(database.url()).await, database }
    }

    /// Makes one write.
    async fn write(&self, write: Write) -> WriteOutcome {
        self.write_all(&[write]).await[0]
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<WriteOutcome> {
        self.store.write(writes).await.expect("the store takes it")
    }

    async fn row(&self, gid: &Gid) -> Row {
        self.store.load(gid.as_str()).await.expect("the store answers").expect("a row")
    }

    /// Takes due transactions, for this lease.
    async fn take(&self, owner: &str, lease: Duration, limit: u32) -> Vec<String> {
        let now = now();
        let take = Take { now, until: now.after(lease), owner: owner.to_owned(), limit };
        let taken = self.store.take_due(&take).await.expect("the store answers");
        taken.rows.into_iter().map(|row| row.gid).collect()
    }

    /// Repeats [`take`](Self::take) until a transaction is due.
    async fn take_when_due(&self, owner: &str, lease: Duration) -> Vec<String> {
        let taken = async {
            loop {
                let gids = self.take(owner, lease, 100).await;
                if !gids.is_empty() {
                    return gids;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), taken).await.expect("something becomes due")
    }
}

async fn open(address: &str) -> Arc<dyn Store> {
    store::open(address, &Options::default()).await.expect("the store opens")
}

fn now() -> Time {
    Clock::System.now()
}

fn gid() -> Gid {
    Gid::random()
}

/// A message with this many branches, created now.
fn message(gid: &Gid, branches: usize) -> Definition {
    let branch = |number: usize| BranchOp {
        branch_id: BranchId::new(format!("{number:02}")).expect("an id"),
        op: Op::Action,
        url: format!("http://branch.example/{number}?a='b'"),
        payload: format!(r#"{{"number":{number}}}"#).into_bytes().into(),
    };
    Definition {
        gid: gid.clone(),
        trans_type: TransType::Msg,
        protocol: Protocol::Http,
        created: now(),
        query_prepared: "http://branch.example/prepared".to_owned(),
        branches: (1..=branches).map(branch).collect(),
        concurrent: false,
        predecessors: Vec::new(),
        timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
        headers: std::collections::BTreeMap::new(),
        options: r#"{"concurrent":false}"#.to_owned(),
        custom_data: String::new(),
        ext_data: String::new(),
    }
}

/// Creates it as prepared, due after `wait`.
fn prepared(definition: &Definition, wait: Duration) -> Write {
    let step = create(definition, Opening::Prepare, definition.created);
    let state = State { due: definition.created.after(wait), ..step.state };
    Write::Create { definition: Arc::new(definition.clone()), state, owner: String::new() }
}

/// Creates it as submitted, with a lease of `owner`.
fn submitted(definition: &Definition, owner: &str, lease: Duration) -> Write {
    let step = create(definition, Opening::Submit, definition.created);
    let state = State { due: definition.created.after(lease), ..step.state };
    Write::Create { definition: Arc::new(definition.clone()), state, owner: owner.to_owned() }
}

/// A change from one status and owner to others, due after `wait`; the branches in `done` are done.
fn change(gid: &Gid, from: (Status, &str), to: (Status, &str), wait: Duration, done: &[&str]) -> Write {
    let at = now();
    Write::Change(Change {
        gid: gid.clone(),
        from: from.0,
        from_owner: from.1.to_owned(),
        status: to.0,
        owner: to.1.to_owned(),
        interval_ms: 4_000,
        due: at.after(wait),
        ended: to.0.is_final().then_some(at),
        rollback_reason: String::new(),
        at,
        branches: done
            .iter()
            .map(|id| BranchChange {
                branch_id: BranchId::new(*id).expect("an id"),
                op: Op::Action,
                status: Status::Succeed,
                at,
            })
            .collect(),
        appended: Vec::new(),
        ext_data: None,
    })
}

/// The statuses of a row's branches.
fn statuses(row: &Row) -> Vec<&str> {
    row.branches.iter().map(|branch| branch.status.as_str()).collect()
}

/// A lease that does not end before the test does.
const LONG: Duration = Duration::from_hours(1);
