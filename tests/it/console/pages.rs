//! The content of the pages.

use std::collections::BTreeMap;

use branchwire_coordinator::Console;
use serde_json::json;

use super::{ACT, LOOK, Site};
use crate::conformance::host::Host;
use crate::coordinator::{gid, message};

#[tokio::test]
async fn a_stuck_message_is_on_the_first_page_with_its_reason_and_its_address() {
    let (host, site, gid) = (Host::start().await, Site::open().await, gid());
    assert!(site.page("/console").await.contains("All unfinished transactions are on their way"));
    host.script(&gid, BTreeMap::from([("/in2".to_owned(), vec![json!([503, "the shelf is locked"])])]));
    let mut message = message(&gid, &[format!("{}/{gid}/in", host.url), format!("{}/{gid}/in2", host.url)]);
    message["retry_interval"] = json!(600);
    site.coordinator.done("submit", &message).await;
    site.coordinator.wait(&gid, |seen| seen["transaction"]["facts"]["rounds"] == 1).await;
    for path in ["/console", "/console/transactions", "/console/transactions?attention=retried"] {
        let page = site.page(path).await;
        assert!(
            page.contains(&gid) && page.contains("ended as <code>unknown</code> with status 503"),
            "{path}: {page}"
        );
    }
    let first = site.page("/console").await;
    assert!(first.contains("the shelf is locked") && first.contains(&format!("{}/{gid}/in2", host.url)), "{first}");
    assert!(site.page("/console/transactions?attention=parked").await.contains("There is no such transaction"));
    let page = site.page(&format!("/console/transaction?gid={gid}")).await;
    for word in [
        "Why it waits",
        "Called once",
        "the shelf is locked",
        "Branch",
        "Payload",
        "viewBox",
        "What stays undone",
        "02 action",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_page_of_the_list_is_followed_by_the_next() {
    let site = Site::open().await;
    let mut gids: Vec<_> = (0..60).map(|_| gid()).collect();
    for gid in &gids {
        site.coordinator.done("prepare", &message(gid, &["http://127.0.0.1:9/in".to_owned()])).await;
    }
    let mut path = "/console/transactions?status=prepared".to_owned();
    let mut pages = 0;
    loop {
        let page = site.page(&path).await;
        pages += 1;
        gids.retain(|gid| !page.contains(gid.as_str()));
        let Some((_, link)) = page.split_once(r#"rel="next" href=""#) else { break };
        path = link.split('"').next().expect("an address").replace("&amp;", "&");
    }
    assert_eq!((gids.len(), pages), (0, 2));
    site.stop().await;
}

#[tokio::test]
async fn a_live_page_is_sent_again_when_something_happens_and_ends_with_the_coordinator() {
    let (site, gid) = (Site::open().await, gid());
    site.coordinator.done("prepare", &message(&gid, &["http://127.0.0.1:9/in".to_owned()])).await;
    let mut stream = site.get(&format!("/console/live/transaction?gid={gid}")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    while !seen.contains("still submit it") {
        seen.push_str(&String::from_utf8_lossy(&stream.chunk().await.expect("a part").expect("more")));
    }
    site.coordinator.done("abort", &json!({ "gid": gid, "trans_type": "msg" })).await;
    while !seen.contains("Ended as") {
        seen.push_str(&String::from_utf8_lossy(&stream.chunk().await.expect("a part").expect("more")));
    }
    let rest = tokio::spawn(async move { while let Ok(Some(_)) = stream.chunk().await {} });
    site.stop().await;
    rest.await.expect("the stream ends");
}

#[tokio::test]
async fn without_scripts_a_page_loads_itself_again_unless_somebody_may_be_typing_in_it() {
    for token in [LOOK, ACT] {
        let (site, gid) = (Site::with_token(token).await, gid());
        let message = message(&gid, &["http://127.0.0.1:9/in".to_owned()]).to_string();
        let prepare = format!("{}/api/dtmsvr/prepare", site.coordinator.url);
        let prepared = reqwest::Client::new().post(prepare).bearer_auth(ACT).body(message).send().await;
        assert_eq!(prepared.expect("an answer").status(), 200);
        let transaction = format!("/console/transaction?gid={gid}");
        for (path, is_live) in [
            ("/console", true),
            ("/console/transactions?status=prepared", true),
            (&transaction, true),
            ("/console/coordinators", true),
            ("/console/topics", false),
            ("/console/settings", false),
        ] {
            let page = site.page(path).await;
            let may_be_typed = page.matches("<input").count() > page.matches(r#"<input type="hidden""#).count();
            let loads_again = page.contains(r#"<noscript><meta http-equiv="refresh""#);
            let link = page.contains(&format!(r#"<noscript><p class="reload"><a href="{path}">"#));
            assert_eq!((loads_again, link), (is_live && !may_be_typed, is_live && may_be_typed), "{path}: {page}");
            let typed =
                [("/console/transactions?status=prepared", true), (&transaction, token == ACT), ("/console", false)];
            let expected = typed.iter().find(|(of, _)| *of == path).map_or(may_be_typed, |(_, expected)| *expected);
            assert_eq!(may_be_typed, expected, "{path}");
        }
        site.stop().await;
    }
}

#[tokio::test]
async fn the_trace_of_a_transaction_is_a_link_by_a_template_and_an_invalid_one_is_text() {
    let console = Console::new().trace_url("https://traces.example/t?id={trace_id}&org=\"o\"").expect("a template");
    let site = Site::start(console, false).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let link = format!(r#"href="https://traces.example/t?id={trace}&amp;org=&quot;o&quot;""#);
    for (parent, is_link) in [(format!("00-{trace}-00f067aa0ba902b7-01"), true), (format!("00-{trace}-<-01"), false)] {
        let gid = gid();
        let mut message = message(&gid, &["http://127.0.0.1:9/in".to_owned()]);
        message["branch_headers"] = json!({ "traceparent": parent });
        site.coordinator.done("prepare", &message).await;
        let page = site.page(&format!("/console/transaction?gid={gid}")).await;
        assert!(page.contains(trace), "{page}");
        assert_eq!(page.contains(&link), is_link, "{page}");
        assert_eq!(page.contains("traces.example"), is_link, "{page}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_library_without_a_console_serves_none() {
    let database = branchwire_tests::database::TestDatabase::sqlite();
    let builder = branchwire_coordinator::Coordinator::builder().store(database.url());
    let coordinator = crate::coordinator::Running::start(builder).await;
    let response = reqwest::get(format!("{}/console", coordinator.url)).await.expect("an answer");
    assert_eq!(response.status(), 404);
    coordinator.stop().await;
}
