//! The page of coordinators: all on a store, also those that have nothing to do.

use std::time::Duration;

use branchwire_coordinator::store::{self, KvPut, Options, WriteOutcome};
use branchwire_coordinator::{Clock, Console, Coordinator};
use branchwire_tests::database::TestDatabase;
use serde_json::json;

use super::Site;
use crate::coordinator::Running;

/// What the coordinators of a store write down about themselves.
const CATEGORY: &str = "branchwire-instances";

async fn page(coordinator: &Running) -> String {
    let response = reqwest::get(format!("{}/console/coordinators", coordinator.url)).await.expect("an answer");
    response.text().await.expect("text")
}

/// Waits until the page is as wanted.
async fn wait(coordinator: &Running, wanted: impl Fn(&str) -> bool) -> String {
    let seen = async {
        loop {
            let page = page(coordinator).await;
            if wanted(&page) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the page gets there")
}

/// Writes down that a coordinator was there so long ago, as one does that then died.
async fn was_there(url: &str, name: &str, ago: Duration) {
    let store = store::open(url, &Options::default()).await.expect("the store opens");
    let at = Clock::System.now();
    let seen = at.as_millis() - i64::try_from(ago.as_millis()).expect("not so long ago");
    let v = json!({ "host": "<b>gone</b>", "pid": 7, "version": "0", "started": seen, "seen": seen }).to_string();
    let put = KvPut { cat: CATEGORY.to_owned(), k: name.to_owned(), version: None, v: Some(v), at };
    assert_eq!(store.kv_put(&put).await, Ok(WriteOutcome::Applied));
    store.close().await;
}

#[tokio::test]
async fn all_coordinators_of_a_store_are_listed_also_idle_ones() {
    let rows = |page: &str| page.matches("data-name=\"Seen\"").count();
    for database in [TestDatabase::postgres().await, TestDatabase::mysql().await].into_iter().flatten() {
        let start = || Running::start(Coordinator::builder().store(database.url()).console(Console::new()));
        was_there(database.url(), "branchwire-died", Duration::from_mins(5)).await;
        was_there(database.url(), "branchwire-forgotten", Duration::from_hours(2)).await;
        let (one, two) = (start().await, start().await);
        let is_all = |page: &str| rows(page) == 3 && !page.contains("branchwire-forgotten");
        let page = wait(&one, is_all).await;
        assert_eq!(page.matches("(this one)").count(), 1, "{page}");
        assert_eq!(page.matches(">missed<").count(), 1, "one has died: {page}");
        assert!(page.contains("branchwire-died") && page.contains("&lt;b&gt;gone"), "{page}");
        wait(&two, is_all).await;
        two.stop().await;
        let page = wait(&one, |page| rows(page) == 2).await;
        assert!(page.contains("(this one)") && page.contains("branchwire-died"), "{page}");
        one.stop().await;
    }
}

#[tokio::test]
async fn on_a_file_there_is_one_coordinator() {
    let site = Site::open().await;
    let page = site.page("/console/coordinators").await;
    assert!(page.contains("no other coordinator can use it") && !page.contains("All on this store"), "{page}");
    site.stop().await;
}
