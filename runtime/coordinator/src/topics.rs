//! Topics: a name for a list of subscribers, kept in the key-value table under `cat=topics`.

use branchwire_protocol::TOPIC_PREFIX;
use serde::{Deserialize, Serialize};

use crate::engine::Time;
use crate::store::{KvPut, KvRow, Store, StoreError, WriteOutcome};

/// The category of topics in the key-value table.
const CATEGORY: &str = "topics";

/// The longest list of subscribers, in bytes: the limit of a `text` column of MySQL.
const LIST_BYTES_MAX: usize = 65_535;

/// How often a change is tried if others keep changing the same topic.
const ATTEMPTS: usize = 16;

/// One subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscriber {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) remark: String,
}

/// Why a topic was not changed or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicError {
    #[error("this url exists")]
    UrlExists,
    #[error("no such an url ")]
    NoSuchUrl,
    #[error("no such a topic")]
    NoSuchTopic,
    #[error("topic not found")]
    NotFound,
    #[error("the list of this topic's subscribers would have more than {LIST_BYTES_MAX} bytes")]
    TooMany,
    #[error("the topic's row is corrupt: {0}")]
    Corrupt(serde_json::Error),
    #[error("others kept changing the topic")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A topic as it is stored.
#[cfg(feature = "console")]
pub(crate) struct Topic {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) subscribers: Result<Vec<Subscriber>, TopicError>,
}

/// Topics, newest first: at most `limit` of those with an id below `position`.
#[cfg(feature = "console")]
pub(crate) async fn list(store: &dyn Store, position: i64, limit: u32) -> Result<Vec<Topic>, StoreError> {
    let rows = store.kv_scan(CATEGORY, position, limit).await?;
    Ok(rows.into_iter().map(|row| Topic { id: row.id, subscribers: parse(&row), name: row.k }).collect())
}

/// The topic's name, if an action's address is one.
pub(crate) fn name_of(action: &str) -> Option<&str> {
    action.strip_prefix(TOPIC_PREFIX)
}

/// A topic's subscribers, in the order in which they subscribed.
pub(crate) async fn subscribers(store: &dyn Store, topic: &str) -> Result<Vec<Subscriber>, TopicError> {
    let row = store.kv_get(CATEGORY, topic).await?.ok_or(TopicError::NotFound)?;
    parse(&row)
}

/// Adds a subscriber; the first one creates the topic.
pub(crate) async fn subscribe(
    store: &dyn Store,
    topic: &str,
    subscriber: Subscriber,
    now: Time,
) -> Result<(), TopicError> {
    change(store, topic, now, |row| {
        let mut subscribers = row.map_or(Ok(Vec::new()), parse)?;
        if subscribers.iter().any(|other| other.url == subscriber.url) {
            return Err(TopicError::UrlExists);
        }
        subscribers.push(subscriber.clone());
        Ok(Some(subscribers))
    })
    .await
}

/// Removes a subscriber. The topic stays, even without subscribers.
pub(crate) async fn unsubscribe(store: &dyn Store, topic: &str, url: &str, now: Time) -> Result<(), TopicError> {
    change(store, topic, now, |row| {
        let mut subscribers = parse(row.ok_or(TopicError::NoSuchTopic)?)?;
        let before = subscribers.len();
        subscribers.retain(|subscriber| subscriber.url != url);
        if subscribers.len() == before { Err(TopicError::NoSuchUrl) } else { Ok(Some(subscribers)) }
    })
    .await
}

/// Removes a topic with all its subscribers.
pub(crate) async fn delete(store: &dyn Store, topic: &str, now: Time) -> Result<(), TopicError> {
    change(store, topic, now, |row| row.map(|_| None).ok_or(TopicError::NoSuchTopic)).await
}

/// Reads, decides and writes; repeats that if the topic was changed in between.
async fn change(
    store: &dyn Store,
    topic: &str,
    now: Time,
    decide: impl Fn(Option<&KvRow>) -> Result<Option<Vec<Subscriber>>, TopicError>,
) -> Result<(), TopicError> {
    for _ in 0..ATTEMPTS {
        let row = store.kv_get(CATEGORY, topic).await?;
        let subscribers = decide(row.as_ref())?;
        let v = subscribers.map(|list| serde_json::to_string(&list)).transpose().map_err(TopicError::Corrupt)?;
        if v.as_ref().is_some_and(|v| v.len() > LIST_BYTES_MAX) {
            return Err(TopicError::TooMany);
        }
        let put =
            KvPut { cat: CATEGORY.to_owned(), k: topic.to_owned(), version: row.map(|row| row.version), v, at: now };
        if store.kv_put(&put).await? == WriteOutcome::Applied {
            return Ok(());
        }
    }
    Err(TopicError::Contended)
}

fn parse(row: &KvRow) -> Result<Vec<Subscriber>, TopicError> {
    serde_json::from_str(&row.v).map_err(TopicError::Corrupt)
}
