//! Signed calls over real sockets: a call without a valid signature never runs the function.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use branchwire::auth::{self, CALL_HEADER, CheckError, Keys, MESSAGE_HEADER, Verify};
use branchwire::client::ClientError;
use branchwire::msg::NotStarted;
use branchwire::protocol::Transaction;
use branchwire::{BranchRouter as _, Client, Done, Gid, MsgBranch, NotDone, Reply};
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_coordinator::{Builder, Coordinator};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use branchwire_tests::service::{Service, read};
use sqlx::Sqlite;
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::keeps_open::KeepsOpen;

const TOKEN: &str = "a-token-of-thirty-two-characters";

fn keys(secret: &str) -> Keys {
    format!("k:{}", secret.repeat(32)).parse().unwrap()
}

/// Serves on a free port of this machine.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

/// A recorded call, as it arrived.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A service that credits an account, behind the layer that verifies and a layer that records.
struct Target {
    url: String,
    bank: Bank<Sqlite>,
    /// How often the function ran, which can differ from the balance.
    runs: Arc<Mutex<usize>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Target {
    async fn start(verify: Verify) -> Self {
        let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
        let (runs, seen) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(Vec::new())));
        let ran = runs.clone();
        let service = Service::new(&bank, move |tx, amount| {
            *ran.lock().unwrap() += 1;
            Box::pin(async move { Ok(Sqlite::credit(tx, ACCOUNT, amount).await?) })
        });
        let listen = seen.clone();
        let listens = from_fn(move |request: Request, next: Next| {
            let listen = listen.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let path_and_query = parts.uri.to_string();
                let (method, headers) = (parts.method.clone(), parts.headers.clone());
                listen.lock().unwrap().push(Seen { method, path_and_query, headers, body: body.clone() });
                next.run(Request::from_parts(parts, Body::from(body))).await
            }
        });
        let url = serve(service.router().layer(verify).layer(listens)).await;
        Self { url, bank, runs, seen }
    }

    fn branch(&self) -> MsgBranch {
        MsgBranch::url(&format!("{}/branch", self.url), &30).unwrap()
    }

    fn runs(&self) -> usize {
        *self.runs.lock().unwrap()
    }

    fn last_seen(&self) -> Seen {
        self.seen.lock().unwrap().last().expect("a call").clone()
    }

    /// Sends a recorded call again, or a similar one.
    async fn send(&self, call: Seen) -> Reply {
        let url = format!("{}{}", self.url, call.path_and_query);
        let mut headers = call.headers;
        headers.remove("content-length");
        let request = reqwest::Client::new().request(call.method, url).headers(headers).body(call.body);
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        let reply = Reply::ALL.iter().find(|reply| reply.status() == status && reply.body() == body);
        *reply.unwrap_or_else(|| panic!("not a fixed answer: {status} {body}"))
    }

    /// Every change of a recorded call is refused before the function runs.
    async fn refuses_all_that_is_not(&self, seen: &Seen, header: &'static str) {
        let header = HeaderName::from_static(header);
        let runs = self.runs();
        let change = |change: &dyn Fn(&mut Seen)| {
            let mut call = seen.clone();
            change(&mut call);
            call
        };
        let other = |from: &str, to: &str| {
            assert!(seen.path_and_query.contains(from), "{}", seen.path_and_query);
            change(&|call| call.path_and_query = call.path_and_query.replace(from, to))
        };
        let unsigned = change(&|call| {
            call.headers.remove(&header);
        });
        assert_eq!(self.send(unsigned).await, Reply::Unsigned);
        let twice = change(&|call| {
            call.headers.append(&header, seen.headers[&header].clone());
        });
        let forged = change(&|call| {
            let signature = call.headers[&header].to_str().unwrap().to_owned();
            let (head, tag) = signature.rsplit_once('.').unwrap();
            let tag = tag.replace(|c: char| c != 'A', "A");
            call.headers.insert(&header, format!("{head}.{tag}").parse().unwrap());
        });
        let garbage = change(&|call| {
            call.headers.insert(&header, "v1".parse().unwrap());
        });
        for call in [
            twice,
            forged,
            garbage,
            change(&|call| call.body = Bytes::from_static(b"3000")),
            change(&|call| call.body = Bytes::new()),
            other("branch_id=01", "branch_id=02"),
            other("gid=", "gid=x"),
            other("trans_type=msg", "trans_type=saga"),
            other("op=action", "op=compensate"),
            other("/branch?", "/branch?x=1&"),
            other("/branch?", "/prepared?"),
            other("gid=", "gid=first&gid="),
        ] {
            assert_eq!(self.send(call.clone()).await, Reply::BadSignature, "{call:?}");
        }
        assert_eq!(self.runs(), runs);
    }
}

