//! The network: it delivers late, never, twice, in any order, and to the process that listens at that time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use branchwire::client::{Channel, ChannelError};
use branchwire::protocol::{Answer, TransType};
use branchwire_coordinator::transport::{Call, CallError, Response, Transport};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::Bug;
use super::audit::Auditor;
use super::fate::{Fate, Fault};
use super::process::Life;

/// How long a client waits for the coordinator.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, whoever sends it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Its method.
    pub(super) method: http::Method,
    /// Its path and query.
    pub(super) uri: Uri,
    /// Its body.
    pub(super) body: Bytes,
}

impl Request {
    /// What a coordinator is asked for.
    pub(super) fn call(&self) -> &str {
        self.uri.path().rsplit('/').next().unwrap_or_default()
    }

    /// The gid in its body, if it has one.
    pub(super) fn gid(&self) -> String {
        self.text("gid")
    }

    /// The branch in its body, if it has one.
    pub(super) fn branch_id(&self) -> String {
        self.text("branch_id")
    }

    fn text(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body[name].as_str().unwrap_or_default().to_owned()
    }
}

/// What a process does with a request.
pub(super) type Handler = Arc<dyn Fn(Request) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync>;

/// A response without headers.
pub(super) fn answer(status: u16, body: &'static [u8]) -> http::Response<Bytes> {
    http::Response::builder().status(status).body(Bytes::from_static(body)).expect("a status and bytes")
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Nobody was there: the request was not sent.
    NotSent,
    /// It was cut off.
    Cut,
}

/// The network, with the processes that listen.
pub(super) struct Network {
    fate: Arc<Fate>,
    hosts: Mutex<BTreeMap<&'static str, (Life, Handler)>>,
    partitions: Mutex<BTreeMap<(&'static str, &'static str), Instant>>,
    /// The messages whose submit arrives twice.
    submitted_twice: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// A network where nobody is.
    pub(super) fn new(fate: Arc<Fate>) -> Arc<Self> {
        Arc::new(Self {
            fate,
            hosts: Mutex::default(),
            partitions: Mutex::default(),
            submitted_twice: Mutex::default(),
        })
    }

    /// From now on this life of a process listens under its name.
    pub(super) fn listen(&self, life: &Life, handler: Handler) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(life.name(), (life.clone(), handler));
    }

    /// Removes all listeners, which breaks the cycle of references between them and the world.
    pub(super) fn close(&self) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// From now on, and for this long, the two cannot reach each other.
    pub(super) fn part(&self, one: &'static str, other: &'static str, time: Duration) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.insert((one, other), Instant::now() + time);
        partitions.insert((other, one), Instant::now() + time);
    }

    /// Everybody can reach everybody.
    pub(super) fn heal(&self) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The messages whose submit has arrived twice, or would have.
    pub(super) fn submitted_twice(&self) -> BTreeSet<String> {
        self.submitted_twice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_parted(&self, one: &'static str, other: &'static str) -> bool {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.get(&(one, other)).is_some_and(|until| Instant::now() < *until)
    }

    fn host(&self, name: &str) -> Option<(Life, Handler)> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(name).filter(|(life, _)| life.is_alive()).cloned()
    }

    /// Carries a request to a process, and its response back. If one of them is lost this never returns: the caller
    /// needs a timeout.
    async fn carry(&self, from: &'static str, to: &str, request: Request) -> Result<http::Response<Bytes>, Lost> {
        let fate = &self.fate;
        sleep(fate.between(0, 5)).await;
        if fate.happens(Fault::Delay) {
            sleep(fate.between(100, 15_000)).await;
        }
        let Some((life, handler)) = self.host(to) else { return Err(Lost::NotSent) };
        if self.is_parted(from, life.name()) || fate.happens(Fault::RequestLost) {
            pending::<()>().await;
        }
        if fate.happens(Fault::Duplicate) {
            if request.call() == "submit" {
                self.submitted_twice.lock().unwrap_or_else(PoisonError::into_inner).insert(request.gid());
            }
            let (life, handler, request) = (life.clone(), handler.clone(), request.clone());
            let lag = fate.between(1, 20_000);
            let fate = fate.clone();
            tokio::spawn(async move {
                sleep(lag).await;
                fate.note(format_args!("again: {} to {}", request.uri, life.name()));
                life.spawn(handler(request).map(drop));
            });
        }
        let (answer, answered) = oneshot::channel();
        life.spawn(async move {
            // Whoever asked may have gone.
            let _ = answer.send(handler(request).await);
        });
        let heard = answered.await.map_err(|_| Lost::Cut)?;
        if fate.happens(Fault::ResponseCut) {
            return Err(Lost::Cut);
        }
        if self.is_parted(from, life.name()) || fate.happens(Fault::ResponseLost) {
            pending::<()>().await;
        }
        sleep(fate.between(0, 5)).await;
        if fate.happens(Fault::Delay) {
            sleep(fate.between(100, 15_000)).await;
        }
        Ok(heard)
    }
}

/// How a coordinator calls branches.
pub(super) struct Calls {
    /// The network.
    pub(super) network: Arc<Network>,
    /// The coordinator.
    pub(super) life: Life,
    /// Who looks on.
    pub(super) auditor: Arc<Auditor>,
    /// A mistake to make.
    pub(super) bug: Option<Bug>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("life", &self.life).finish_non_exhaustive()
    }
}

