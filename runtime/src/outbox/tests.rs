//! What the relay sends, on a real SQLite file, to a coordinator that keeps the requests.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use sqlx::SqlitePool;
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::client::{Channel, ChannelError};
use crate::protocol::Transaction;
use crate::{Done, MsgBranch, Tx};

#[derive(Clone)]
struct Bank(SqlitePool);

impl Database for Bank {
    type Driver = sqlx::Sqlite;

    fn pool(&self) -> &SqlitePool {
        &self.0
    }
}

impl Bank {
    async fn open(dir: &tempfile::TempDir) -> Self {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("bank.db"));
        Self(SqlitePool::connect_with(options.create_if_missing(true)).await.unwrap())
    }

    async fn count(&self, state: &'static str) -> usize {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM branchwire_outbox WHERE state = ?")
            .bind(state)
            .fetch_one(&self.0)
            .await
            .unwrap();
        usize::try_from(count).unwrap()
    }
}

/// It answers each request once there is a permit: with 503 as long as it is to refuse, and then with a yes.
#[derive(Clone)]
struct Coordinator {
    requests: mpsc::UnboundedSender<Bytes>,
    permits: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How many requests it refuses first.
    refuses: usize,
    in_flight: usize,
    in_flight_max: usize,
    answered: Vec<Instant>,
}

impl Coordinator {
    fn new(refuses: usize, permits: usize) -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (requests, received) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(State { refuses, ..State::default() }));
        (Self { requests, permits: Arc::new(Semaphore::new(permits)), state }, received)
    }

    fn client(&self) -> Client {
        Client::with_channel(self.clone())
    }

    /// One that answers at once.
    fn ready(refuses: usize) -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        Self::new(refuses, Semaphore::MAX_PERMITS)
    }
}

