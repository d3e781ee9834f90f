//! The bearer tokens of clients that may use the API.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::answer::Refused;

/// The shortest token, in characters.
const TOKEN_CHARS_MIN: usize = 32;

/// The bearer tokens that the API accepts. A client with one may do everything.
///
/// Separated by commas or white space; each has at least 32 visible ASCII characters other than a comma (`openssl rand
/// -base64 32` makes one). Several tokens allow a rotation: add the new one, give it to all clients, remove the old
/// one. Only their hashes are kept, and `Debug` shows only their number.
#[derive(Clone)]
pub struct ApiTokens(Arc<[[u8; 32]]>);

/// A text that is not a list of tokens. The error shows nothing of the text, which may contain a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokens {
    /// There is none.
    #[error("there is no token")]
    Empty,
    /// The token with this number, from 1, is too short, or has characters other than visible ASCII.
    #[error("token {0}: a token has at least {TOKEN_CHARS_MIN} characters, all of them visible ASCII")]
    Token(usize),
}

impl FromStr for ApiTokens {
    type Err = InvalidTokens;

    fn from_str(text: &str) -> Result<Self, InvalidTokens> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let token = |(number, word): (usize, &str)| {
            let usable = word.len() >= TOKEN_CHARS_MIN && word.bytes().all(|byte| byte.is_ascii_graphic());
            if usable { Ok(hash(word.as_bytes())) } else { Err(InvalidTokens::Token(number)) }
        };
        let tokens: Vec<_> = (1..).zip(words).map(token).collect::<Result<_, _>>()?;
        if tokens.is_empty() { Err(InvalidTokens::Empty) } else { Ok(Self(tokens.into())) }
    }
}

impl ApiTokens {
    /// The hash of this token, if it is one of them. Compares in constant time.
    #[cfg(feature = "console")]
    pub(crate) fn find(&self, token: &[u8]) -> Option<[u8; 32]> {
        let token = hash(token);
        let known = self.0.iter().fold(Choice::from(0), |known, accepted| known | accepted.ct_eq(&token));
        bool::from(known).then_some(token)
    }

    /// The hashes of all: secrets, with which something can be signed for whoever has a token.
    #[cfg(feature = "console")]
    pub(crate) fn hashes(&self) -> &[[u8; 32]] {
        &self.0
    }

    /// Whether a request with this `Authorization` may pass. Compares in constant time.
    fn accept(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.as_bytes().split_at_checked(7)) else {
            return false;
        };
        let token = hash(token);
        let known = self.0.iter().fold(Choice::from(0), |known, accepted| known | accepted.ct_eq(&token));
        scheme.eq_ignore_ascii_case(b"bearer ") && known.into()
    }
}

impl fmt::Debug for ApiTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiTokens({})", self.0.len())
    }
}

/// Lets a request pass if it has an accepted token, or if no tokens are required.
pub(super) async fn check(State(tokens): State<Option<ApiTokens>>, request: Request, next: Next) -> Response {
    if tokens.is_none_or(|tokens| tokens.accept(request.headers().get(AUTHORIZATION))) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "a request without an accepted token");
    let mut response = Refused::unauthorized("an accepted bearer token is required").into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const TWO: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn each_token_of_the_list_is_accepted_and_no_other() {
        let tokens: ApiTokens = format!("{ONE}\n{TWO}\n").parse().unwrap();
        let accept = |text: &str| tokens.accept(Some(&HeaderValue::from_str(text).unwrap()));
        assert!(accept(&format!("Bearer {ONE}")) && accept(&format!("bearer {TWO}")));
        for text in [ONE, "", "Bearer", "Bearer ", &format!("Basic {ONE}"), &format!("Bearer {}", &ONE[1..])] {
            assert!(!accept(text), "{text}");
        }
        assert!(!accept(&format!("Bearer {ONE}{TWO}")) && !accept(&format!("Bearer  {ONE}")));
        assert!(!tokens.accept(None));
        assert_eq!(format!("{tokens:?}"), "ApiTokens(2)");
    }

    #[test]
    fn an_invalid_token_is_refused() {
        assert_eq!(" ,".parse::<ApiTokens>().unwrap_err(), InvalidTokens::Empty);
        assert_eq!(format!("{ONE},short").parse::<ApiTokens>().unwrap_err(), InvalidTokens::Token(2));
        assert_eq!(format!("{ONE}ü").parse::<ApiTokens>().unwrap_err(), InvalidTokens::Token(1));
    }
}
