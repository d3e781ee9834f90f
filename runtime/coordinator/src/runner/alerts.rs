//! Tells a server of the operator about transactions that somebody should look at.
//!
//! It never holds a transaction up: an alert goes into a bounded queue, and is dropped if that is full. One task sends
//! them one after the other. When the coordinator stops it sends those that wait once more, and the log has the rest.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

/// How many alerts may wait.
const QUEUE: usize = 1_000;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often one alert is sent, with pauses that double.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(1);

/// How long the alerts that wait at a stop may take in all.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often the log says that alerts are dropped.
const SAY_DROPPED: Duration = Duration::from_mins(1);

/// One alert. The first five fields are those of DTM's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Alert {
    pub(super) gid: String,
    /// The transaction's status.
    pub(super) status: String,
    /// How often the branch was called; or how often the transaction was due while nobody could be asked.
    pub(super) retry_count: u32,
    /// Its id; `00` is query-prepared. Empty if the alert is not about a branch.
    pub(super) branch: String,
    /// What is wrong. It may have text from a branch.
    pub(super) error: String,
    pub(super) trans_type: String,
    /// The branch's op.
    pub(super) op: String,
    pub(super) reason: Reason,
}

/// Why it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// Calls bring no progress, or there is nobody to call.
    NoProgress,
    /// A branch that must succeed has refused: what others have done stands, and it does not follow.
    Diverges,
    /// The row makes no sense, and is put aside.
    Parked,
    /// A transaction that had an alert has ended.
    Over,
}

/// The queue of alerts.
#[derive(Debug)]
pub(super) struct Alerts {
    queue: Option<mpsc::Sender<Alert>>,
    last_said: std::sync::Mutex<Option<Instant>>,
    closing: CancellationToken,
    courier: TaskTracker,
}

/// Sends what is in the queue.
pub(super) struct Courier {
    url: Url,
    queue: mpsc::Receiver<Alert>,
}

impl Alerts {
    /// Begins to send alerts there. Without an address they go nowhere.
    pub(super) fn start(url: Option<Url>) -> Self {
        let (alerts, courier) = Self::new(url);
        if let Some(courier) = courier {
            alerts.courier.spawn(courier.run(alerts.closing.clone()));
        }
        alerts
    }

    fn new(url: Option<Url>) -> (Self, Option<Courier>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let courier = url.map(|url| Courier { url, queue });
        let queue = courier.is_some().then_some(sender);
        (
            Self { queue, last_said: None.into(), closing: CancellationToken::new(), courier: TaskTracker::new() },
            courier,
        )
    }

    /// Sends what waits, for a short time at most. Nothing is raised any more.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.courier.close();
        self.courier.wait().await;
    }

    /// Queues an alert, which is made only if somebody is told.
    pub(super) fn raise(&self, alert: impl FnOnce() -> Alert) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(alert()).is_err() {
            let mut last = self.last_said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if last.is_none_or(|last| last.elapsed() >= SAY_DROPPED) {
                *last = Some(Instant::now());
                tracing::warn!("alerts are dropped: the address of --alert-url is too slow, or does not answer");
            }
        }
    }
}

impl Courier {
    /// Sends alerts until the coordinator stops, and then what waits.
    async fn run(self, closing: CancellationToken) {
        let client = match reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build() {
            Ok(client) => client,
            Err(error) => return tracing::error!(%error, "alerts cannot be sent"),
        };
        let url = self.url;
        let send = move |body: Bytes| {
            let request = client.post(url.clone()).header("content-type", "application/json").body(body);
            // The address may contain a secret: it is left out of the error.
            async move {
                request
                    .send()
                    .await
                    .and_then(reqwest::Response::error_for_status)
                    .map(drop)
                    .map_err(reqwest::Error::without_url)
            }
        };
        deliver(self.queue, &closing, send).await;
    }
}

