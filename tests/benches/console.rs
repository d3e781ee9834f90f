//! How long the console's pages take in a store with many transactions.
//!
//! `cargo bench -p branchwire-tests --bench console`; `-- --ended 100000 --waiting 1000` for other numbers, `--only sqlite`
//! for one database. One transaction in ten is a saga, one in twenty a TCC, one of the ended in a thousand has failed. Those
//! that wait are spread among the ended; of five of them one is prepared, one was called three times without success, and the
//! others wait for their time. Prints a table: milliseconds of the median and of the slowest of eleven requests.

use std::time::{Duration, Instant};

use branchwire_coordinator::store::{self, Options};
use branchwire_coordinator::{Clock, Console, Coordinator, Retention};
use branchwire_tests::database::{TestDatabase, execute};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

/// How often each page is asked for.
const TIMES: usize = 11;

/// The age of the oldest transaction.
const AGE: Duration = Duration::from_hours(6 * 24);

/// Measures how long the console's pages take.
#[derive(Debug, Parser)]
#[command(name = "console")]
struct Arguments {
    /// How many transactions have ended.
    #[arg(long, default_value_t = 1_000_000)]
    ended: u64,

    /// How many wait.
    #[arg(long, default_value_t = 10_000)]
    waiting: u64,

    /// Only this database: sqlite, postgres or mysql.
    #[arg(long)]
    only: Option<String>,

    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let wants = |name: &str| arguments.only.as_ref().is_none_or(|only| only == name);
    let mut databases = Vec::new();
    if wants("sqlite") {
        databases.push(TestDatabase::sqlite());
    }
    if wants("postgres") {
        databases.extend(TestDatabase::postgres().await);
    }
    if wants("mysql") {
        databases.extend(TestDatabase::mysql().await);
    }
    for database in databases {
        measure(&database, &arguments).await;
    }
}

