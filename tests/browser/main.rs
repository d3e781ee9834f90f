//! The console in a browser: Chromium, driven as an operator would use it.
//!
//! `cargo test -p branchwire-tests --features browser --test browser`. It writes pictures to `target/console/`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use branchwire_coordinator::{Builder, Console, Coordinator};
use branchwire_tests::database::TestDatabase;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetScriptExecutionDisabledParams,
};
use chromiumoxide::cdp::browser_protocol::page::EventFrameNavigated;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long the test waits for what must come: only a broken console takes longer.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Where Debian and others put it.
const PROGRAMS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A bank whose ledger can be repaired.
#[derive(Clone, Default)]
struct Bank {
    is_repaired: Arc<AtomicBool>,
}

async fn answer(State(bank): State<Bank>, uri: Uri) -> (StatusCode, &'static str) {
    if uri.path().ends_with("/ledger") && !bank.is_repaired.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the ledger is read-only: its disk is full");
    }
    if uri.path().ends_with("/full") {
        return (StatusCode::CONFLICT, "no seat is left");
    }
    (StatusCode::OK, r#"{"dtm_result":"SUCCESS"}"#)
}

impl Bank {
    /// Begins to serve; returns its address.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }
}

/// The browser's program. `None` if there is none: the test has been reported as skipped.
///
/// # Panics
/// If there is none and `CI` is `true`.
fn program() -> Option<&'static Path> {
    let found = PROGRAMS.iter().map(Path::new).find(|path| path.exists());
    if found.is_none() {
        let text = "skipped: there is no Chromium (`apt-get install chromium`)";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
        eprintln!("{text}");
    }
    found
}

/// A page, and what an operator does on it.
struct Operator {
    page: Page,
    pictures: PathBuf,
}

impl Operator {
    async fn evaluate(&self, script: &str) -> Value {
        let result = self.page.evaluate(script).await.unwrap_or_else(|error| panic!("{script}: {error}"));
        result.value().cloned().unwrap_or_default()
    }

