//! The short form of `cargo run --release --bin cluster`: a few changes of the primary under load.

use std::time::Duration;

use branchwire_tests::cluster::{Plan, Pooled, Report, run_galera, run_pair};

fn plan(changes: usize) -> Plan {
    Plan {
        program: env!("CARGO_BIN_EXE_cluster").into(),
        // The first changes of this seed are of both kinds.
        seed: 4,
        length: Duration::ZERO,
        changes,
        orders: 20,
        customers: 4,
    }
}

fn is_right(report: Option<Report>) {
    let Some(report) = report else { return };
    assert!(report.is_good(), "{report}");
    assert!(report.told_done() > 0, "nothing was done: {report}");
    println!("{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_happens_twice_when_the_standby_takes_over() {
    is_right(run_pair(&plan(3), true, Pooled::No).await.expect("a round"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_happens_twice_on_galera_when_nodes_go() {
    is_right(run_galera(&plan(3)).await.expect("a round"));
}
