//! Recorded exchanges between a DTM server and its clients, played against our coordinator on each store.
//!
//! The exchanges are in `tests/conformance`. `differences` has the intended differences of ours, and the coordinator's
//! docs have the reasons.

mod differences;
pub(crate) mod host;
mod play;
pub(crate) mod vector;

use std::collections::BTreeSet;

use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::host::Host;
use self::vector::Vector;

/// How many scenarios are played at once: they wait most of the time.
const AT_ONCE: usize = 24;

/// How often a scenario is played at most, while its steps are late.
const PLAYS_MAX: usize = 5;

/// This scenario counts all long waiting transactions of the store, so it comes first.
const ALONE: &str = "reset-cron";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coordinator_on_sqlite_does_as_dtm_does() {
    conforms(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coordinator_on_postgres_does_as_dtm_does() {
    if let Some(database) = TestDatabase::postgres().await {
        conforms(database).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coordinator_on_mysql_does_as_dtm_does() {
    if let Some(database) = TestDatabase::mysql().await {
        conforms(database).await;
    }
}

/// On demand only: it needs the address of a server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_at_a_given_address_does_as_dtm_does() {
    if let Ok(url) = std::env::var("CONFORMANCE_COORDINATOR") {
        play_all(&url, |recorded| vec![recorded.clone(), differences::ours(recorded)]).await;
    }
}

#[test]
fn every_scenario_is_played_or_named_as_not_yet() {
    let names: BTreeSet<_> = vector::all().into_iter().map(|vector| vector.title).collect();
    assert!(names.len() > 100, "the recorded scenarios are there");
    let documented = branchwire_coordinator::docs::DIFFERENCES;
    for name in differences::NAMES {
        assert!(names.contains(*name), "{name} is no scenario");
        assert!(documented.contains(&format!("`{name}`")), "the coordinator's docs do not say why {name} differs");
    }
}

/// Starts a coordinator on the database, and plays everything against it.
async fn conforms(database: TestDatabase) {
    let coordinator = Coordinator::builder().store(database.url()).start().await.expect("the coordinator starts");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/api/dtmsvr", listener.local_addr().expect("its address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(coordinator.serve(listener, async move { drop(stopped.await) }));
    play_all(&url, |recorded| vec![differences::ours(recorded)]).await;
    drop(stop);
    serving.await.expect("no panic").expect("an orderly stop");
}

/// Plays each scenario; each result must be equal to one of the expected ones.
async fn play_all(url: &str, expected: impl Fn(&Vector) -> Vec<Vector>) {
    let host = Host::start().await;
    let (alone, beside): (Vec<_>, Vec<_>) = vector::all().into_iter().partition(|vector| vector.title == ALONE);
    let vectors = [alone, beside].concat();
    let mut plays = vectors.iter().map(|vector| {
        let (host, expected) = (&host, expected(vector));
        async move {
            if vector.is_of_a_later_pattern() {
                return play::is_refused(vector, url, host).await;
            }
            let mut found = Vec::new();
            for expected in &expected {
                found = differences_from(expected, url, host).await;
                if found.is_empty() {
                    break;
                }
            }
            found
        }
    });
    let mut results = vec![plays.next().expect("a scenario").await];
    results.extend(futures_util::stream::iter(plays).buffered(AT_ONCE).collect::<Vec<_>>().await);
    let failed: Vec<_> = vectors
        .iter()
        .zip(results)
        .filter(|(_, found)| !found.is_empty())
        .map(|(vector, found)| format!("{}:\n    {}", vector.title, found.join("\n    ")))
        .collect();
    assert!(failed.is_empty(), "{} of {} differ\n{}", failed.len(), vectors.len(), failed.join("\n"));
}

/// What is otherwise than expected. A difference after a step that was late says nothing: then it is played again.
async fn differences_from(expected: &Vector, url: &str, host: &Host) -> Vec<String> {
    for _ in 1..PLAYS_MAX {
        let played = play::play(expected, url, host).await;
        let found = vector::differences(expected, &played.vector);
        if found.is_empty() || !played.late {
            return found;
        }
    }
    vector::differences(expected, &play::play(expected, url, host).await.vector)
}
