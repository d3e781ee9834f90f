//! The cost of a store, empty and with a million finished transactions.
//!
//! `cargo bench -p branchwire-tests --bench store`; `-- 100000` for another number. Each database runs with its durable
//! settings. A batch is one commit for 16 messages, as with 16 in flight: their prepare, their submit, or their end.
//! Prints a table, and a line of JSON for each of its rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchwire::protocol::{BranchId, Gid, Op, Status, TransType, TransactionOptions};
use branchwire_coordinator::Clock;
use branchwire_coordinator::engine::{BranchOp, Defaults, Definition, Opening, Protocol, Time, Timing, create};
use branchwire_coordinator::store::{self, BranchChange, Change, Filter, Options, Store, Take, Write, WriteOutcome};
use branchwire_tests::database::{TestDatabase, execute};
use clap::Parser;
use url::Url;

const OWNER: &str = "branchwire-bench";
const BATCH: usize = 16;
const BATCHES: usize = 100;
const LEASE: Duration = Duration::from_mins(5);

/// Measures the cost of a store, empty and filled.
#[derive(Debug, Parser)]
#[command(name = "store")]
struct Arguments {
    /// How many transactions have ended.
    #[arg(default_value_t = 1_000_000)]
    ended: usize,

    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let Arguments { ended, .. } = Arguments::parse();
    println!(
        "database    ended      batch ms  p99 ms  take 256 ms  look ms  list ms: failed, a pattern, an hour, the oldest hour"
    );
    let mut databases = vec![("SQLite", TestDatabase::sqlite())];
    databases.extend(TestDatabase::postgres().await.map(|database| ("PostgreSQL", database)));
    databases.extend(TestDatabase::mysql().await.map(|database| ("MariaDB", database)));
    for (name, database) in databases {
        let store = store::open(database.url(), &Options::default()).await.expect("the store opens");
        measure(name, 0, store.as_ref()).await;
        store.close().await;
        fill(database.url(), ended).await;
        let store = store::open(database.url(), &Options::default()).await.expect("the store opens");
        measure(name, ended, store.as_ref()).await;
        store.close().await;
    }
}

/// Prints one row.
async fn measure(name: &str, ended: usize, store: &dyn Store) {
    let mut batches = Vec::with_capacity(3 * BATCHES);
    for _ in 0..BATCHES {
        let messages: Vec<_> = (0..BATCH).map(|_| message()).collect();
        for of in [prepare, submit, succeed] {
            let writes: Vec<_> = messages.iter().map(of).collect();
            let start = Instant::now();
            let outcomes = store.write(&writes).await.expect("it is written");
            batches.push(start.elapsed());
            assert!(outcomes.iter().all(|outcome| *outcome == WriteOutcome::Applied));
        }
    }
    let due: Vec<_> = (0..2_560).map(|_| prepare_due(&message())).collect();
    for some in due.chunks(512) {
        store.write(some).await.expect("it is written");
    }
    let now = Clock::System.now();
    let take = Take { now, until: now.after(LEASE), owner: OWNER.to_owned(), limit: 256 };
    let mut takes = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        assert_eq!(store.take_due(&take).await.expect("an answer").rows.len(), 256);
        takes.push(start.elapsed());
    }
    let mut looks = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        assert!(store.take_due(&take).await.expect("an answer").rows.is_empty());
        looks.push(start.elapsed());
    }
    let mut lists = Vec::new();
    let an_hour_ago = Time::from_millis(now.as_millis() - 3_600_000);
    let first = Filter { limit: 50, ..Filter::default() };
    for filter in [
        Filter { status: "failed".to_owned(), ..first.clone() },
        Filter { trans_type: "saga".to_owned(), ..first.clone() },
        Filter { created_from: Some(an_hour_ago), ..first.clone() },
        Filter { created_to: Some(an_hour_ago), ..first.clone() },
    ] {
        let start = Instant::now();
        store.list(&filter).await.expect("an answer");
        lists.push(millis(start.elapsed()));
    }

    batches.sort();
    let p99 = batches[batches.len() * 99 / 100];
    let [batch, p99, take, look] = [mean(&batches), p99, mean(&takes), mean(&looks)].map(millis);
    println!("{name:<10}  {ended:>9}  {batch:>8.2}  {p99:>6.2}  {take:>11.2}  {look:>7.2}  {lists:.2?}");
    println!(
        "{}",
        serde_json::json!({
            "database": name, "ended": ended, "batch_ms": batch, "batch_p99_ms": p99, "take_256_ms": take,
            "look_ms": look, "list_ms": lists,
        })
    );
}

fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>() / u32::try_from(times.len()).expect("few")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn message() -> Arc<Definition> {
    Arc::new(Definition {
        gid: Gid::random(),
        trans_type: TransType::Msg,
        protocol: Protocol::Http,
        created: Clock::System.now(),
        query_prepared: "http://bank-a.example:8080/api/bank-a/transfer-prepared".to_owned(),
        branches: vec![BranchOp {
            branch_id: BranchId::new("01").expect("an id"),
            op: Op::Action,
            url: "http://bank-b.example:8080/api/bank-b/trans-in".to_owned(),
            payload: r#"{"user_id":2,"amount":30}"#.into(),
        }],
        concurrent: false,
        predecessors: Vec::new(),
        timing: Timing::new(&TransactionOptions::default(), 0, &Defaults::default()),
        headers: std::collections::BTreeMap::new(),
        options: r#"{"concurrent":false}"#.to_owned(),
        custom_data: String::new(),
        ext_data: String::new(),
    })
}

fn prepare(definition: &Arc<Definition>) -> Write {
    let state = create(definition, Opening::Prepare, definition.created).state;
    Write::Create { definition: definition.clone(), state, owner: String::new() }
}

/// Prepared, and due at once.
fn prepare_due(definition: &Arc<Definition>) -> Write {
    let mut state = create(definition, Opening::Prepare, definition.created).state;
    state.due = definition.created;
    Write::Create { definition: definition.clone(), state, owner: String::new() }
}

fn submit(definition: &Arc<Definition>) -> Write {
    change(definition, (Status::Prepared, ""), (Status::Submitted, OWNER), Vec::new())
}

fn succeed(definition: &Arc<Definition>) -> Write {
    let (branch, at) = (&definition.branches[0], Clock::System.now());
    let done = BranchChange { branch_id: branch.branch_id.clone(), op: branch.op.clone(), status: Status::Succeed, at };
    change(definition, (Status::Submitted, OWNER), (Status::Succeed, ""), vec![done])
}

fn change(definition: &Definition, from: (Status, &str), to: (Status, &str), branches: Vec<BranchChange>) -> Write {
    let at = Clock::System.now();
    Write::Change(Change {
        gid: definition.gid.clone(),
        from: from.0,
        from_owner: from.1.to_owned(),
        status: to.0,
        owner: to.1.to_owned(),
        interval_ms: 10_000,
        due: at.after(LEASE),
        ended: to.0.is_final().then_some(at),
        rollback_reason: String::new(),
        at,
        branches,
        appended: Vec::new(),
        ext_data: None,
    })
}

/// Doubles the finished transactions until there are `ended`.
async fn fill(url: &str, ended: usize) {
    let address = Url::parse(url).expect("a URL");
    let columns = "trans_type, status, query_prepared, protocol, create_time, update_time, finish_time, options, \
                   custom_data, next_cron_interval, next_cron_time, owner, ext_data, result, rollback_reason";
    let branch = "branch_id, op, url, bin_data, status, create_time, update_time, finish_time";
    let mut have = BATCHES * BATCH;
    for round in 'a'.. {
        if have >= ended {
            break;
        }
        let some = have.min(ended - have);
        let concat =
            if url.starts_with("sqlite") { format!("gid || '{round}'") } else { format!("concat(gid, '{round}')") };
        let of = format!("FROM trans_global WHERE status = 'succeed' ORDER BY id LIMIT {some}");
        let sql = format!(
            "CREATE TEMPORARY TABLE doubles AS SELECT gid {of}; \
             INSERT INTO trans_branch_op (gid, {branch}) SELECT {concat}, {branch} FROM trans_branch_op \
             WHERE gid IN (SELECT gid FROM doubles); \
             INSERT INTO trans_global (gid, {columns}) SELECT {concat}, {columns} FROM trans_global \
             WHERE gid IN (SELECT gid FROM doubles); DROP TABLE doubles"
        );
        execute(&address, &sql).await.expect("it is done");
        have += some;
    }
    // The database would collect statistics by itself, but later.
    let analyze = match url.split(':').next() {
        Some("mysql") => "ANALYZE TABLE trans_global, trans_branch_op",
        _ => "ANALYZE",
    };
    execute(&address, analyze).await.expect("it is done");
}
