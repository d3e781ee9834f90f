//! The example as a newcomer runs it: the whole play, with real processes.

use std::process::Output;

use branchwire_tests::database::TestDatabase;
use tokio::process::Command;

async fn play(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_transfer")).args(options).kill_on_drop(true).output().await.expect("it starts")
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default().to_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    last
}

#[tokio::test]
async fn all_seven_scenarios_hold_on_sqlite_and_the_databases_are_kept_where_asked() {
    // A space in the path, since people have such directories.
    let dir = tempfile::Builder::new().prefix("two banks ").tempdir().unwrap();
    let output = play(&["--dir", dir.path().to_str().unwrap()]).await;
    assert_eq!(last_line(&output), "transfer: 7 of 7 scenarios hold");
    for file in ["bank-a.db", "bank-b.db", "coordinator.db"] {
        assert!(dir.path().join(file).is_file(), "{file}");
    }
    // Once more on the same files: what is there is taken up.
    let output = play(&["--dir", dir.path().to_str().unwrap(), "--only", "1"]).await;
    assert_eq!(last_line(&output), "transfer: 1 of 1 scenarios hold");
}

#[tokio::test]
async fn all_seven_scenarios_hold_on_postgresql() {
    let Some(database) = TestDatabase::postgres().await else { return };
    assert_eq!(last_line(&play(&["--database", database.url()]).await), "transfer: 7 of 7 scenarios hold");
}

#[tokio::test]
async fn all_seven_scenarios_hold_on_mysql() {
    let Some(database) = TestDatabase::mysql().await else { return };
    assert_eq!(last_line(&play(&["--database", database.url()]).await), "transfer: 7 of 7 scenarios hold");
}

/// The third has no meaning without prepare, and the eighth takes its place.
#[tokio::test]
async fn all_seven_scenarios_of_the_outbox_hold_on_sqlite() {
    assert_eq!(last_line(&play(&["--outbox"]).await), "transfer: 7 of 7 scenarios hold");
}

#[tokio::test]
async fn all_seven_scenarios_of_the_outbox_hold_on_postgresql() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let output = play(&["--outbox", "--database", database.url()]).await;
    assert_eq!(last_line(&output), "transfer: 7 of 7 scenarios hold");
}

#[tokio::test]
async fn all_seven_scenarios_of_the_outbox_hold_on_mysql() {
    let Some(database) = TestDatabase::mysql().await else { return };
    let output = play(&["--outbox", "--database", database.url()]).await;
    assert_eq!(last_line(&output), "transfer: 7 of 7 scenarios hold");
}

/// Each customer is answered at bank A's commit: also the one whose bank is killed before its submit has arrived.
#[tokio::test]
async fn all_seven_scenarios_of_the_outbox_hold_if_it_answers_at_the_commit() {
    assert_eq!(last_line(&play(&["--outbox=at-commit"]).await), "transfer: 7 of 7 scenarios hold");
}

#[tokio::test]
async fn a_database_of_no_known_kind_is_said_and_the_status_is_1() {
    let output = play(&["--database", "redis://127.0.0.1"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`redis` is none of sqlite://FILE, postgres://.., mysql://.."), "{said}");
}

#[test]
fn the_readme_shows_the_wiring_as_it_is() {
    use branchwire_examples::banks::sqlite::{bank_a, bank_b};

    let wiring = branchwire::wiring::mermaid(&[("bank_a", bank_a::ROUTES), ("bank_b", bank_b::ROUTES)]);
    assert!(include_str!("../../README.md").contains(&wiring), "{wiring}");
}

/// Stored transactions hold these paths: one that changes here leaves those behind.
#[test]
fn the_paths_of_the_banks_stay_what_they_were_promised_to_be() {
    use branchwire_examples::banks::{mysql, postgres, sqlite};

    for routes in [
        [sqlite::bank_a::ROUTES, sqlite::bank_b::ROUTES].concat(),
        [postgres::bank_a::ROUTES, postgres::bank_b::ROUTES].concat(),
        [mysql::bank_a::ROUTES, mysql::bank_b::ROUTES].concat(),
    ] {
        let paths: Vec<_> = routes.iter().map(|route| route.path).collect();
        assert_eq!(paths, ["/api/bank-a/transfer-prepared", "/api/bank-b/trans-in"]);
    }
}
