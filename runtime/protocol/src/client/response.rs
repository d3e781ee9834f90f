//! Reads a coordinator's response: which ones count as success, and which as unknown.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::DtmResult;

/// The longest part of a coordinator's message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// The word in each response to an order; responses to questions do not have it.
#[derive(Deserialize)]
struct Said {
    dtm_result: DtmResult,
}

/// The response to an order: prepare, submit, abort, newGid.
pub(super) fn acknowledged(response: &Response<Bytes>) -> Result<(), ClientError> {
    let said = serde_json::from_slice::<Said>(response.body()).map(|said| said.dtm_result);
    match (response.status(), said) {
        (StatusCode::OK, Ok(DtmResult::Success)) => Ok(()),
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
    ClientError::Refused { message: message(response.body()) }
}

fn failed(response: &Response<Bytes>) -> ClientError {
    let by_envoy = response.headers().get(header::SERVER).is_some_and(|server| {
        let server = server.as_bytes();
        server.windows(5).any(|window| window.eq_ignore_ascii_case(b"envoy"))
    });
    // A coordinator behind Envoy answers in JSON, Envoy itself in plain text.
    if response.status() == StatusCode::SERVICE_UNAVAILABLE && by_envoy && words(response.body()).is_none() {
        return ClientError::NoAnswer("an Envoy proxy answered 503 in the place of the coordinator".into());
    }
    ClientError::Failed { status: response.status().as_u16(), message: message(response.body()) }
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