/// Fills the database, and prints how long each page takes.
async fn measure(database: &TestDatabase, arguments: &Arguments) {
    let url = database.url();
    // It makes the tables.
    store::open(url, &Options::default()).await.expect("the store opens").close().await;
    let begun = Instant::now();
    fill(url, arguments).await;
    let kind = url.split(':').next().unwrap_or_default();
    println!("\n{kind}: {} ended, {} wait; filled in {:.0?}", arguments.ended, arguments.waiting, begun.elapsed());

    let builder = Coordinator::builder().store(url).console(Console::new()).retention(Retention::ForEver);
    let coordinator = builder.start().await.expect("it starts");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let console = format!("http://{}/console", listener.local_addr().expect("its address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(coordinator.serve(listener, async move { drop(stopped.await) }));
    let (hour_from, hour_to) = (minute(Duration::from_hours(73)), minute(Duration::from_hours(72)));
    let total = arguments.ended + arguments.waiting;
    for (name, path) in [
        ("overview", String::new()),
        ("list", "/transactions".to_owned()),
        ("list, far back", format!("/transactions?position={}", total / 20)),
        ("gid", format!("/transactions?gid=g{}", total / 2)),
        ("gid that is not there", "/transactions?gid=none".to_owned()),
        ("status succeed", "/transactions?status=succeed".to_owned()),
        ("status failed", "/transactions?status=failed".to_owned()),
        ("status prepared", "/transactions?status=prepared".to_owned()),
        ("status aborting: none", "/transactions?status=aborting".to_owned()),
        ("pattern saga", "/transactions?pattern=saga".to_owned()),
        ("pattern tcc, status failed", "/transactions?pattern=tcc&status=failed".to_owned()),
        ("an hour", format!("/transactions?from={hour_from}&to={hour_to}")),
        ("an hour, status failed", format!("/transactions?from={hour_from}&to={hour_to}&status=failed")),
        ("an hour, pattern tcc", format!("/transactions?from={hour_from}&to={hour_to}&pattern=tcc")),
        ("unfinished", "/transactions?attention=unfinished".to_owned()),
        ("parked: none", "/transactions?attention=parked".to_owned()),
        ("overdue", "/transactions?attention=overdue".to_owned()),
        ("retried", "/transactions?attention=retried".to_owned()),
        ("retried, pattern tcc, an hour", {
            format!("/transactions?attention=retried&pattern=tcc&from={hour_from}&to={hour_to}")
        }),
        ("one transaction", format!("/transaction?gid=g{}", total / 2)),
        ("coordinators", "/coordinators".to_owned()),
    ] {
        let mut times = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let start = Instant::now();
            let page = reqwest::get(format!("{console}{path}")).await.expect("an answer");
            assert_eq!(page.status(), 200, "{path}");
            drop(page.bytes().await.expect("a page"));
            times.push(start.elapsed());
        }
        times.sort();
        let [median, slowest] = [times[TIMES / 2], times[TIMES - 1]].map(|time| time.as_secs_f64() * 1e3);
        println!("{name:<36}  {median:>8.1}  {slowest:>8.1}");
    }
    drop(stop);
    serving.await.expect("no panic").expect("an orderly stop");
}

/// This long ago, as a browser's form sends it.
fn minute(ago: Duration) -> String {
    let millis = Clock::System.now().as_millis() - i64::try_from(ago.as_millis()).expect("days");
    let time = time::OffsetDateTime::from_unix_timestamp(millis / 1000).expect("a time");
    format!("{}T{:02}:{:02}", time.date(), time.hour(), time.minute())
}

/// What differs between databases.
struct Words {
    /// A source of the numbers `n` from 1 to `{total}`.
    numbers: &'static str,
    /// The gid of `n`.
    gid: &'static str,
    /// The time `{ms}` milliseconds from now.
    time: &'static str,
    /// Divides integers.
    div: &'static str,
    /// A payload.
    payload: &'static str,
    analyze: &'static str,
}

const SQLITE: Words = Words {
    numbers: "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {total}) SELECT n FROM c) AS numbers",
    gid: "'g' || n",
    time: "(CAST(strftime('%s', 'now') AS INTEGER) * 1000 + {ms})",
    div: "/",
    payload: "x'7b7d'",
    analyze: "ANALYZE",
};

const POSTGRES: Words = Words {
    numbers: "generate_series(1, {total}) AS numbers(n)",
    gid: "concat('g', n)",
    time: "to_timestamp(extract(epoch FROM now()) + ({ms}) / 1000)",
    div: "/",
    payload: "'{}'",
    analyze: "ANALYZE",
};

const MYSQL: Words = Words {
    numbers: "(SELECT CAST(seq AS SIGNED) AS n FROM seq_1_to_{total}) AS numbers",
    gid: "concat('g', n)",
    time: "TIMESTAMPADD(SECOND, ({ms}) DIV 1000, UTC_TIMESTAMP())",
    div: "DIV",
    payload: "'{}'",
    analyze: "ANALYZE TABLE trans_global, trans_branch_op",
};

/// Writes the rows.
async fn fill(url: &str, arguments: &Arguments) {
    let words = match url.split(':').next() {
        Some("sqlite") => SQLITE,
        Some("postgres") => POSTGRES,
        _ => MYSQL,
    };
    let Words { gid, div, payload, .. } = words;
    let total = arguments.ended + arguments.waiting;
    let every = total / arguments.waiting.max(1);
    let numbers = words.numbers.replace("{total}", &total.to_string());
    let time = |ms: &str| words.time.replace("{ms}", ms);
    let created = time(&format!("-({total} - n) * ({} {div} {total})", AGE.as_millis()));
    let is_waiting = format!("n % {every} = 0");
    let fifth = format!("n {div} {every} % 5");
    let status = format!(
        "CASE WHEN {is_waiting} THEN CASE {fifth} WHEN 0 THEN 'prepared' ELSE 'submitted' END \
         WHEN n % 1000 = 1 THEN 'failed' ELSE 'succeed' END"
    );
    let ext_data = format!(
        "CASE WHEN {is_waiting} AND {fifth} = 1 THEN \
         '{{\"calls\":{{\"01/action\":{{\"attempts\":3,\"unclear\":3,\"answer\":\"unknown\",\"http_status\":503}}}}}}' ELSE '' END"
    );
    let pattern = "CASE WHEN n % 20 = 7 THEN 'tcc' WHEN n % 10 = 3 THEN 'saga' ELSE 'msg' END";
    let (hours, ended) = (time("3600000 + n"), format!("CASE WHEN NOT ({is_waiting}) THEN {created} END"));
    let address = Url::parse(url).expect("a URL");
    let run = async |sql: &str| execute(&address, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    run(
        &format!(
            "INSERT INTO trans_global (gid, trans_type, status, query_prepared, protocol, create_time, update_time, \
             finish_time, options, custom_data, next_cron_interval, next_cron_time, owner, ext_data) \
             SELECT {gid}, {pattern}, {status}, 'http://bank-a.example/prepared', 'http', {created}, {created}, {ended}, \
             '{{\"concurrent\":false}}', '', 10, {hours}, '', {ext_data} FROM {numbers} ORDER BY n"
        ),
    )
    .await;
    // What comes first in a pair, and what is called.
    for (op, of) in [
        ("CASE WHEN n % 20 = 7 THEN 'cancel' ELSE 'compensate' END", "n % 20 = 7 OR n % 10 = 3"),
        ("CASE WHEN n % 20 = 7 THEN 'confirm' ELSE 'action' END", "n > 0"),
    ] {
        let status = format!("CASE WHEN {is_waiting} THEN 'prepared' ELSE 'succeed' END");
        run(&format!(
            "INSERT INTO trans_branch_op (gid, branch_id, op, url, bin_data, status, create_time, update_time) \
                 SELECT {gid}, '01', {op}, 'http://bank-b.example:8080/api/bank-b/trans-in', {payload}, {status}, \
                 {created}, {created} FROM {numbers} WHERE {of} ORDER BY n"
        ))
        .await;
    }
    run(words.analyze).await;
}