    /// Waits until the page has this text.
    async fn sees(&self, text: &str) {
        let script = format!("document.body?.innerText.includes({})", json!(text));
        let seen = async {
            // A page that is being loaded has no answer.
            while self.page.evaluate(script.as_str()).await.ok().and_then(|it| it.value().cloned()) != Some(json!(true))
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let is_seen = tokio::time::timeout(WAIT_MAX, seen).await.is_ok();
        assert!(is_seen, "`{text}` is not seen: {}", self.evaluate("document.body.innerText").await);
    }

    /// Clicks the first thing that this selector finds.
    async fn clicks(&self, selector: &str) {
        let script =
            format!("(() => {{ const it = document.querySelector({}); it?.click(); return !!it }})()", json!(selector));
        let place = self.page.url().await.ok();
        let done = async {
            loop {
                match self.page.evaluate(script.as_str()).await {
                    Ok(found) if found.value() == Some(&json!(true)) => return,
                    Err(_) if self.page.url().await.ok() != place => return,
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        assert!(tokio::time::timeout(WAIT_MAX, done).await.is_ok(), "there is no {selector}");
    }

    /// Clicks the first thing that this selector finds, on each page that comes by that, until one has this text. A page that
    /// loads itself again in the moment of a click is the next page: no click is lost.
    async fn clicks_until(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let script = format!(
            "(() => {{ if (document.readyState !== 'complete') return 'loading'; \
             if (document.body.innerText.includes({text})) return 'seen'; \
             const it = document.querySelector({selector}); it?.click(); return it ? 'clicked' : 'absent' }})()"
        );
        let mut pages = self.page.event_listener::<EventFrameNavigated>().await.expect("events");
        let seen = async {
            loop {
                // A page that gives way to the next one has no answer.
                let state = self.page.evaluate(script.as_str()).await.ok().and_then(|it| it.value().cloned());
                match state.as_ref().and_then(Value::as_str) {
                    Some("seen") => return,
                    Some("clicked") => drop(pages.next().await.expect("a page")),
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let is_seen = tokio::time::timeout(WAIT_MAX, seen).await.is_ok();
        assert!(is_seen, "{selector} does not lead to {text}: {}", self.evaluate("document.body.innerText").await);
    }

    async fn types(&self, selector: &str, text: &str) {
        let field = self.page.find_element(selector).await.expect("a field");
        field.focus().await.expect("the focus");
        field.type_str(text).await.expect("it is typed");
    }

    /// Takes a picture of the whole page, as wide as a desk or a phone shows it.
    async fn picture(&self, name: &str) {
        let is_phone = name.contains("phone");
        self.has_width(if is_phone { 390 } else { 1180 }, is_phone).await;
        let params = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(params, self.pictures.join(name)).await.expect("a picture");
    }

    async fn prefers(&self, scheme: &str) {
        let feature = MediaFeature { name: "prefers-color-scheme".to_owned(), value: scheme.to_owned() };
        self.page.emulate_media_features(vec![feature]).await.expect("a scheme");
    }

    async fn has_width(&self, width: i64, is_phone: bool) {
        let params = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, is_phone);
        self.page.execute(params).await.expect("a width");
    }

    async fn opens(&self, url: &str) {
        self.page.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Runs no script of a page from now on.
    async fn has_no_javascript(&self) {
        self.page.execute(SetScriptExecutionDisabledParams::new(true)).await.expect("no scripts");
    }

    /// Nothing stands outside of the window.
    async fn nothing_is_cut(&self) {
        let wide = self.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await;
        assert_eq!(wide, json!(true), "the page is wider than the window");
    }
}

/// A coordinator with its console, a bank, and a browser before them.
struct Stage {
    url: String,
    host: String,
    bank: Bank,
    operator: Operator,
    browser: Browser,
    events: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    _database: TestDatabase,
    _profile: tempfile::TempDir,
}

impl Stage {
    async fn new(program: &Path, set: impl FnOnce(Builder) -> Builder) -> Self {
        let (bank, database) = (Bank::default(), TestDatabase::sqlite());
        let host = bank.serve().await;
        let builder = set(Coordinator::builder().store(database.url()).console(Console::new()));
        let coordinator = builder.start().await.expect("it starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(coordinator.serve(listener, async move { drop(stopped.await) }));

        let profile = tempfile::tempdir().expect("a directory");
        let config = BrowserConfig::builder().chrome_executable(program).user_data_dir(profile.path()).no_sandbox();
        let config = config.viewport(None).launch_timeout(WAIT_MAX).request_timeout(WAIT_MAX);
        let (browser, mut events) = Browser::launch(config.build().expect("a browser")).await.expect("Chromium starts");
        let events = tokio::spawn(async move { while events.next().await.is_some() {} });
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/console");
        std::fs::create_dir_all(&pictures).expect("a directory");
        let operator = Operator { page: browser.new_page("about:blank").await.expect("a page"), pictures };
        operator.has_width(1180, false).await;
        operator.prefers("light").await;
        Self { url, host, bank, operator, browser, events, stop, serving, _database: database, _profile: profile }
    }

    async fn post(&self, route: &str, body: &Value) {
        let url = format!("{}/api/dtmsvr/{route}", self.url);
        let response = reqwest::Client::new().post(url).body(body.to_string()).send().await.expect("an answer");
        let status = response.status();
        assert_eq!(status, 200, "{route}: {}", response.text().await.unwrap_or_default());
    }

    /// A message whose second branch does not succeed before the bank is repaired.
    async fn send_stuck(&self, gid: &str) {
        let steps =
            json!([{ "action": format!("{}/bank/in", self.host) }, { "action": format!("{}/ledger", self.host) }]);
        let payloads = json!([r#"{"amount":30}"#, r#"{"order":4711,"amount":30,"currency":"EUR"}"#]);
        let message =
            json!({ "gid": gid, "trans_type": "msg", "steps": steps, "payloads": payloads, "retry_interval": 600 });
        self.post("submit", &message).await;
    }

    /// Thirty messages that succeed.
    async fn send_good(&self) {
        for number in 1..=30 {
            let steps = json!([{ "action": format!("{}/bank/in", self.host) }]);
            let gid = format!("order-{number:04}");
            let message = json!({ "gid": gid, "trans_type": "msg", "steps": steps, "payloads": [r#"{"amount":30}"#] });
            self.post("submit", &message).await;
        }
    }

    /// A saga that goes back and cannot, and a TCC with a nested branch.
    async fn send_trips(&self) {
        let url = |path: &str| format!("{}/{path}", self.host);
        let steps = json!([
            { "action": url("hotel/book"), "compensate": url("hotel/ledger") },
            { "action": url("flight/full"), "compensate": url("flight/cancel") },
        ]);
        let payloads = json!([r#"{"room":"double","nights":2}"#, r#"{"seat":"12A"}"#]);
        let saga = json!({ "gid": "trip-17", "trans_type": "saga", "steps": steps, "payloads": payloads, "retry_interval": 600 });
        self.post("submit", &saga).await;
        self.post("prepare", &json!({ "gid": "trip-18", "trans_type": "tcc", "retry_interval": 600 })).await;
        for (id, path) in [("01", "hotel/confirm"), ("0101", "room/ledger"), ("02", "flight/confirm")] {
            let branch = json!({ "gid": "trip-18", "trans_type": "tcc", "branch_id": id, "data": r#"{"room":"double"}"#,
                "confirm": url(path), "cancel": url("cancel") });
            self.post("registerBranch", &branch).await;
        }
        self.post("submit", &json!({ "gid": "trip-18", "trans_type": "tcc" })).await;
    }

    async fn end(mut self) {
        self.browser.close().await.expect("it closes");
        self.browser.wait().await.expect("it ends");
        self.events.abort();
        drop(self.stop);
        self.serving.await.expect("no panic").expect("an orderly stop");
    }
}

#[tokio::test]
async fn a_stuck_message_is_found_in_two_clicks_understood_repaired_and_seen_to_succeed() {
    let Some(program) = program() else { return };
    let stage = Stage::new(program, |builder| builder).await;
    let (operator, url) = (&stage.operator, &stage.url);
    stage.send_good().await;
    stage.send_stuck("order-4711").await;

    operator.opens(&format!("{url}/console")).await;
    operator.sees("the ledger is read-only").await;
    let failing = operator.evaluate("document.querySelector('#failing + .scroll').innerText").await;
    for text in [&format!("{}/ledger", stage.host), "Fails since", "503", "its disk is full", "ago"] {
        assert!(failing.as_str().is_some_and(|failing| failing.contains(text)), "{text}: {failing}");
    }
    // Counts are up to two seconds old.
    operator.sees("1\nRetried").await;
    operator.nothing_is_cut().await;
    operator.picture("overview-light.png").await;
    operator.prefers("dark").await;
    operator.picture("overview-dark.png").await;
    operator.prefers("light").await;
    // The plots go on, and what becomes stuck appears, while the page is open. The keyboard stays where it is.
    operator.evaluate("window.sameDocument = true").await;
    operator.evaluate("document.querySelector('a.gid').focus()").await;
    stage.send_stuck("order-4712").await;
    operator.sees("order-4712").await;
    let points = "Math.max(...[...document.querySelectorAll('.plot polyline')].map((it) => it.points.length)) > 1";
    assert_eq!(operator.evaluate(points).await, json!(true), "the last hour is drawn");
    assert_eq!(operator.evaluate("document.activeElement.className").await, json!("gid"), "the focus stays");
    assert_eq!(operator.evaluate("window.sameDocument").await, json!(true), "without loading the page again");

    // The first click: those that had to be called again. The second one: the message.
    operator.clicks("a[href='/console/transactions?attention=retried']").await;
    operator.sees("order-4711").await;
    operator.picture("transactions-light.png").await;
    operator.clicks("a.gid[href$='order-4711']").await;
    operator.sees("Why it waits: branch 02 action ended as unknown with status 503").await;
    operator.sees("the ledger is read-only: its disk is full").await;
    operator.picture("transaction-light.png").await;
    operator.has_width(390, true).await;
    operator.nothing_is_cut().await;
    operator.picture("transaction-phone.png").await;
    operator.has_width(1180, false).await;
    operator.prefers("dark").await;
    operator.picture("transaction-dark.png").await;

    // A mark that a page loaded anew would not have.
    operator.evaluate("window.sameDocument = true").await;
    stage.bank.is_repaired.store(true, Ordering::SeqCst);
    operator.clicks("#call-now").await;
    operator.sees("Ended as succeed").await;
    operator.sees("Called 2 times").await;
    assert_eq!(operator.evaluate("document.querySelector('.stop')").await, json!(null), "it has ended");
    assert_eq!(operator.evaluate("window.sameDocument").await, json!(true), "without loading the page again");
    let said = operator.evaluate("document.getElementById('said').textContent").await;
    assert!(said.as_str().is_some_and(|said| !said.is_empty()), "a screen reader is told");
    operator.picture("succeeded-dark.png").await;
    stage.end().await;
}

#[tokio::test]
async fn without_javascript_a_stuck_message_is_called_and_force_stopped_by_forms() {
    let Some(program) = program() else { return };
    let stage = Stage::new(program, |builder| builder).await;
    let (operator, url) = (&stage.operator, &stage.url);
    stage.send_stuck("order-4711").await;
    operator.has_no_javascript().await;
    operator.opens(&format!("{url}/console")).await;
    operator.sees("the ledger is read-only").await;
    let loads_again = "document.querySelector('noscript meta[http-equiv=refresh]')?.content ?? 'never'";
    assert_eq!(operator.evaluate(loads_again).await, json!("10"));
    operator.clicks_until("a.gid", "What happened").await;
    assert_eq!(operator.evaluate(loads_again).await, json!("never"), "what is typed would be lost");

    operator.clicks_until("#call-now", "It is due now, and is being called.").await;
    operator.clicks_until(".reload a", "Called 2 times").await;
    operator.picture("transaction-without-scripts.png").await;

    operator.types("#typed", "order-4712").await;
    operator.clicks_until(".stop button", "the typed gid is another one").await;
    operator.clicks_until("main p a", "Type the gid to confirm").await;
    operator.types("#typed", "order-4711").await;
    operator.clicks_until(".stop button", "It was stopped.").await;
    operator.sees("Ended as failed").await;
    stage.end().await;
}

#[tokio::test]
async fn every_page_can_be_read_on_a_phone_and_used_by_keyboard_and_screen_reader() {
    let Some(program) = program() else { return };
    let token = "look-look-look-look-look-look-lo";
    let stage =
        Stage::new(program, |builder| builder.console(Console::new().look_tokens(token.parse().expect("a token"))))
            .await;
    let (operator, url) = (&stage.operator, &stage.url);
    stage.send_stuck("order-4711").await;
    stage.send_trips().await;
    for remark in ["the shop", "the bank"] {
        let host = remark.replace(' ', "-");
        let query = [("topic", "orders"), ("url", &format!("http://{host}.internal/orders/new")), ("remark", remark)];
        let address = url::Url::parse_with_params(&format!("{url}/api/dtmsvr/subscribe"), query).expect("an address");
        assert_eq!(reqwest::get(address).await.expect("an answer").status(), 200);
    }

    operator.opens(&format!("{url}/console")).await;
    operator.sees("Log in").await;
    operator.picture("login-light.png").await;
    operator.types("#token", token).await;
    operator.clicks("main button").await;
    operator.sees("Needs attention").await;
    operator.sees("read only").await;
    for (path, name) in [
        ("", "overview"),
        ("/transactions", "transactions"),
        ("/transaction?gid=trip-17", "saga"),
        ("/transaction?gid=trip-18", "tcc"),
        ("/topics", "topics"),
        ("/coordinators", "coordinators"),
        ("/settings", "settings"),
    ] {
        operator.opens(&format!("{url}/console{path}")).await;
        operator.sees("Log out").await;
        // Every control has a name, every table its headings, every page one title.
        let nameless = "[...document.querySelectorAll('input:not([type=hidden]), select, button, a')]\
            .filter((it) => !(it.labels?.length || it.textContent.trim() || it.getAttribute('aria-label'))).length";
        assert_eq!(operator.evaluate(nameless).await, json!(0), "{path}");
        let plain = "[...document.querySelectorAll('table')].filter((it) => !it.querySelector('th[scope=col]')).length";
        assert_eq!(operator.evaluate(plain).await, json!(0), "{path}");
        assert_eq!(operator.evaluate("document.querySelectorAll('h1').length").await, json!(1), "{path}");
        // The first thing that the keyboard reaches leads over the navigation.
        operator.page.find_element("body").await.expect("a page").press_key("Tab").await.expect("a key");
        assert_eq!(operator.evaluate("document.activeElement.className").await, json!("skip"), "{path}");
        operator.evaluate("document.activeElement.blur()").await;
        operator.has_width(1180, false).await;
        operator.nothing_is_cut().await;
        operator.picture(&format!("page-{name}-light.png")).await;
        operator.prefers("dark").await;
        operator.picture(&format!("page-{name}-dark.png")).await;
        operator.prefers("light").await;
        operator.has_width(390, true).await;
        operator.nothing_is_cut().await;
        operator.picture(&format!("page-{name}-phone.png")).await;
        operator.has_width(1180, false).await;
    }
    stage.end().await;
}
