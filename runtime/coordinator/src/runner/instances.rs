//! The coordinators of a store that several may use: each one writes down that it is there, also while it has nothing to
//! do. For people; leases do not depend on it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::core::Core;
use crate::store::{KvPut, Store, StoreError, WriteOutcome};

/// The category in the key-value table. The key is the coordinator's name in leases.
const CATEGORY: &str = "branchwire-instances";

/// How often each one writes.
const EVERY: Duration = Duration::from_secs(15);

/// One that was not seen for this long is removed by the others.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// How many are read at most.
const LIMIT: u32 = 1_000;

/// What a coordinator writes about itself; times in milliseconds since the Unix epoch, by its own clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Instance {
    /// The name in its leases.
    #[serde(skip)]
    pub(crate) owner: String,
    /// The machine or container, if the system tells it.
    pub(crate) host: String,
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) started: i64,
    pub(crate) seen: i64,
}

impl Instance {
    /// Whether it has missed its turns to write: it has died, or cannot reach the store.
    #[cfg(feature = "console")]
    pub(crate) fn is_missed(&self, now: i64) -> bool {
        older_than(self.seen, EVERY * 3, now)
    }
}

/// The coordinators that are there, and those that ended lately without saying so.
///
/// # Errors
/// A [`StoreError`] if they cannot be read.
#[cfg(feature = "console")]
pub(crate) async fn instances(store: &dyn Store) -> Result<Vec<Instance>, StoreError> {
    Ok(stored(store).await?.into_iter().map(|(instance, _)| instance).collect())
}

/// With their versions in the table. An entry that cannot be read has no times, and so is old.
async fn stored(store: &dyn Store) -> Result<Vec<(Instance, i64)>, StoreError> {
    let rows = store.kv_scan(CATEGORY, i64::MAX, LIMIT).await?;
    let read = rows.into_iter().map(|row| {
        let known: Instance = serde_json::from_str(&row.v).unwrap_or_default();
        (Instance { owner: row.k, ..known }, row.version)
    });
    Ok(read.collect())
}

fn older_than(seen: i64, age: Duration, now: i64) -> bool {
    now.saturating_sub(seen) > i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

impl Core {
    /// Writes down at intervals that this coordinator is there, until it stops.
    pub(super) async fn be_seen(self: Arc<Self>) {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        let started = self.clock.now().as_millis();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let me = Instance { owner: String::new(), host, pid: std::process::id(), version, started, seen: started };
        loop {
            let seen = self.clock.now().as_millis();
            if let Err(error) = self.write_instance(Some(&Instance { seen, ..me.clone() })).await {
                tracing::debug!(%error, "this coordinator could not write down that it is there");
            }
            if let Err(error) = self.forget_instances().await {
                tracing::debug!(%error, "coordinators that have gone could not be removed");
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Err(error) = self.write_instance(None).await {
            tracing::debug!(%error, "this coordinator could not write down that it has gone");
        }
    }

    /// Writes this coordinator's entry, or removes it.
    async fn write_instance(&self, instance: Option<&Instance>) -> Result<(), StoreError> {
        let present = self.store.kv_get(CATEGORY, &self.owner).await?.map(|row| row.version);
        let v = instance.and_then(|instance| serde_json::to_string(instance).ok());
        if v.is_none() && present.is_none() {
            return Ok(());
        }
        self.put_instance(&self.owner, present, v).await.map(drop)
    }

    /// Removes those that were not seen for long. Another coordinator may do so at the same time.
    async fn forget_instances(&self) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        for (instance, version) in stored(self.store.as_ref()).await? {
            if older_than(instance.seen, FORGOTTEN_AFTER, now) {
                self.put_instance(&instance.owner, Some(version), None).await?;
            }
        }
        Ok(())
    }

    async fn put_instance(
        &self,
        owner: &str,
        version: Option<i64>,
        v: Option<String>,
    ) -> Result<WriteOutcome, StoreError> {
        let (cat, k, at) = (CATEGORY.to_owned(), owner.to_owned(), self.clock.now());
        self.store.kv_put(&KvPut { cat, k, version, v, at }).await
    }
}
