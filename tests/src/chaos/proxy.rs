//! The network between the processes: HTTP requests are lost, delayed or doubled, and responses break off.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Failure;
use super::bank::ORDER;

/// After this time every delayed or repeated request has arrived.
pub(super) const LATEST: Duration = Duration::from_millis(2500);

/// A text in the body of a saga's submit.
const SAGA: &[u8] = br#""trans_type":"saga""#;

/// How long the sender of a lost request waits: longer than its own timeout.
const LOST: Duration = Duration::from_secs(4);

/// The fate of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It arrives, and so does its answer.
    Pass,
    /// It never arrives.
    Lose,
    /// It arrives, and its answer is lost.
    LoseAnswer,
    /// It arrives late.
    Delay,
    /// It arrives twice at once.
    Double,
    /// It arrives, and again after a while.
    Repeat,
    /// The first half of its answer arrives.
    Cut,
}

impl Fate {
    const ALL: [Self; 7] =
        [Self::Pass, Self::Lose, Self::LoseAnswer, Self::Delay, Self::Double, Self::Repeat, Self::Cut];

    /// Most requests pass: a transaction that never gets far shows nothing.
    fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..100) {
            0..3 => Self::Lose,
            3..7 => Self::LoseAnswer,
            7..12 => Self::Delay,
            12..16 => Self::Double,
            16..19 => Self::Repeat,
            19..22 => Self::Cut,
            _ => Self::Pass,
        }
    }
}

/// The state that all proxies share.
#[derive(Debug)]
pub(crate) struct Settings {
    random: Mutex<fastrand::Rng>,
    bad: AtomicBool,
    count: [AtomicU64; Fate::ALL.len()],
    /// Requests whose process was down.
    unreachable: AtomicU64,
}

/// How many requests had each fate.
#[derive(Debug, Clone)]
pub(super) struct Count([(Fate, u64); Fate::ALL.len()], u64);

impl Settings {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            bad: AtomicBool::new(false),
            count: Default::default(),
            unreachable: AtomicU64::new(0),
        }
    }

    /// From now on the network is bad.
    pub(super) fn begin(&self) {
        self.bad.store(true, Ordering::Relaxed);
    }

    /// From now on the network is good.
    pub(super) fn heal(&self) {
        self.bad.store(false, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> Count {
        let count = std::array::from_fn(|i| (Fate::ALL[i], self.count[i].load(Ordering::Relaxed)));
        Count(count, self.unreachable.load(Ordering::Relaxed))
    }

    fn fate(&self) -> (Fate, Duration) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = if self.bad.load(Ordering::Relaxed) { Fate::draw(&mut random) } else { Fate::Pass };
        (fate, LATEST.mul_f64(random.f64()))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fate, count) in self.0 {
            let words = match fate {
                Fate::Pass => "passed",
                Fate::Lose => "lost",
                Fate::LoseAnswer => "answer lost",
                Fate::Delay => "late",
                Fate::Double => "doubled",
                Fate::Repeat => "repeated later",
                Fate::Cut => "answer cut",
            };
            write!(f, "{count} {words}, ")?;
        }
        write!(f, "{} met no process", self.1)
    }
}

/// The address of one process. It stays the same when the process is restarted elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Arc<Settings>,
    target: Mutex<Option<SocketAddr>>,
    client: reqwest::Client,
}

impl Proxy {
    pub(super) async fn open(settings: &Arc<Settings>) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let inner = Arc::new(Inner { settings: settings.clone(), target: Mutex::default(), client });
        let proxy = Self { address: listener.local_addr()?, inner: inner.clone() };
        tokio::spawn(serve(listener, inner));
        Ok(proxy)
    }

    /// The address for others.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process's own address.
    pub(super) fn lead_to(&self, target: Option<SocketAddr>) {
        *self.inner.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }
}

