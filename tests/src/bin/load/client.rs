//! A connection to a coordinator, one request at a time: no more than hyper itself.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;
use crate::process::Coordinator;

/// So often a request is sent again that the coordinator could not serve.
const REPEAT_MAX: u64 = 20;

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    connection: SendRequest<Full<Bytes>>,
    repeated: u64,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(coordinator: &Coordinator) -> Result<Self, Failure> {
        let authority = coordinator.authority.clone();
        let stream = TcpStream::connect(&authority).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        // Its error, if any, is the next request's as well.
        tokio::spawn(driver);
        Ok(Self { authority, connection, repeated: 0 })
    }

    /// How many requests were sent again.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// `prepare` or `submit`, sent again at once after a 5xx, as a client has to: a coordinator may answer with its
    /// database's deadlocks. Whatever else is not a plain success is an error.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<(), Failure> {
        let mut repeated = 0;
        loop {
            let request = http::Request::post(path)
                .header(HOST, &self.authority)
                .header(CONTENT_TYPE, "application/json")
                .body(Full::new(body.clone()))?;
            let (status, answer) = self.send(request).await?;
            let text = String::from_utf8_lossy(&answer);
            if status.is_success() && !text.contains("FAILURE") {
                self.repeated += repeated;
                return Ok(());
            }
            if !status.is_server_error() || repeated == REPEAT_MAX {
                return Err(format!("{path}: {status}: {text}").into());
            }
            repeated += 1;
        }
    }

    /// Asks for something.
    pub(crate) async fn get(&mut self, path: &str) -> Result<serde_json::Value, Failure> {
        let request = http::Request::get(path).header(HOST, &self.authority).body(Full::default())?;
        let (status, answer) = self.send(request).await?;
        if !status.is_success() {
            return Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
