//! The round on a Galera cluster.

use std::time::Duration;

use super::{Change, Cluster, Plan, Report, World};
use crate::chaos::Failure;
use crate::server::Galera;

/// How long a killed node stays away at most.
const AWAY_MAX_MS: u64 = 2000;

impl Cluster for Galera {
    async fn create_database(&self, name: &str) -> Result<(), sqlx::Error> {
        self.execute(0, &format!("CREATE DATABASE {name}")).await
    }

    fn store(&self, number: usize) -> String {
        self.address("coordinator", number)
    }

    /// The banks that send are on different nodes, and neither is on its coordinator's node.
    fn database(&self, name: &str, number: usize) -> String {
        self.address(name, number + 1)
    }

    async fn change(&mut self, random: &mut fastrand::Rng) -> Change {
        let node = random.usize(0..3);
        if random.bool() {
            let away = Duration::from_millis(random.u64(0..AWAY_MAX_MS));
            Change { what: "nodes killed by kill -9", usable: self.kill(node, away).await }
        } else {
            Change { what: "nodes cut off from the others", usable: self.cut_off(node).await }
        }
    }
}

/// A round on a Galera cluster. `None` if it is not installed, which has been reported.
///
/// # Errors
/// If the round cannot be carried out, or if orders fail although all nodes are up.
pub async fn run(plan: &Plan) -> Result<Option<Report>, Failure> {
    let Some(mut galera) = Galera::start().await else { return Ok(None) };
    World::new(plan, &galera).await?.run(plan, &mut galera).await.map(Some)
}
