//! The actions of an operator.

use std::collections::BTreeMap;

use serde_json::json;

use super::Site;
use crate::conformance::host::Host;
use crate::coordinator::{gid, message};

#[tokio::test]
async fn a_saga_that_waits_can_be_called_rolled_back_and_stopped() {
    let (host, site) = (Host::start().await, Site::open().await);
    let down = || vec![json!([503, "down"])];
    for act in ["call", "roll-back", "stop"] {
        let gid = gid();
        host.script(&gid, BTreeMap::from([("/a".to_owned(), [down(), vec![json!([200, "up"])]].concat())]));
        let url = |path: &str| format!("{}/{gid}/{path}", host.url);
        let saga = json!({
            "gid": gid, "trans_type": "saga", "retry_interval": 600, "payloads": ["{}"],
            "steps": [{ "action": url("a"), "compensate": url("a-undo") }],
        });
        site.coordinator.done("submit", &saga).await;
        site.coordinator.wait(&gid, |seen| seen["transaction"]["facts"]["rounds"] == 1).await;
        let path = format!("/console/transaction?gid={gid}");
        let page = site.page(&path).await;
        assert!(page.contains("Call now") && page.contains("Roll back"), "{page}");
        let wrong = site.post("/console/stop", &path, &[("gid", &gid), ("typed", "another")]).await;
        assert_eq!(wrong.status(), 409, "the gid must be typed");
        let response = site.post(&format!("/console/{act}"), &path, &[("gid", &gid), ("typed", &gid)]).await;
        assert_eq!(response.status(), 303);
        let next = response.headers()["location"].to_str().expect("text").to_owned();
        assert!(site.page(&next).await.contains(r#"role="status""#));
        site.coordinator.wait_status(&gid, if act == "call" { "succeed" } else { "failed" }).await;
        let paths: Vec<_> = host.calls(&gid).into_iter().map(|call| call.path).collect();
        let expected: &[&str] = match act {
            "call" => &["/a", "/a"],
            "roll-back" => &["/a", "/a-undo"],
            _ => &["/a"],
        };
        assert_eq!(paths, expected);
    }
    let audit = site.page("/console/settings").await;
    for word in ["call-now", "roll-back", "force-stop", "this machine", "the typed gid is another one"] {
        assert!(audit.contains(word), "{word}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_submitted_message_has_no_button_to_roll_back_and_cannot_be() {
    let (host, site, gid) = (Host::start().await, Site::open().await, gid());
    host.script(&gid, BTreeMap::from([("/in".to_owned(), vec![json!([503, "down"])])]));
    let mut message = message(&gid, &[format!("{}/{gid}/in", host.url)]);
    message["retry_interval"] = json!(600);
    site.coordinator.done("submit", &message).await;
    site.coordinator.wait(&gid, |seen| seen["transaction"]["facts"]["rounds"] == 1).await;
    let path = format!("/console/transaction?gid={gid}");
    assert!(!site.page(&path).await.contains("Roll back"));
    let refused = site.post("/console/roll-back", &path, &[("gid", &gid)]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.expect("text").contains("cannot abort"));
    let unknown = site.post("/console/call", &path, &[("gid", "no-such-gid")]).await;
    assert_eq!(unknown.status(), 404);
    site.stop().await;
}

#[tokio::test]
async fn topics_are_subscribed_and_unsubscribed() {
    let site = Site::open().await;
    let add = [("topic", "orders"), ("url", "http://b/in"), ("remark", "the bank")];
    assert_eq!(site.post("/console/subscribe", "/console/topics", &add).await.status(), 303);
    assert_eq!(site.post("/console/subscribe", "/console/topics", &add).await.status(), 409, "it is there");
    let bad = [("topic", "orders"), ("url", "javascript:alert(1)")];
    assert_eq!(site.post("/console/subscribe", "/console/topics", &bad).await.status(), 400);
    let page = site.page("/console/topics").await;
    assert!(page.contains("orders") && page.contains("the bank") && !page.contains("javascript:"), "{page}");
    let remove = [("topic", "orders"), ("url", "http://b/in")];
    assert_eq!(site.post("/console/unsubscribe", "/console/topics", &remove).await.status(), 303);
    assert!(site.page("/console/topics").await.contains("Nobody has subscribed"));
    site.stop().await;
}
