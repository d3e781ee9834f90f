//! One kept-alive connection to a coordinator, driven by whoever waits for an answer on it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::http_channel::ANSWER_BYTES_MAX;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connection without a task of its own: such a task would have to be woken for each request, and wake the caller again
/// for the answer, which costs more than the rest of the request.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    /// Whether the connection has ended: it must not be polled again.
    has_ended: bool,
}

/// Why there is no answer.
pub(super) enum LineError {
    /// The request was not sent, and here it is again.
    NotSent(Box<Request<Full<Bytes>>>, Failure),
    /// It was sent, or a part of it was.
    NoAnswer(Failure),
}

impl Line {
    /// Connects.
    pub(super) async fn open(address: &(String, u16)) -> Result<Self, Failure> {
        let stream = TcpStream::connect((address.0.as_str(), address.1)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection, has_ended: false })
    }

    /// Sends a request, and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, LineError> {
        let sent = self.sender.try_send_request(request);
        let answer = self.drive(sent).await.map_err(|mut error| match error.take_message() {
            Some(request) => LineError::NotSent(Box::new(request), error.into_error().into()),
            None => LineError::NoAnswer(error.into_error().into()),
        })?;
        let (parts, mut body) = answer.into_parts();
        let mut whole = Bytes::new();
        while let Some(frame) = self.drive(body.frame()).await {
            let frame = frame.map_err(|error| LineError::NoAnswer(error.into()))?;
            let Ok(chunk) = frame.into_data() else { continue };
            if whole.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(LineError::NoAnswer("the answer is too long".into()));
            }
            whole = join(whole, chunk);
        }
        Ok(Response::from_parts(parts, whole))
    }

    /// Whether another request can be sent, as far as is known here.
    pub(super) fn is_open(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        !self.has_ended && self.sender.is_ready()
    }

    /// Waits for something that comes over the connection.
    async fn drive<F: Future>(&mut self, awaited: F) -> F::Output {
        let mut awaited = pin!(awaited);
        poll_fn(|context| match awaited.as_mut().poll(context) {
            Poll::Pending => {
                self.advance(context);
                // What the connection has just read; or that it has ended.
                awaited.as_mut().poll(context)
            }
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        // Its error, if any, is that of the request as well.
        self.has_ended = self.has_ended || Pin::new(&mut self.connection).poll(context).is_ready();
    }
}

/// Most answers are one chunk, which is not copied.
fn join(whole: Bytes, chunk: Bytes) -> Bytes {
    if whole.is_empty() {
        return chunk;
    }
    let mut joined = BytesMut::from(whole);
    joined.extend_from_slice(&chunk);
    joined.freeze()
}
