//! The API of a coordinator, as the command line uses it.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use branchwire_protocol::BASE_PATH;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::options;
use super::text::plain;

/// How long a coordinator may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many transactions a page has; the API's limit.
const PAGE: usize = 1_000;

/// The statuses of transactions that have not ended, for a DTM server.
const UNFINISHED: [&str; 3] = ["prepared", "submitted", "aborting"];

/// Why a command failed. No text has control characters.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The coordinator refused.
    #[error("{0}")]
    Refused(String),
    /// There is no answer, or it is not a coordinator's.
    #[error("{0}")]
    NoAnswer(String),
    /// There is no such transaction.
    #[error("there is no transaction `{0}`")]
    NotFound(String),
    /// Standard output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Failed {
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) | Self::Output(_) => 1,
            Self::NoAnswer(_) => 3,
            Self::NotFound(_) => 4,
        })
    }
}

/// One coordinator.
pub(super) struct Server {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Server {
    pub(super) fn new(options: &options::Server) -> Result<Self, Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
        let client = client.map_err(|error| Failed::NoAnswer(error.to_string()))?;
        let token = std::env::var("BRANCHWIRE_TOKEN").ok().map(|token| token.trim().to_owned());
        let token = token.filter(|token| !token.is_empty());
        Ok(Self { client, base: options.server.as_str().trim_end_matches('/').to_owned(), token })
    }

    pub(super) async fn get(&self, route: &str, query: &[(&str, &str)]) -> Result<Value, Failed> {
        let url = format!("{}{BASE_PATH}/{route}", self.base);
        let url = url::Url::parse_with_params(&url, query).map_err(|error| Failed::NoAnswer(error.to_string()))?;
        self.send(self.client.get(url)).await
    }

    pub(super) async fn post(&self, route: &str, body: &Value) -> Result<Value, Failed> {
        self.send(self.client.post(format!("{}{BASE_PATH}/{route}", self.base)).body(body.to_string())).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failed> {
        let no_answer = |why: &str| Failed::NoAnswer(format!("{} {why}", plain(&self.base)));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| {
            no_answer(if error.is_timeout() { "does not answer in time" } else { "cannot be reached" })
        })?;
        let status = response.status();
        let body: Option<Value> = response.json().await.ok();
        match (status, body) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                Err(Failed::Refused("the coordinator requires a token for this: set BRANCHWIRE_TOKEN".to_owned()))
            }
            (StatusCode::OK, Some(body)) => Ok(body),
            (_, Some(body)) if body["message"].is_string() => {
                Err(Failed::Refused(plain(body["message"].as_str().unwrap_or_default())))
            }
            _ => Err(no_answer(&format!("does not answer as a coordinator (status {status})"))),
        }
    }

    /// One transaction with its branches, as the API gives it.
    pub(super) async fn query(&self, gid: &str) -> Result<Value, Failed> {
        let seen = self.get("query", &[("gid", gid)]).await?;
        if seen["transaction"].is_object() { Ok(seen) } else { Err(Failed::NotFound(plain(gid))) }
    }

    /// Transactions, newest first, at most `limit`.
    pub(super) async fn all(&self, filter: &[(&str, &str)], limit: usize) -> Result<Vec<Value>, Failed> {
        let (mut found, mut position) = (Vec::new(), String::new());
        loop {
            let page = PAGE.min(limit - found.len()).to_string();
            let query = [filter, &[("position", position.as_str()), ("limit", page.as_str())]].concat();
            let mut answer = self.get("all", &query).await?;
            if let Value::Array(transactions) = answer["transactions"].take() {
                found.extend(transactions);
            }
            answer["next_position"].as_str().unwrap_or_default().clone_into(&mut position);
            if position.is_empty() || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// The unfinished transactions that need one of these kinds of attention, each once. A DTM server knows no attention,
    /// and gives all that are unfinished.
    pub(super) async fn needing(&self, kinds: &[&str]) -> Result<Vec<Value>, Failed> {
        let (mut found, mut known) = (Vec::new(), BTreeSet::new());
        // It would list what has ended, however much that is.
        if self.ignores_attention().await? {
            for status in UNFINISHED {
                found.extend(self.all(&[("status", status)], usize::MAX).await?);
            }
            return Ok(found);
        }
        for kind in kinds {
            let needing = self.all(&[("attention", kind)], usize::MAX).await?;
            found.extend(needing.into_iter().filter(|it| known.insert(it["gid"].as_str().map(str::to_owned))));
        }
        Ok(found)
    }

    /// Whether the server is not one of ours: ours refuses a kind of attention that there is not.
    async fn ignores_attention(&self) -> Result<bool, Failed> {
        match self.get("all", &[("attention", "?"), ("limit", "1")]).await {
            Ok(_) => Ok(true),
            Err(Failed::Refused(text)) if text.contains("attention") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a transaction due now.
    pub(super) async fn call_now(&self, gid: &str) -> Result<(), Failed> {
        self.post("resetNextCronTime", &json!({ "gid": gid })).await.map(drop)
    }
}
