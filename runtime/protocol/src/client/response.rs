//! Reads a coordinator's response: which ones count as success, and which as unknown.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::{DtmResult, GID_HEADER, GID_IS_KNOWN};

/// The longest part of a coordinator's message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// The word in each response to an order; responses to questions do not have it.
#[derive(Deserialize)]
struct Said {
    dtm_result: DtmResult,
    /// Whether the gid belongs to another transaction. Only Branchwire's coordinator says that.
    #[serde(default)]
    other_transaction: bool,
}

/// What a coordinator that accepts a transaction says of its gid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GidWas {
    /// It has recorded something because of this request.
    New,
    /// It had the same transaction before.
    Known,
    /// It does not say, as DTM servers do not: it may have another transaction under this gid.
    NotSaid,
}

impl GidWas {
    fn of(response: &Response<Bytes>) -> Self {
        match response.headers().get(GID_HEADER).map(HeaderValue::as_bytes) {
            Some(word) if word == GID_IS_KNOWN.as_bytes() => Self::Known,
            Some(_) => Self::New,
            None => Self::NotSaid,
        }
    }
}

/// The response to an order: prepare, submit, abort, newGid.
pub(super) fn acknowledged(response: &Response<Bytes>) -> Result<GidWas, ClientError> {
    let said = serde_json::from_slice::<Said>(response.body());
    if response.status() == StatusCode::CONFLICT && said.as_ref().is_ok_and(|said| said.other_transaction) {
        return Err(ClientError::OtherTransaction { message: message(response.body()) });
    }
    match (response.status(), said.map(|said| said.dtm_result)) {
        (StatusCode::OK, Ok(DtmResult::Success)) => Ok(GidWas::of(response)),
        (_, Ok(DtmResult::Ongoing)) => Err(ClientError::Ongoing),
        (StatusCode::OK, Ok(DtmResult::Failure)) => Err(refused(response)),
        (StatusCode::CONFLICT, _) if is_failure(response.body()) => Err(refused(response)),
        (StatusCode::OK, Err(error)) => Err(ClientError::Unreadable(error)),
        _ => Err(failed(response)),
    }
}

/// The response to a question: 200, and JSON of this form.
pub(super) fn told<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, ClientError> {
    if response.status() != StatusCode::OK {
        return Err(failed(response));
    }
    serde_json::from_slice(response.body()).map_err(ClientError::Unreadable)
}

fn refused(response: &Response<Bytes>) -> ClientError {
    ClientError::Refused { message: message(response.body()), known: GidWas::of(response) == GidWas::Known }
}

fn failed(response: &Response<Bytes>) -> ClientError {
    let by_envoy = response.headers().get(header::SERVER).is_some_and(|server| {
        let server = server.as_bytes();
        server.windows(5).any(|window| window.eq_ignore_ascii_case(b"envoy"))
    });
    let (status, message) = (response.status(), message(response.body()));
    match status {
        // Also if a coordinator said it: Envoy may have asked another one before.
        StatusCode::SERVICE_UNAVAILABLE if by_envoy => {
            ClientError::NoAnswer(format!("an Envoy proxy answered 503: {message}").into())
        }
        StatusCode::SERVICE_UNAVAILABLE if words(response.body()).is_some() => ClientError::Busy { message },
        _ => ClientError::Failed { status: status.as_u16(), message },
    }
}

fn is_failure(body: &[u8]) -> bool {
    let word = DtmResult::Failure.as_str().as_bytes();
    body.windows(word.len()).any(|window| window == word)
}

/// The message in a coordinator's body.
fn words(body: &[u8]) -> Option<String> {
    /// The part that counts.
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    serde_json::from_slice::<Words>(body).ok().map(|words| words.message)
}

/// The message in a body, or its text, cut.
fn message(body: &[u8]) -> String {
    let text = words(body).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    text.chars().filter(|character| !character.is_control()).take(MESSAGE_CHARS_MAX).collect()
}