impl Channel for Coordinator {
    fn exchange(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        if !request.uri().path().ends_with("/submit") {
            // It is asked for a status as well, and has none to tell.
            let answer = Response::new(Bytes::from_static(br#"{"dtm_result":"SUCCESS"}"#));
            return Box::pin(std::future::ready(Ok(answer)));
        }
        let this = self.clone();
        Box::pin(async move {
            {
                let mut state = this.state.lock().unwrap();
                state.in_flight += 1;
                state.in_flight_max = state.in_flight_max.max(state.in_flight);
            }
            let _ = this.requests.send(request.into_body());
            this.permits.acquire().await.unwrap().forget();
            let mut state = this.state.lock().unwrap();
            state.in_flight -= 1;
            state.answered.push(Instant::now());
            let refuses = state.refuses > 0;
            state.refuses = state.refuses.saturating_sub(1);
            let (status, body): (_, &[u8]) = if refuses { (503, b"") } else { (200, br#"{"dtm_result":"SUCCESS"}"#) };
            Ok(Response::builder().status(status).body(Bytes::from_static(body)).unwrap())
        })
    }
}

async fn send(outbox: &Outbox<Bank>, client: &Client) -> Done<()> {
    let message = client.msg(MsgBranch::url("http://bank-b/in", &30).unwrap());
    message.send_with(outbox, async |_: &mut Tx<Bank>| Ok::<_, sqlx::Error>(())).await.unwrap()
}

/// As many messages as that wait in the bank, and nobody sends them.
async fn with_waiting(bank: &Bank, messages: usize) {
    let (coordinator, _) = Coordinator::ready(usize::MAX);
    let client = coordinator.client();
    let outbox = Outbox::start(bank, &client).await.unwrap();
    outbox.stop().await;
    let done = send(&outbox, &client).await;
    assert!(matches!(done, Done::Committed { .. }), "{done:?}");
    sqlx::query(
        "WITH RECURSIVE seq(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM seq WHERE n < ?) \
         INSERT INTO branchwire_outbox (gid, state, body, created_ms, due_ms, owner) \
         SELECT gid || '-' || n, state, replace(body, gid, gid || '-' || n), created_ms, due_ms, owner \
         FROM branchwire_outbox, seq",
    )
    .bind(i64::try_from(messages).unwrap())
    .execute(&bank.0)
    .await
    .unwrap();
    // Their sender's lease is over.
    sqlx::query("UPDATE branchwire_outbox SET due_ms = 0").execute(&bank.0).await.unwrap();
    assert_eq!(bank.count("waiting").await, messages);
}

#[tokio::test]
async fn many_rows_that_wait_are_sent_and_few_are_in_memory_at_a_time() {
    const MESSAGES: usize = 1000;
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    with_waiting(&bank, MESSAGES).await;
    let (coordinator, mut received) = Coordinator::new(0, 0);
    let outbox = Outbox::start(&bank, &coordinator.client()).await.unwrap();
    for _ in 0..relay::IN_FLIGHT_MAX {
        received.recv().await.unwrap();
    }
    // As many as it sends at once, and these are all that it has taken.
    let taken: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM branchwire_outbox WHERE due_ms > 0").fetch_one(&bank.0).await.unwrap();
    assert_eq!(usize::try_from(taken).unwrap(), relay::IN_FLIGHT_MAX);
    coordinator.permits.add_permits(MESSAGES);
    for _ in relay::IN_FLIGHT_MAX..MESSAGES {
        received.recv().await.unwrap();
    }
    outbox.stop().await;
    assert_eq!((bank.count("waiting").await, bank.count("sent").await), (0, MESSAGES));
    assert_eq!(coordinator.state.lock().unwrap().in_flight_max, relay::IN_FLIGHT_MAX);
    assert!(received.try_recv().is_err(), "each is sent once");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_on_its_way_and_takes_nothing_new() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    with_waiting(&bank, relay::IN_FLIGHT_MAX + 1).await;
    let (coordinator, mut received) = Coordinator::new(0, 0);
    let outbox = Outbox::start(&bank, &coordinator.client()).await.unwrap();
    for _ in 0..relay::IN_FLIGHT_MAX {
        received.recv().await.unwrap();
    }
    let stopping = outbox.clone();
    let mut stopped = tokio::spawn(async move { stopping.stop().await });
    // It has been told; the coordinator has not answered yet.
    while !*outbox.inner.stop_relay.borrow() {
        tokio::task::yield_now().await;
    }
    let early = tokio::time::timeout(Duration::from_millis(20), &mut stopped).await;
    assert!(early.is_err(), "it is on its way");
    coordinator.permits.add_permits(2 * relay::IN_FLIGHT_MAX);
    stopped.await.unwrap();
    assert_eq!((bank.count("waiting").await, bank.count("sent").await), (1, relay::IN_FLIGHT_MAX));
    assert!(received.try_recv().is_err(), "nothing new");

    // Once more has no effect; a sender still sends by itself.
    outbox.stop().await;
    assert!(matches!(send(&outbox, &coordinator.client()).await, Done::Submitted { .. }));
}

#[tokio::test]
async fn at_the_commit_the_sender_is_answered_and_a_stop_waits_for_its_submit() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (coordinator, mut received) = Coordinator::new(0, 0);
    let outbox = Outbox::start(&bank, &coordinator.client()).await.unwrap().at_commit();
    let done = send(&outbox, &coordinator.client()).await;
    assert!(matches!(done, Done::Committed { .. }), "{done:?}");
    received.recv().await.unwrap();

    let stopping = outbox.clone();
    let mut stopped = tokio::spawn(async move { stopping.stop().await });
    while !*outbox.inner.stop_relay.borrow() {
        tokio::task::yield_now().await;
    }
    let early = tokio::time::timeout(Duration::from_millis(20), &mut stopped).await;
    assert!(early.is_err(), "it is on its way");
    coordinator.permits.add_permits(2);
    stopped.await.unwrap();
    assert_eq!((bank.count("waiting").await, bank.count("sent").await), (0, 1));

    // Nobody would wait for another one now.
    assert!(matches!(send(&outbox, &coordinator.client()).await, Done::Submitted { .. }));
}

#[tokio::test]
async fn when_many_are_submitted_at_once_the_next_sender_waits_for_its_own() {
    const MANY: usize = shared::MEANWHILE_MAX as usize;
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (coordinator, mut received) = Coordinator::new(0, 0);
    let client = coordinator.client();
    let outbox = Outbox::start(&bank, &client).await.unwrap().at_commit();
    for _ in 0..MANY {
        assert!(matches!(send(&outbox, &client).await, Done::Committed { .. }));
    }
    let last = tokio::spawn({
        let (outbox, client) = (outbox.clone(), client.clone());
        async move { send(&outbox, &client).await }
    });
    for _ in 0..=MANY {
        received.recv().await.unwrap();
    }
    assert!(!last.is_finished(), "the coordinator has not answered yet");
    coordinator.permits.add_permits(MANY + 1);
    assert!(matches!(last.await.unwrap(), Done::Submitted { .. }));
    outbox.stop().await;
    assert_eq!((bank.count("waiting").await, bank.count("sent").await), (0, MANY + 1));
}

#[tokio::test]
async fn with_a_stopped_outbox_each_sender_finds_out_by_itself_whether_the_coordinator_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    // Before the stop a sender finds it away, and after it another one does.
    let (coordinator, _received) = Coordinator::ready(usize::MAX);
    let client = coordinator.client();
    let outbox = Outbox::start(&bank, &client).await.unwrap();
    assert!(matches!(send(&outbox, &client).await, Done::Committed { .. }));
    outbox.stop().await;
    assert!(matches!(send(&outbox, &client).await, Done::Committed { .. }));
    assert!(outbox.status().await.unwrap().coordinator_away);

    coordinator.state.lock().unwrap().refuses = 0;
    assert!(matches!(send(&outbox, &client).await, Done::Submitted { .. }));
    let status = outbox.status().await.unwrap();
    assert!(!status.coordinator_away);
    assert_eq!((status.sent, status.waiting), (1, 3), "nobody marks a row after the stop");
}

/// The times have lower bounds only: a slow machine takes longer.
#[tokio::test]
async fn while_the_coordinator_is_away_one_message_asks_for_it_at_pauses_that_double() {
    const FIRST: usize = relay::IN_FLIGHT_MAX;
    const TRIES: usize = 3;
    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    with_waiting(&bank, 2 * FIRST).await;
    let (coordinator, mut received) = Coordinator::ready(FIRST + TRIES);
    let outbox = Outbox::start(&bank, &coordinator.client()).await.unwrap();
    while bank.count("sent").await < 2 * FIRST {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    outbox.stop().await;
    let state = coordinator.state.lock().unwrap();
    assert_eq!(state.answered.len(), FIRST + TRIES + 2 * FIRST, "each was sent until it was taken");
    // All that were on their way found it away; then one try at a time.
    for (number, pair) in state.answered[FIRST - 1..].windows(2).take(TRIES + 1).enumerate() {
        let pause = relay::AWAY_MIN * 2_u32.pow(u32::try_from(number).unwrap());
        // The first pause begins with the first one that found it away.
        let began = if number == 0 { state.answered[0] } else { pair[0] };
        assert!(pair[1] - began >= pause, "{:?} before try {number}, not {pause:?}", pair[1] - began);
    }
    drop(state);
    received.close();
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn the_relay_sends_signatures_and_headers_as_the_sender_has_made_them() {
    use crate::auth::Keys;
    use crate::protocol::MESSAGE_HEADER;

    let dir = tempfile::tempdir().unwrap();
    let bank = Bank::open(&dir).await;
    let (coordinator, mut received) = Coordinator::ready(1);
    let keys: Keys = "2026-12:0123456789abcdef0123456789abcdef".parse().unwrap();
    let client = coordinator.client().sign_messages(keys);
    let outbox = Outbox::start(&bank, &client).await.unwrap();

    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = client.msg(MsgBranch::url("http://bank-b/in", &30).unwrap());
    let message = message.branch_header("traceparent", trace).wait_result();
    let done = message.send_with(&outbox, async |_: &mut Tx<Bank>| Ok::<_, sqlx::Error>(())).await;
    assert!(matches!(done, Ok(Done::Committed { .. })), "{done:?}");

    let read = |body: Option<Bytes>| serde_json::from_slice::<Transaction>(&body.unwrap()).unwrap();
    let (mut first, second) = (read(received.recv().await), read(received.recv().await));
    outbox.stop().await;
    assert!(first.options.wait_result, "the sender waits, the relay does not");
    first.options.wait_result = false;
    assert_eq!(first, second);
    let headers = second.options.branch_headers.unwrap();
    assert_eq!(headers["traceparent"], trace);
    assert!(headers.contains_key(MESSAGE_HEADER), "{headers:?}");
}
