//! The line between a caller and a service: its calls can be watched, lost, or fail.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::run::Error;

/// Hands calls on to a service.
pub struct Relay {
    /// Where the caller reaches it.
    pub url: String,
    line: Arc<Line>,
}

struct Line {
    service: String,
    http: reqwest::Client,
    watch: Mutex<Option<Watch>>,
}

/// What to do with the next call of a name.
struct Watch {
    call: &'static str,
    fate: Fate,
    came: oneshot::Sender<()>,
}

/// A call that is late: it stays on the line until it is let go.
pub struct Late {
    /// Tells when it has come.
    pub came: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
    answer: oneshot::Receiver<StatusCode>,
}

impl Late {
    /// Lets it go on to the service, though its caller may have gone, and returns what the service answers.
    pub async fn arrives(self) -> Result<StatusCode, Error> {
        let _ = self.go.send(());
        Ok(self.answer.await?)
    }
}

/// What becomes of a watched call.
enum Fate {
    /// It never reaches the service, and its caller never gets an answer.
    Lost,
    /// It never reaches the service, and neither do the next calls of its name, so many in all: each is answered 500.
    Fails(u32),
    /// It waits until it is let go, and then its answer is told.
    Late(oneshot::Receiver<()>, oneshot::Sender<StatusCode>),
    /// It is passed on; who watches is told before.
    Announced,
    /// It is passed on; who watches is told once it is answered.
    Answered,
}

impl Relay {
    /// Opens the line to the service at this address.
    pub async fn open(service: &str) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let line = Arc::new(Line {
            service: service.trim_end_matches("/api/dtmsvr").to_owned(),
            http: reqwest::Client::builder().no_proxy().build()?,
            watch: Mutex::default(),
        });
        let routes = Router::new().fallback(pass_on).with_state(line.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        Ok(Self { url, line })
    }

    /// Loses the next call whose path ends with this name; tells when it has come.
    pub fn lose_next(&self, call: &'static str) -> oneshot::Receiver<()> {
        self.watch(call, Fate::Lost)
    }

    /// Lets the next calls whose path ends with this name fail, so many; tells when the last of them has come.
    pub fn fail_next(&self, call: &'static str, times: u32) -> oneshot::Receiver<()> {
        self.watch(call, Fate::Fails(times))
    }

    /// Keeps the next call whose path ends with this name on the line.
    pub fn keep_next(&self, call: &'static str) -> Late {
        let (go, goes) = oneshot::channel();
        let (answered, answer) = oneshot::channel();
        Late { came: self.watch(call, Fate::Late(goes, answered)), go, answer }
    }

    /// Passes all calls on again.
    pub fn mend(&self) {
        *self.line.watch.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells when the next call whose path ends with this name is on its way to the service.
    pub fn announce_next(&self, call: &'static str) -> oneshot::Receiver<()> {
        self.watch(call, Fate::Announced)
    }

    /// Tells when the service has answered the next call whose path ends with this name.
    pub fn await_next(&self, call: &'static str) -> oneshot::Receiver<()> {
        self.watch(call, Fate::Answered)
    }

    fn watch(&self, call: &'static str, fate: Fate) -> oneshot::Receiver<()> {
        let (came, told) = oneshot::channel();
        *self.line.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(Watch { call, fate, came });
        told
    }
}

impl Line {
    /// The watch for this call, which is no longer watched for; or that the call fails.
    fn watch_for(&self, uri: &Uri) -> Result<Option<Watch>, StatusCode> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(watched) = watch.take_if(|watch| uri.path().rsplit('/').next() == Some(watch.call)) else {
            return Ok(None);
        };
        match watched.fate {
            Fate::Fails(times) if times > 1 => *watch = Some(Watch { fate: Fate::Fails(times - 1), ..watched }),
            Fate::Fails(_) => {
                let _ = watched.came.send(());
            }
            Fate::Lost | Fate::Late(..) | Fate::Announced | Fate::Answered => return Ok(Some(watched)),
        }
        Err(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Line {
    /// Passes a call on to the service.
    async fn pass_on(&self, method: Method, uri: Uri, body: Bytes) -> Response {
        let request = self
            .http
            .request(method, format!("{}{uri}", self.service))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        match request.send().await {
            Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

async fn pass_on(State(line): State<Arc<Line>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let Watch { fate, came, .. } = match line.watch_for(&uri) {
        Err(status) => return status.into_response(),
        Ok(None) => return line.pass_on(method, uri, body).await,
        Ok(Some(watch)) => watch,
    };
    if matches!(fate, Fate::Answered) {
        let answer = line.pass_on(method, uri, body).await;
        let _ = came.send(());
        return answer;
    }
    let _ = came.send(());
    match fate {
        Fate::Announced => line.pass_on(method, uri, body).await,
        Fate::Late(goes, answered) => {
            // A task of its own: it outlives a caller that waits no longer.
            let late = tokio::spawn(async move {
                if goes.await.is_err() {
                    return std::future::pending().await;
                }
                let answer = line.pass_on(method, uri, body).await;
                let _ = answered.send(answer.status());
                answer
            });
            late.await.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
        }
        Fate::Lost | Fate::Fails(_) | Fate::Answered => std::future::pending().await,
    }
}