impl Transport for Calls {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Response, CallError>> {
        let (network, life, auditor, bug) = (self.network.clone(), self.life.clone(), self.auditor.clone(), self.bug);
        async move {
            let fate = network.fate.clone();
            let (gid, branch_id, op) = (value(&call.url, "gid"), value(&call.url, "branch_id"), value(&call.url, "op"));
            let is_question = branch_id == "00";
            let is_of_message = value(&call.url, "trans_type") == TransType::Msg.as_str();
            let name = if is_of_message { format!("call {branch_id}") } else { format!("call {branch_id}/{op}") };
            auditor.called(&op, &gid);
            fate.before(&life, &name).await;
            let host = call.url.host_str().unwrap_or_default().to_owned();
            let uri =
                call.url[url::Position::BeforePath..url::Position::AfterQuery].parse().expect("an address was checked");
            let request = Request { method: call.method, uri, body: call.body };
            let heard = timeout(call.timeout, network.carry(life.name(), &host, request)).await;
            let mut heard = heard.ok().and_then(Result::ok);
            if fate.happens(Fault::StrangeAnswer) {
                // A branch that is called last in a saga cannot refuse: nothing would undo it.
                let may_refuse = !is_question && call.url.path() != "/finally";
                heard = Some(strange_answer(&fate, may_refuse));
            }
            if heard.is_none() && is_question && bug == Some(Bug::UnknownIsFailure) {
                heard = Some(answer(409, b""));
            }
            let answer =
                heard.as_ref().map_or(Answer::Unknown, |heard| Answer::read(heard.status().as_u16(), heard.body()));
            fate.note(format_args!("{} hears {answer:?} from {gid} {branch_id}", life.name()));
            fate.after(&life, &name).await;
            let heard = heard.ok_or_else(|| CallError::NoResponse("simulated".to_owned()))?;
            Ok(Response { status: heard.status().as_u16(), body: heard.into_body() })
        }
        .boxed()
    }
}

/// The value of a parameter in the query of an address.
fn value(url: &url::Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Possible responses of a proxy, or of a failing service. Never that a local transaction has not committed: only the
/// database decides that.
fn strange_answer(fate: &Fate, may_refuse: bool) -> http::Response<Bytes> {
    const ANSWERS: [(u16, &[u8]); 8] = [
        (502, b"Bad Gateway"),
        (503, b""),
        (404, b"not here"),
        (301, b""),
        (204, b""),
        (425, b"{\"dtm_result\":\"ONGOING\"}"),
        (409, b"{\"dtm_result\":\"FAILURE\"}"),
        (500, b"\xff\xfe FAILURE"),
    ];
    let (status, body) = ANSWERS[usize::try_from(fate.below(if may_refuse { 8 } else { 6 })).unwrap_or(0)];
    answer(status, body)
}

/// How a client asks coordinators: any of them, each time.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    /// The network.
    pub(super) network: Arc<Network>,
    /// The client's process.
    pub(super) life: Life,
    /// The coordinators.
    pub(super) coordinators: Vec<&'static str>,
}

impl Channel for Requests {
    fn exchange(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, ChannelError>> {
        async move {
            let fate = &self.network.fate;
            let name = format!("ask {}", request.uri().path().rsplit('/').next().unwrap_or_default());
            fate.before(&self.life, &name).await;
            let index = usize::try_from(fate.below(self.coordinators.len() as u64)).unwrap_or(0);
            let (parts, body) = request.into_parts();
            let request = Request { method: parts.method, uri: parts.uri, body };
            let carried = self.network.carry(self.life.name(), self.coordinators[index], request);
            let heard = timeout(CLIENT_TIMEOUT, carried).await.unwrap_or(Err(Lost::Cut));
            fate.after(&self.life, &name).await;
            exchanged(heard)
        }
        .boxed()
    }
}

/// How a client calls the tries of its TCCs.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    /// The network.
    pub(super) network: Arc<Network>,
    /// The client's process.
    pub(super) life: Life,
}

impl Channel for Tries {
    fn exchange(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, ChannelError>> {
        async move {
            let fate = &self.network.fate;
            let (parts, body) = request.into_parts();
            let url: url::Url = parts.uri.to_string().parse().expect("an address was checked");
            let name = format!("call {}/{}", value(&url, "branch_id"), value(&url, "op"));
            fate.before(&self.life, &name).await;
            let request = Request { method: parts.method, uri: parts.uri, body };
            let host = url.host_str().unwrap_or_default().to_owned();
            // Whoever calls has a timeout.
            let mut heard = self.network.carry(self.life.name(), &host, request).await;
            if fate.happens(Fault::StrangeAnswer) {
                heard = Ok(strange_answer(fate, true));
            }
            fate.after(&self.life, &name).await;
            exchanged(heard)
        }
        .boxed()
    }
}

/// What a channel of a client makes of it.
fn exchanged(heard: Result<http::Response<Bytes>, Lost>) -> Result<http::Response<Bytes>, ChannelError> {
    heard.map_err(|lost| match lost {
        Lost::NotSent => ChannelError::NotSent("simulated".into()),
        Lost::Cut => ChannelError::NoAnswer("simulated".into()),
    })
}