/// A running coordinator, with a store of its own.
struct Running {
    client: Client,
    url: String,
    _dir: tempfile::TempDir,
}

async fn start(builder: Builder) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("sqlite://{}", dir.path().join("coordinator.db").display());
    let coordinator = builder.store(store).start().await.unwrap();
    let url = serve(coordinator.router()).await;
    Running { client: Client::new(&url).unwrap(), url, _dir: dir }
}

/// Sends a message and waits for one run over its branches; returns whether it has finished.
async fn finished(client: &Client, gid: &Gid, branch: MsgBranch) -> bool {
    match client.msg(branch).gid(gid.clone()).wait_result().submit().await.unwrap() {
        Done::Submitted { finished, .. } => finished,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_coordinator_with_the_key_is_let_through_and_nobody_else() {
    let target = Target::start(Verify::calls(keys("a"))).await;
    let coordinator = start(Coordinator::builder().sign_calls(keys("a"))).await;
    assert!(finished(&coordinator.client, &Gid::random(), target.branch()).await);
    assert_eq!(target.bank.balance(ACCOUNT).await, 30);

    let seen = target.last_seen();
    target.refuses_all_that_is_not(&seen, CALL_HEADER).await;
    // The same call again: the layer passes it, and the barrier recognizes it.
    assert_eq!(target.send(seen).await, Reply::Success);
    assert_eq!((target.runs(), target.bank.balance(ACCOUNT).await), (1, 30));

    for builder in [Coordinator::builder(), Coordinator::builder().sign_calls(keys("b"))] {
        let coordinator = start(builder).await;
        assert!(!finished(&coordinator.client, &Gid::random(), target.branch()).await);
    }
    assert_eq!((target.runs(), target.bank.balance(ACCOUNT).await), (1, 30));
}

#[tokio::test]
async fn a_call_to_one_service_is_refused_by_another_that_knows_its_own_name() {
    let target = Target::start(Verify::calls(keys("a"))).await;
    let coordinator = start(Coordinator::builder().sign_calls(keys("a"))).await;
    assert!(finished(&coordinator.client, &Gid::random(), target.branch()).await);
    let named = Target::start(Verify::calls(keys("a")).host("bank-c:8080")).await;
    assert_eq!(named.send(target.last_seen()).await, Reply::BadSignature);
    assert_eq!(named.runs(), 0);
}

#[tokio::test]
async fn a_client_signs_for_a_coordinator_that_does_not() {
    let target = Target::start(Verify::messages(keys("a"))).await;
    let coordinator = start(Coordinator::builder()).await;
    let signing = coordinator.client.clone().sign_messages(keys("a"));
    assert!(finished(&signing, &Gid::random(), target.branch()).await);
    assert_eq!(target.bank.balance(ACCOUNT).await, 30);

    let seen = target.last_seen();
    target.refuses_all_that_is_not(&seen, MESSAGE_HEADER).await;
    assert_eq!(target.send(seen).await, Reply::Success);
    for client in [coordinator.client.clone(), coordinator.client.clone().sign_messages(keys("b"))] {
        assert!(!finished(&client, &Gid::random(), target.branch()).await);
    }
    assert_eq!((target.runs(), target.bank.balance(ACCOUNT).await), (1, 30));
}

#[tokio::test]
async fn query_prepared_answers_only_a_signed_question() {
    let target = Target::start(Verify::messages(keys("a"))).await;
    let mut transaction = Transaction {
        gid: "g-1".to_owned(),
        trans_type: "msg".to_owned(),
        query_prepared: format!("{}/prepared", target.url),
        ..Transaction::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    keys("a").sign_message(&mut transaction, now.as_secs()).unwrap();
    let signature = &transaction.options.branch_headers.unwrap()[MESSAGE_HEADER];
    let question = |gid: &str, signed: bool| {
        let signature = signed.then(|| (HeaderName::from_static(MESSAGE_HEADER), signature.parse().unwrap()));
        Seen {
            method: Method::GET,
            path_and_query: format!("/prepared?gid={gid}&trans_type=msg&branch_id=00&op=msg"),
            headers: signature.into_iter().collect(),
            body: Bytes::new(),
        }
    };
    assert_eq!(target.send(question("g-1", false)).await, Reply::Unsigned);
    assert_eq!(target.send(question("g-2", true)).await, Reply::BadSignature);
    for gid in ["g-1", "g-2"] {
        assert_eq!(
            target.bank.barrier_rows(&Gid::new(gid).unwrap()).await,
            [],
            "its local transaction can still commit"
        );
    }
    assert_eq!(target.send(question("g-1", true)).await, Reply::Refused);
}

#[tokio::test]
async fn a_message_that_is_too_long_to_sign_is_not_sent() {
    let target = Target::start(Verify::messages(keys("a"))).await;
    let coordinator = start(Coordinator::builder()).await;
    let gid = Gid::random();
    let branches = std::iter::repeat_with(|| target.branch()).take(50);
    let result =
        coordinator.client.clone().sign_messages(keys("a")).msg_all(branches).unwrap().gid(gid.clone()).submit().await;
    assert!(matches!(result, Err(NotDone::NotStarted(NotStarted::Unsignable(_)))), "{result:?}");
    assert_eq!(coordinator.client.query(&gid).await.unwrap().transaction, None);
}

#[tokio::test]
async fn with_tokens_the_api_answers_only_who_shows_one() {
    let coordinator = start(Coordinator::builder().api_tokens(TOKEN.parse().unwrap())).await;
    let gid = Gid::random();
    let branch = || MsgBranch::url("http://127.0.0.1:1/in", &30).unwrap();
    let client = &coordinator.client;
    for client in [client.clone(), client.clone().bearer_token(&TOKEN.replace('a', "b")).unwrap()] {
        let result = client.msg(branch()).gid(gid.clone()).submit().await;
        let refused = matches!(
            &result,
            Err(NotDone::NotStarted(NotStarted::Coordinator(ClientError::Failed { status: 401, .. })))
        );
        assert!(refused, "{result:?}");
        assert!(matches!(client.version().await, Err(ClientError::Failed { status: 401, .. })));
    }
    let client = client.clone().bearer_token(TOKEN).unwrap();
    assert_eq!(client.query(&gid).await.unwrap().transaction, None, "none of it has arrived");
    assert!(matches!(client.msg(branch()).gid(gid).submit().await, Ok(Done::Submitted { .. })));

    let http = reqwest::Client::new();
    for (method, path, expected) in [
        (Method::GET, "/api/health", StatusCode::OK),
        (Method::GET, "/api/dtmsvr/all", StatusCode::UNAUTHORIZED),
        (Method::POST, "/api/dtmsvr/submit", StatusCode::UNAUTHORIZED),
        (Method::GET, "/api/metrics", StatusCode::UNAUTHORIZED),
        (Method::POST, "/api/json-rpc", StatusCode::UNAUTHORIZED),
    ] {
        let answer = http.request(method, format!("{}{path}", coordinator.url)).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_coordinator_does_not_call_outside_of_its_networks() {
    let target = Target::start(Verify::calls(keys("a"))).await;
    let by_name = format!("{}/branch", target.url.replace("127.0.0.1", "localhost"));
    let by_mapped = format!("{}/branch", target.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"));
    let signing = || Coordinator::builder().sign_calls(keys("a"));
    let coordinator = start(signing().networks("10.0.0.0/8".parse().unwrap())).await;
    for url in [&format!("{}/branch", target.url), &by_name, &by_mapped] {
        assert!(!finished(&coordinator.client, &Gid::random(), MsgBranch::url(url, &30).unwrap()).await, "{url}");
    }
    assert!(target.seen.lock().unwrap().is_empty(), "no connection was made");

    let coordinator = start(signing().networks("127.0.0.0/8".parse().unwrap())).await;
    assert!(finished(&coordinator.client, &Gid::random(), MsgBranch::url(&by_name, &30).unwrap()).await);
    assert_eq!(target.runs(), 1);
}

#[tokio::test]
async fn a_test_coordinator_signs_as_the_program_does_whatever_its_clock_says() {
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(Sqlite::credit(tx, ACCOUNT, amount).await?) }));
    let services = Services::default();
    services.host("http://bank", service.router().layer(Verify::calls(keys("a")).host("bank")));
    for (signs, balance) in [(keys("b"), 0), (keys("a"), 30)] {
        let coordinator =
            TestCoordinator::start_with(services.clone(), move |builder| builder.sign_calls(signs.clone())).await;
        coordinator.advance(Duration::from_hours(24));
        let branch = MsgBranch::url("http://bank/branch", &30).unwrap();
        assert_eq!(finished(&coordinator.client(), &Gid::random(), branch).await, balance == 30);
        assert_eq!(bank.balance(ACCOUNT).await, balance);
        coordinator.stop().await;
    }
}

/// The log of this thread.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_route_that_verifies_nothing_while_calls_are_signed_is_named_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber.with(KeepsOpen::default()));
    let warnings = || {
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains("this route verifies nothing")).map(str::to_owned).collect::<Vec<_>>()
    };
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let service =
        Service::new(&bank, |tx, amount| Box::pin(async move { Ok(Sqlite::credit(tx, ACCOUNT, amount).await?) }));
    let ask = |headers: Option<String>| {
        let mut request = Request::get("/prepared?gid=g&trans_type=msg&branch_id=00&op=msg");
        if let Some(signature) = headers {
            request = request.header(CALL_HEADER, signature);
        }
        request.header("host", "bank").body(Body::empty()).unwrap()
    };
    let url = "http://bank/prepared?gid=g&trans_type=msg&branch_id=00&op=msg".parse().unwrap();
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signature = keys("a").sign_call(&url, b"", now_s);
    service.send(ask(None)).await;
    let verified = service.router().layer(Verify::calls(keys("a")));
    let reply = read(tower::ServiceExt::oneshot(verified, ask(signature.clone())).await.unwrap()).await;
    assert_eq!(reply, Reply::Refused, "it was let through");
    assert_eq!(warnings(), [""; 0]);
    service.send(ask(signature.clone())).await;
    service.send(ask(signature)).await;
    let warnings = warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("path=\"/prepared\""), "{warnings:?}");
}

