//! Text from outside stays text: in gids, payloads, headers, addresses, answers, topics and filters.

use std::collections::BTreeMap;

use serde_json::json;

use super::Site;
use crate::conformance::host::Host;

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;\u{202e}</bdi>";

/// A saga that is turned back by a refusal, a TCC with nested branches, and a message to a topic, all with hostile texts.
async fn send_others(host: &Host, site: &Site) -> [String; 3] {
    let script = |number: u32| format!("\"'><script>alert({number})</script>");
    let url = |path: &str| format!("{}/{path}?\"'><script>alert(9)</script>", host.url);
    let answers = BTreeMap::from([
        ("/refuses".to_owned(), vec![json!([409, HOSTILE])]),
        ("/undo".to_owned(), vec![json!([503, HOSTILE])]),
        ("/confirm".to_owned(), vec![json!([503, HOSTILE])]),
    ]);
    host.script("o", answers);
    let [saga, tcc, topic] = [6, 7, 8].map(script);
    let steps = json!([
        { "action": url("o/good"), "compensate": url("o/undo") },
        { "action": url("o/refuses"), "compensate": url("o/nothing") },
    ]);
    let payloads = json!([HOSTILE, json!({ HOSTILE: HOSTILE }).to_string()]);
    let order = json!({ "orders": {}, "concurrent": false, "note": HOSTILE }).to_string();
    site.coordinator
        .done(
            "submit",
            &json!({ "gid": saga, "trans_type": "saga", "retry_interval": 600, "steps": steps, "payloads": payloads,
                "custom_data": order }),
        )
        .await;
    site.coordinator.done("prepare", &json!({ "gid": tcc, "trans_type": "tcc", "retry_interval": 600 })).await;
    for id in ["01", "0101"] {
        let branch = json!({ "gid": tcc, "branch_id": id, "trans_type": "tcc", "data": HOSTILE, "confirm": url("o/confirm"),
            "cancel": url("o/cancel") });
        site.coordinator.done("registerBranch", &branch).await;
    }
    site.coordinator.done("submit", &json!({ "gid": tcc, "trans_type": "tcc" })).await;
    let subscription = [("topic", "<script>"), ("url", &url("o/undo")), ("remark", HOSTILE)];
    site.post("/console/subscribe", "/console/topics", &subscription).await;
    let message = json!({ "gid": topic, "trans_type": "msg", "retry_interval": 600, "payloads": [HOSTILE],
        "steps": [{ "action": "topic://<script>" }] });
    site.coordinator.done("submit", &message).await;
    for gid in [&saga, &tcc, &topic] {
        site.coordinator.wait(gid, |seen| seen["transaction"]["facts"]["rounds"] == 1).await;
    }
    [saga, tcc, topic]
}

fn page_of(gid: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(gid.as_bytes()).collect();
    format!("/console/transaction?gid={encoded}")
}

#[tokio::test]
async fn sagas_tccs_and_topics_show_hostile_text_as_text() {
    let (host, site) = (Host::start().await, Site::open().await);
    let gids = send_others(&host, &site).await;
    for (gid, words) in gids.iter().zip([
        &["Turned back", "Branch", "compensate", "alert(9)"][..],
        &["confirm", "cancel", "0101"],
        &["action"],
    ]) {
        let page = site.page(&page_of(gid)).await;
        assert!(is_harmless(&page), "{gid}: {page}");
        for word in words {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"), "what was answered is shown as text: {page}");
    }
    for path in ["/console", "/console/transactions", "/console/transactions?attention=retried", "/console/topics"] {
        let page = site.page(path).await;
        assert!(is_harmless(&page) && page.contains("&lt;script&gt;"), "{path}: {page}");
    }
    site.stop().await;
}

/// Whether the page has the text as markup. `&lt;` and `&quot;` are text.
fn is_harmless(page: &str) -> bool {
    let only_ours =
        page.matches("<script").count() == page.matches(r#"<script src="/console/script.js" defer></script>"#).count();
    only_ours && !page.contains("<img") && !page.contains("\"'>")
}

#[tokio::test]
async fn no_text_from_outside_becomes_a_part_of_a_page() {
    let (host, site) = (Host::start().await, Site::open().await);
    // A gid may have all characters of a header and a row, but no space.
    let gid = "\"'><script>alert(1)</script>&lt;x";
    host.script("h", BTreeMap::from([("/in".to_owned(), vec![json!([503, HOSTILE])])]));
    let message = json!({
        "gid": gid, "trans_type": "msg", "retry_interval": 600,
        "steps": [{ "action": format!("{}/h/in?<script>alert(3)</script>", host.url) }],
        "payloads": [json!({ "text": HOSTILE }).to_string()],
        "branch_headers": { "x-note": "\"'><script>alert(4)</script>", "traceparent": "00-\"'><script>-1-01" },
        "custom_data": "",
    });
    let response = site.coordinator.post("submit", &message).await;
    let (status, text) = (response.status(), response.text().await.expect("text"));
    assert_eq!(status, 200, "{text}");
    site.coordinator.wait(gid, |seen| seen["transaction"]["facts"]["rounds"] == 1).await;
    let subscription = [("topic", "<script>"), ("url", "http://b/<script>"), ("remark", HOSTILE)];
    site.post("/console/subscribe", "/console/topics", &subscription).await;
    let transaction = page_of(gid);
    site.post("/console/stop", &transaction, &[("gid", gid), ("typed", HOSTILE)]).await;

    let page = site.page(&transaction).await;
    assert!(page.contains("alert(1)") && page.contains("&lt;script&gt;"), "it is shown: {page}");
    for path in [
        transaction.as_str(),
        "/console",
        "/console/transactions",
        "/console/transactions?gid=%22%27%3E%3Cscript%3Ealert(5)%3C/script%3E",
        "/console/transactions?attention=retried&status=%22%3E%3Cscript%3E",
        "/console/topics",
        "/console/coordinators",
        "/console/settings",
        "/console/topics?did=%3Cscript%3E",
    ] {
        let page = site.page(path).await;
        assert!(is_harmless(&page), "{path}: {page}");
    }
    let missing = site.get("/console/transaction?gid=%3Cscript%3E").await;
    assert_eq!(missing.status(), 404);
    assert!(is_harmless(&missing.text().await.expect("text")));
    let json = site.get(&transaction.replace("transaction?", "transaction.json?")).await;
    assert_eq!(json.headers()["content-type"], "application/json");
    site.stop().await;
}
