//! The short form of `cargo run --release --bin chaos`: some seconds of everything that can break, on each database.

use std::time::Duration;

use branchwire_tests::chaos::{Kind, Plan, run};

async fn nothing_is_lost_and_nothing_happens_twice(kind: Kind) {
    let plan =
        Plan { program: env!("CARGO_BIN_EXE_chaos").into(), seed: 7, length: Duration::from_secs(8), customers: 8 };
    let Some(report) = run(kind, &plan).await.unwrap() else { return };
    assert!(report.is_good(), "{report}");
    assert!(report.kills() > 0, "nothing was killed: {report}");
    assert!(report.told_done() > 0, "nothing was done: {report}");
    assert!(report.undone() > 0, "nothing was undone: {report}");
    assert!(report.told_done_meanwhile() > 0, "nothing was ordered while the coordinator was away: {report}");
    println!("{report}");
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_happens_twice_on_sqlite() {
    nothing_is_lost_and_nothing_happens_twice(Kind::Sqlite).await;
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_happens_twice_on_postgres() {
    nothing_is_lost_and_nothing_happens_twice(Kind::Postgres).await;
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_happens_twice_on_mysql() {
    nothing_is_lost_and_nothing_happens_twice(Kind::Mysql).await;
}
