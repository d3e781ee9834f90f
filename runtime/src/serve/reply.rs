//! Turns a reply into an axum response.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};

use crate::outcome::Reply;

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        respond(self, self.body())
    }
}

/// A reply, with what the function has returned, as JSON.
pub(super) struct Replied {
    pub(super) reply: Reply,
    pub(super) value: Option<Vec<u8>>,
}

impl From<Reply> for Replied {
    fn from(reply: Reply) -> Self {
        Self { reply, value: None }
    }
}

impl IntoResponse for Replied {
    fn into_response(self) -> Response {
        match (self.reply, self.value) {
            (Reply::Success, Some(value)) => respond(Reply::Success, success_with(&value)),
            (reply, _) => reply.into_response(),
        }
    }
}

/// The body of a success with a value.
///
/// A coordinator searches a body for the words `FAILURE` and `ONGOING`, and base64 may spell them. Both have an `I`, so it
/// is written as JSON's escape: whoever reads the JSON gets the base64 unchanged.
fn success_with(value: &[u8]) -> String {
    format!(r#"{{"dtm_result":"SUCCESS","data":"{}"}}"#, STANDARD.encode(value).replace('I', "\\u0049"))
}

fn respond(reply: Reply, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    *response.status_mut() = reply.status();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Answer;

    #[test]
    fn no_value_can_spell_a_word_that_a_coordinator_looks_for() {
        for word in ["FAILURE+", "/ONGOING", "FAILUREONGOING++"] {
            let value = STANDARD.decode(word).unwrap();
            let body = success_with(&value);
            assert_eq!(Answer::read(200, body.as_bytes()), Answer::Success, "{body}");
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&read["data"], &read["dtm_result"]), (&word.into(), &"SUCCESS".into()));
        }
    }
}
