//! The line between bank A and the coordinator: calls can be watched, and one can be lost.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Error;

/// Hands the calls of bank A on to the coordinator.
pub(crate) struct Relay {
    /// Where bank A reaches it.
    pub(crate) url: String,
    line: Arc<Line>,
}

struct Line {
    coordinator: String,
    http: reqwest::Client,
    watch: Mutex<Option<Watch>>,
}

/// What to do with the next call of a name.
struct Watch {
    call: &'static str,
    /// Lost: it never reaches the coordinator, and its caller never gets an answer.
    lose: bool,
    came: oneshot::Sender<()>,
}

impl Relay {
    /// Opens the line to the coordinator at this address.
    pub(crate) async fn open(coordinator: &str) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let line = Arc::new(Line {
            coordinator: coordinator.trim_end_matches("/api/dtmsvr").to_owned(),
            http: reqwest::Client::builder().no_proxy().build()?,
            watch: Mutex::default(),
        });
        let routes = Router::new().fallback(pass_on).with_state(line.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        Ok(Self { url, line })
    }

    /// Loses the next call of this name; tells when it has come.
    pub(crate) fn lose_next(&self, call: &'static str) -> oneshot::Receiver<()> {
        self.watch(call, true)
    }

    /// Tells when the coordinator has answered the next call of this name.
    pub(crate) fn await_next(&self, call: &'static str) -> oneshot::Receiver<()> {
        self.watch(call, false)
    }

    fn watch(&self, call: &'static str, lose: bool) -> oneshot::Receiver<()> {
        let (came, told) = oneshot::channel();
        *self.line.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(Watch { call, lose, came });
        told
    }
}

async fn pass_on(State(line): State<Arc<Line>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let watch = line
        .watch
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take_if(|watch| uri.path().rsplit('/').next() == Some(watch.call));
    let came = match watch {
        Some(Watch { lose: true, came, .. }) => {
            let _ = came.send(());
            return std::future::pending().await;
        }
        watch => watch.map(|watch| watch.came),
    };
    let request = line
        .http
        .request(method, format!("{}{uri}", line.coordinator))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body);
    let answer = match request.send().await {
        Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    };
    if let Some(came) = came {
        let _ = came.send(());
    }
    answer
}