#[derive(Clone, branchwire::Database)]
struct Forgetful(sqlx::SqlitePool);

#[branchwire::service("/api/forgetful")]
mod forgetful {
    use branchwire::prelude::*;

    use super::Forgetful;

    #[msg_branch]
    pub(super) async fn credit(_: &mut Tx<Forgetful>) -> Result<(), Retry> {
        Err(Retry::new("a look runs no branch"))
    }

    #[query_prepared]
    pub(super) fn prepared(db: Forgetful);
}

#[tokio::test]
async fn a_service_finds_its_open_routes_before_it_is_served() {
    let db = Forgetful(sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap());
    let verify = || Verify::calls(keys("a"));
    let check = async |app: &Router| auth::check(app, forgetful::ROUTES).await;
    let both = vec!["/api/forgetful/credit", "/api/forgetful/prepared"];

    let guarded: Router = forgetful::router().layer(verify()).with_state(db.clone());
    assert_eq!(check(&guarded).await, Ok(()));
    let guarded_later = Router::new().merge(forgetful::router().with_state(db.clone()).layer(verify()));
    assert_eq!(check(&guarded_later).await, Ok(()));
    let open: Router = forgetful::router().with_state(db.clone());
    assert_eq!(check(&open).await, Err(CheckError::Unguarded(both.clone())));
    let credit = Router::new().branch::<forgetful::credit>().layer(verify());
    let half: Router = credit.branch::<forgetful::prepared>().with_state(db.clone());
    assert_eq!(check(&half).await, Err(CheckError::Unguarded(vec!["/api/forgetful/prepared"])));
    let nested = Router::new().nest("/v1", open);
    assert_eq!(check(&nested).await, Err(CheckError::NotServed(both)));
}

#[tokio::test]
async fn the_look_of_a_service_at_itself_warns_of_nothing() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber.with(KeepsOpen::default()));
    let refused = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap().matches("a call was refused").count();
    let db = Forgetful(sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap());
    let app: Router = forgetful::router().layer(Verify::calls(keys("a"))).with_state(db);

    assert_eq!(auth::check(&app, forgetful::ROUTES).await, Ok(()));
    assert_eq!(refused(), 0);
    let call = Request::post("/api/forgetful/credit?gid=g&trans_type=msg&branch_id=01&op=action");
    tower::ServiceExt::oneshot(app, call.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(refused(), 1, "a call of somebody");
}