/// Sends one alert after the other. Once `closing`, each that waits is sent once, as long as there is time.
async fn deliver<F, E>(mut queue: mpsc::Receiver<Alert>, closing: &CancellationToken, send: impl Fn(Bytes) -> F)
where
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut waits = None;
    while waits.is_none() {
        let alert = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            alert = queue.recv() => alert,
        };
        let Some(alert) = alert else { return };
        if !insist(&alert, closing, &send).await {
            waits = Some(alert);
        }
    }
    queue.close();
    let end = Instant::now() + FAREWELL;
    loop {
        let Some(alert) = (match waits.take() {
            Some(alert) => Some(alert),
            None => queue.recv().await,
        }) else {
            return;
        };
        let is_in_time = Instant::now() < end;
        if !is_in_time || !matches!(tokio::time::timeout_at(end, send(body(&alert))).await, Ok(Ok(()))) {
            tracing::warn!(gid = alert.gid, reason = ?alert.reason, "an alert was not delivered before the stop");
        }
    }
}

/// Sends an alert until it has arrived or was tried often enough. Returns false if `closing` came first.
async fn insist<F, E>(alert: &Alert, closing: &CancellationToken, send: impl Fn(Bytes) -> F) -> bool
where
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let body = body(alert);
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        let Err(error) = send(body.clone()).await else { break };
        if attempt == ATTEMPTS {
            tracing::warn!(gid = alert.gid, %error, "an alert was not delivered");
            break;
        }
        tokio::select! {
            biased;
            () = closing.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause *= 2;
    }
    true
}

fn body(alert: &Alert) -> Bytes {
    serde_json::to_vec(alert).expect("texts and a number are JSON").into()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn alert(gid: &str) -> Alert {
        let text = String::new;
        Alert {
            gid: gid.to_owned(),
            status: "submitted".to_owned(),
            retry_count: 3,
            branch: "01".to_owned(),
            error: text(),
            trans_type: text(),
            op: text(),
            reason: Reason::NoProgress,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alert_is_sent_again_with_pauses_that_double_and_then_given_up() {
        let (sender, queue) = mpsc::channel(QUEUE);
        sender.send(alert("never")).await.unwrap();
        sender.send(alert("at once")).await.unwrap();
        drop(sender);
        let (start, arrived) = (Instant::now(), RefCell::new(Vec::new()));
        let send = async |body: Bytes| {
            let gid = serde_json::from_slice::<serde_json::Value>(&body).unwrap()["gid"].as_str().unwrap().to_owned();
            arrived.borrow_mut().push((gid.clone(), start.elapsed().as_secs()));
            if gid == "never" { Err("down") } else { Ok(()) }
        };
        deliver(queue, &CancellationToken::new(), send).await;
        let expected = [0, 1, 3, 7, 15, 31].map(|at| ("never".to_owned(), at)).into_iter();
        assert_eq!(arrived.into_inner(), expected.chain([("at once".to_owned(), 31)]).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn at_a_stop_each_alert_that_waits_is_sent_once_and_for_a_bounded_time() {
        for (answers, expected) in [(true, QUEUE), (false, 1)] {
            let (sender, queue) = mpsc::channel(QUEUE);
            let closing = CancellationToken::new();
            for number in 0..QUEUE {
                sender.send(alert(&number.to_string())).await.unwrap();
            }
            closing.cancel();
            let (start, count) = (Instant::now(), RefCell::new(0));
            let send = async |_: Bytes| {
                *count.borrow_mut() += 1;
                if !answers {
                    std::future::pending::<()>().await;
                }
                Ok::<_, &str>(())
            };
            deliver(queue, &closing, send).await;
            assert_eq!(
                (count.into_inner(), start.elapsed()),
                (expected, if answers { Duration::ZERO } else { FAREWELL })
            );
            assert!(sender.try_send(alert("late")).is_err(), "nothing is taken any more");
        }
    }

    #[tokio::test]
    async fn a_full_queue_drops_alerts_and_waits_for_nobody() {
        let (alerts, courier) = Alerts::new(Some("http://127.0.0.1:1/".parse().unwrap()));
        for number in 0..QUEUE + 10 {
            alerts.raise(|| alert(&number.to_string()));
        }
        let mut courier = courier.expect("there is an address");
        let mut waiting = 0;
        while courier.queue.try_recv().is_ok() {
            waiting += 1;
        }
        assert_eq!(waiting, QUEUE);
        Alerts::new(None).0.raise(|| panic!("nobody is told"));
    }
}
