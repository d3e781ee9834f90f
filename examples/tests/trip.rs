//! The trip as a newcomer runs it: the whole play, with real processes.

use std::process::Output;

use branchwire_tests::database::TestDatabase;
use tokio::process::Command;

async fn play(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trip")).args(options).kill_on_drop(true).output().await.expect("it starts")
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default().to_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    last
}

#[tokio::test]
async fn all_scenarios_hold_on_sqlite_and_again_on_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let output = play(&["--dir", dir.path().to_str().unwrap()]).await;
    assert_eq!(last_line(&output), "trip: 12 of 12 scenarios hold");
    for file in ["hotel.db", "airline.db", "bank.db", "agency.db", "coordinator.db"] {
        assert!(dir.path().join(file).is_file(), "{file}");
    }
    let output = play(&["--dir", dir.path().to_str().unwrap(), "--only", "1"]).await;
    assert_eq!(last_line(&output), "trip: 1 of 1 scenarios hold");
}

#[tokio::test]
async fn all_scenarios_hold_on_postgresql() {
    let Some(database) = TestDatabase::postgres().await else { return };
    assert_eq!(last_line(&play(&["--database", database.url()]).await), "trip: 12 of 12 scenarios hold");
}

#[tokio::test]
async fn all_scenarios_hold_on_mysql() {
    let Some(database) = TestDatabase::mysql().await else { return };
    assert_eq!(last_line(&play(&["--database", database.url()]).await), "trip: 12 of 12 scenarios hold");
}

/// Stored transactions hold these paths: one that changes here leaves those behind. They are the same on each database.
#[test]
fn the_paths_of_the_services_stay_what_they_were_promised_to_be() {
    use branchwire_examples::trip::{mysql, postgres, sqlite};

    macro_rules! paths {
        ($database:ident) => {
            [$database::hotel::ROUTES, $database::airline::ROUTES, $database::bank::ROUTES, $database::agency::ROUTES]
                .concat()
                .iter()
                .map(|route| route.path)
                .collect::<Vec<_>>()
        };
    }
    let promised = [
        "/api/hotel/book",
        "/api/hotel/cancel",
        "/api/hotel/hold",
        "/api/hotel/occupy",
        "/api/hotel/release",
        "/api/airline/book",
        "/api/airline/cancel",
        "/api/airline/hold",
        "/api/airline/take",
        "/api/airline/release",
        "/api/bank/charge",
        "/api/bank/refund",
        "/api/bank/reserve",
        "/api/bank/pay",
        "/api/bank/put-back",
        "/api/agency/send-voucher",
    ];
    assert_eq!(paths!(sqlite), promised);
    assert_eq!(paths!(postgres), promised);
    assert_eq!(paths!(mysql), promised);
}
