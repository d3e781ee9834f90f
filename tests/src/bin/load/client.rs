//! A connection to a coordinator, one request at a time: no more than hyper itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;
use crate::process::Coordinator;

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    connection: SendRequest<Full<Bytes>>,
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
        Ok(Self { authority, connection })
    }

    /// `prepare` or `submit`; whatever is not a plain success is an error.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<(), Failure> {
        let request = http::Request::post(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let answer = self.send(request).await?;
        let text = String::from_utf8_lossy(&answer);
        if text.contains("FAILURE") { Err(format!("{path}: {text}").into()) } else { Ok(()) }
    }

    /// Asks for something.
    pub(crate) async fn get(&mut self, path: &str) -> Result<serde_json::Value, Failure> {
        let request = http::Request::get(path).header(HOST, &self.authority).body(Full::default())?;
        Ok(serde_json::from_slice(&self.send(request).await?)?)
    }

    async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let path = request.uri().path().to_owned();
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }
}
