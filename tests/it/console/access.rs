//! Who may look, who may act, and requests of other sites.

use branchwire_coordinator::Console;
use serde_json::json;

use super::{ACT, LOOK, Site, csrf};
use crate::coordinator::{gid, message};

const PAGES: [&str; 5] =
    ["/console", "/console/transactions", "/console/topics", "/console/coordinators", "/console/settings"];

#[tokio::test]
async fn without_a_token_nothing_is_shown_and_one_is_asked_for() {
    let site = Site::start(Console::new().look_tokens(LOOK.parse().expect("a token")), true).await;
    for path in PAGES.iter().copied().chain(["/console/live/overview", "/console/transaction.json?gid=g"]) {
        let response = site.get(path).await;
        assert_eq!(
            (response.status().as_u16(), response.headers()["location"].as_bytes()),
            (303, &b"/console/login"[..])
        );
    }
    let response = site.form("/console/call", &[("gid", "g")]).send().await.expect("an answer");
    assert_eq!(response.status(), 401);
    for wrong in ["", "x", &ACT[1..], &format!("{ACT}x")] {
        let form = [("token", wrong)];
        let response = site.form("/console/login", &form).send().await.expect("an answer");
        assert_eq!(response.status(), 401, "{wrong}");
        assert!(!response.headers().contains_key("set-cookie"));
    }
    site.stop().await;
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_none() {
    let mut site = Site::with_token(LOOK).await;
    let cookie = site.cookie.clone();
    assert!(cookie.contains("=look."), "{cookie}");
    for changed in [
        cookie.replace("look.", "act."),
        format!("{cookie}A"),
        cookie.replace(".1", ".2"),
        "branchwire_console=act.9999999999.".to_owned(),
        "branchwire_console=".to_owned(),
    ] {
        site.cookie.clone_from(&changed);
        assert_eq!(site.get("/console").await.status(), 303, "{changed}");
    }
    site.cookie = format!("other=1; {cookie}");
    assert_eq!(site.get("/console").await.status(), 200);
    site.stop().await;
}

#[tokio::test]
async fn a_look_token_reads_and_an_act_token_acts() {
    for (token, may_act) in [(LOOK, false), (ACT, true)] {
        let site = Site::with_token(token).await;
        let gid = gid();
        let mut prepared = message(&gid, &["http://127.0.0.1:9/in".to_owned()]);
        prepared["retry_interval"] = json!(600);
        let client = reqwest::Client::new();
        let prepare = format!("{}/api/dtmsvr/prepare", site.coordinator.url);
        let done = client.post(prepare).bearer_auth(ACT).body(prepared.to_string()).send().await.expect("an answer");
        assert_eq!(done.status(), 200);
        for path in PAGES {
            site.page(path).await;
        }
        let path = format!("/console/transaction?gid={gid}");
        let page = site.page(&path).await;
        assert!(page.contains(&gid));
        assert_eq!(page.contains("Force stop"), may_act, "the buttons");
        // Both pages have the token of the log-out form.
        let stop = [("gid", gid.as_str()), ("typed", gid.as_str())];
        let response = site.post("/console/stop", &path, &stop).await;
        assert_eq!(response.status().as_u16(), if may_act { 303 } else { 403 });
        let page = site.page(&path).await;
        assert_eq!(page.contains("Ended as"), may_act);
        let audit = site.page("/console/settings").await;
        assert_eq!(audit.contains("force-stop"), may_act);
        assert!(!audit.contains(ACT) && !audit.contains(LOOK), "no token is shown");
        site.stop().await;
    }
}

#[tokio::test]
async fn a_request_of_another_site_is_refused() {
    for site in [Site::open().await, Site::with_token(ACT).await] {
        let csrf = csrf(&site.page("/console/topics").await);
        assert!(!csrf.is_empty());
        let post =
            |csrf: &str| site.form("/console/subscribe", &[("topic", "t"), ("url", "http://b/in"), ("csrf", csrf)]);
        let host = site.coordinator.url.trim_start_matches("http://").to_owned();
        for (request, why) in [
            (post(""), "no token of a page"),
            (post(&csrf[1..]), "a wrong token of a page"),
            (post(&csrf).header("origin", "http://evil.example"), "another origin"),
            (post(&csrf).header("origin", "null"), "an origin that hides"),
            (post(&csrf).header("sec-fetch-site", "cross-site"), "sent by another site"),
            (post(&csrf).header("sec-fetch-site", "same-site"), "sent by a neighbour"),
            (
                site.request("POST", "/console/subscribe").body(format!("topic=t&url=http://b/in&csrf={csrf}")),
                "no form",
            ),
        ] {
            let status = request.send().await.expect("an answer").status().as_u16();
            // The last request has the token, but is not a form: its extractor refuses it.
            assert!(status == 403 || why == "no form" && status == 415, "{why}: {status}");
        }
        assert!(site.page("/console/topics").await.contains("There is no topic"));
        let own = post(&csrf).header("origin", format!("http://{host}")).header("sec-fetch-site", "same-origin");
        assert_eq!(own.send().await.expect("an answer").status(), 303);
        assert!(site.page("/console/topics").await.contains("http://b/in"));
        // A GET never changes anything.
        assert_eq!(site.get("/console/unsubscribe?topic=t&url=http://b/in").await.status(), 405);
        site.stop().await;
    }
}

#[tokio::test]
async fn without_tokens_only_this_machine_is_served_under_its_own_names() {
    let site = Site::open().await;
    assert_eq!(site.get("/console").await.status(), 200);
    for (name, value, status) in [
        ("host", "localhost:36789", 200),
        ("host", "[::1]:36789", 200),
        ("host", "evil.example", 421),
        ("host", "127.0.0.1.evil.example", 421),
        ("x-forwarded-for", "192.0.2.1", 403),
        ("forwarded", "for=192.0.2.1", 403),
        ("via", "1.1 proxy", 403),
    ] {
        let response = site.request("GET", "/console").header(name, value).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{name}: {value}");
    }
    site.stop().await;
}

#[tokio::test]
async fn with_named_hosts_no_other_is_served() {
    let console = Console::new().hosts(["Coordinator.internal".to_owned()]);
    let site = Site::start(console, true).await;
    for (host, status) in [("coordinator.internal", 303), ("COORDINATOR.internal:8080", 303), ("other.internal", 421)] {
        let response = site.request("GET", "/console").header("host", host).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
    site.stop().await;
}

#[tokio::test]
async fn every_response_says_that_nothing_else_may_be_loaded_or_kept() {
    let site = Site::open().await;
    for path in
        PAGES.iter().copied().chain(["/console/style.css", "/console/script.js", "/console/transaction?gid=none"])
    {
        let response = site.get(path).await;
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff".into(), "no-store".into()));
        let text = response.text().await.expect("text");
        for foreign in ["http://", "https://", " style=", " onclick", "<script>"] {
            let found = text.matches(foreign).count();
            assert_eq!(found, 0, "{path} has {foreign}");
        }
    }
    site.stop().await;
}
