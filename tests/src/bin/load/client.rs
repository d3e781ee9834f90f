//! A connection to a coordinator, with one request at a time, directly by hyper.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// How often a request is sent again after a 5xx.
const REPEAT_MAX: u64 = 20;

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    connection: SendRequest<Full<Bytes>>,
    repeated: u64,
}

impl Client {
    /// Connects to a coordinator, or to the host of the branches.
    pub(crate) async fn connect(authority: String) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&authority).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        // If it fails, the next request reports the error.
        tokio::spawn(driver);
        Ok(Self { authority, connection, repeated: 0 })
    }

    /// How many requests were sent again.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// `prepare`, `registerBranch`, `submit` or a try. It is sent again at once after a 5xx, as a client has to: a
    /// coordinator may report a deadlock of its database. Every other answer than a plain success is an error.
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

    /// Sends a GET request.
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