/// A request that can be sent several times.
#[derive(Debug, Clone)]
struct Sent {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Sent {
    /// Whether this request begins its transaction. Then its answer, like the answer to an order, is about one attempt:
    /// if the request arrived twice, the two attempts could end differently, and no answer would be true of both.
    fn begins_a_saga(&self) -> bool {
        self.uri.path().ends_with("/submit") && self.body.windows(SAGA.len()).any(|window| window == SAGA)
    }
}

fn tell_the_same(first: &Result<Answer, Lost>, second: &Result<Answer, Lost>) -> bool {
    match (first, second) {
        (Ok(first), Ok(second)) => first.status == second.status,
        _ => false,
    }
}

/// No answer: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("lost")]
struct Lost;

async fn serve(listener: TcpListener, proxy: Arc<Inner>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let proxy = proxy.clone();
        let service = service_fn(move |request| pass_on(proxy.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass_on(proxy: Arc<Inner>, request: Request<Incoming>) -> Result<Response, Lost> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let sent = Sent { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    let (mut fate, wait) = proxy.settings.fate();
    // The answer to a customer is about one attempt of an order. Of two attempts, one might not begin and the other
    // succeed.
    if sent.uri.path() == ORDER && matches!(fate, Fate::Double | Fate::Repeat) {
        fate = Fate::Pass;
    }
    proxy.settings.count[fate as usize].fetch_add(1, Ordering::Relaxed);
    // The sender may disconnect in the meantime; the request still arrives.
    tokio::spawn(async move { proxy.carry(sent, fate, wait).await }).await.map_err(|_| Lost)?
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Inner {
    async fn carry(self: Arc<Self>, sent: Sent, fate: Fate, wait: Duration) -> Result<Response, Lost> {
        match fate {
            Fate::Pass => self.send(&sent).await.map(Answer::whole),
            Fate::Lose => {
                tokio::time::sleep(LOST).await;
                Err(Lost)
            }
            Fate::LoseAnswer => self.send(&sent).await.and(Err(Lost)),
            Fate::Delay => {
                tokio::time::sleep(wait).await;
                self.send(&sent).await.map(Answer::whole)
            }
            Fate::Double => {
                let (first, second) = tokio::join!(self.send(&sent), self.send(&sent));
                if sent.begins_a_saga() && !tell_the_same(&first, &second) {
                    Err(Lost)
                } else {
                    second.map(Answer::whole)
                }
            }
            Fate::Repeat => {
                let answer = self.send(&sent).await;
                if !sent.begins_a_saga() || answer.as_ref().is_ok_and(|answer| answer.status.is_success()) {
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        self.send(&sent).await
                    });
                }
                answer.map(Answer::whole)
            }
            Fate::Cut => self.send(&sent).await.map(Answer::half),
        }
    }

    /// The process's answer.
    async fn send(&self, sent: &Sent) -> Result<Answer, Lost> {
        let answer = self.try_send(sent).await;
        if answer.is_none() {
            self.settings.unreachable.fetch_add(1, Ordering::Relaxed);
        }
        answer.ok_or(Lost)
    }

    async fn try_send(&self, sent: &Sent) -> Option<Answer> {
        let target = (*self.target.lock().unwrap_or_else(PoisonError::into_inner))?;
        let mut headers = sent.headers.clone();
        for name in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let url = format!("http://{target}{}", sent.uri);
        let request = self.client.request(sent.method.clone(), url).headers(headers).body(sent.body.clone());
        let answer = request.send().await.ok()?;
        Some(Answer { status: answer.status(), body: answer.bytes().await.ok()? })
    }
}

impl Answer {
    fn whole(self) -> Response {
        (self.status, self.body).into_response()
    }

    /// An answer whose connection breaks half-way.
    fn half(self) -> Response {
        let half = self.body.slice(..self.body.len() / 2);
        let broken = stream::iter([Ok(half), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
        let length = [(header::CONTENT_LENGTH, self.body.len().max(1))];
        (self.status, length, Body::from_stream(broken)).into_response()
    }
}
