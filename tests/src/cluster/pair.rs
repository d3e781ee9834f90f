//! The round on a PostgreSQL with a standby.

use std::time::Duration;

use super::{Change, Cluster, Plan, Report, World};
use crate::chaos::Failure;
use crate::server::{Back, Pair, Server, pgbouncer_before};

/// How long the standby is paused at most before the primary is killed.
const LAG_MAX_MS: u64 = 300;

/// The poolers before the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pooled {
    /// None.
    No,
    /// A pgbouncer with `pool_mode=session` before each server, for coordinators and banks.
    Session,
    /// A pgbouncer with `pool_mode=transaction` before each server for the banks, one with `session` for the
    /// coordinators.
    Transaction,
}

/// A pair, and the poolers before its servers.
struct Databases {
    pair: Pair,
    /// For the coordinators, and for the banks; empty without poolers.
    poolers: [Vec<Server>; 2],
    pooled: Pooled,
}

impl Databases {
    async fn start(synchronous: bool, pooled: Pooled) -> Option<Self> {
        let pair = Pair::start(synchronous).await?;
        let mut poolers = [Vec::new(), Vec::new()];
        let modes = match pooled {
            Pooled::No => [None, None],
            Pooled::Session => [Some("session"), Some("session")],
            Pooled::Transaction => [Some("session"), Some("transaction")],
        };
        for (poolers, mode) in poolers.iter_mut().zip(modes) {
            let Some(mode) = mode else { continue };
            for url in pair.urls() {
                // sqlx asks for `extra_float_digits` in the startup packet.
                poolers.push(pgbouncer_before(&url, mode, "extra_float_digits").await?);
            }
        }
        Some(Self { pair, poolers, pooled })
    }

    /// The address of a database through these poolers, or without them.
    fn through(&self, poolers: &[Server], name: &str) -> String {
        let direct = self.pair.address(name);
        let [Some(a), Some(b)] = [0, 1].map(|place: usize| poolers.get(place).and_then(|p| p.url().port())) else {
            return direct;
        };
        let (login, _) = direct.rsplit_once('@').expect("an address with a user");
        format!("{login}@127.0.0.1:{a},127.0.0.1:{b}/{name}")
    }
}

impl Cluster for Databases {
    async fn create_database(&self, name: &str) -> Result<(), sqlx::Error> {
        self.pair.create_database(name).await
    }

    fn store(&self, _number: usize) -> String {
        self.through(&self.poolers[0], "coordinator")
    }

    fn database(&self, name: &str, _number: usize) -> String {
        let address = self.through(&self.poolers[1], name);
        // A prepared statement belongs to a session, and in transaction mode each transaction may get another session.
        if self.pooled == Pooled::Transaction { format!("{address}?statement-cache-capacity=0") } else { address }
    }

    async fn change(&mut self, random: &mut fastrand::Rng) -> Change {
        let (what, (usable, back)) = if random.u8(0..3) == 0 {
            ("switchovers in order", self.pair.switch_over().await)
        } else {
            let lag = Duration::from_millis(random.u64(0..LAG_MAX_MS));
            ("failovers after kill -9, the old primary back by pg_rewind", self.pair.fail_over(lag).await)
        };
        let what = if back == Back::CopiedAnew { "failovers after kill -9, the old primary copied anew" } else { what };
        Change { what, usable }
    }
}

/// A round on a primary and its standby. `None` if they are not installed, which has been reported.
///
/// # Errors
/// If the round cannot be carried out, or if orders fail although all servers are up.
pub async fn run(plan: &Plan, synchronous: bool, pooled: Pooled) -> Result<Option<Report>, Failure> {
    let Some(mut databases) = Databases::start(synchronous, pooled).await else { return Ok(None) };
    World::new(plan, &databases).await?.run(plan, &mut databases).await.map(Some)
}
