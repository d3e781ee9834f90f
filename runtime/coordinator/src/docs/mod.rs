//! Pages on running a coordinator.

/// The table of differences, as text.
#[doc(hidden)]
pub const DIFFERENCES: &str = include_str!("differences.md");

#[doc = include_str!("boundaries.md")]
pub mod boundaries {}

#[doc = include_str!("clusters.md")]
pub mod clusters {}

#[doc = include_str!("differences.md")]
pub mod differences {}

/// The table of metrics, as text.
#[doc(hidden)]
pub const METRICS: &str = include_str!("metrics.md");

#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("faults_processes.md")]
pub mod faults_processes {}

#[doc = include_str!("faults_simulation.md")]
pub mod faults_simulation {}

#[doc = include_str!("speed.md")]
pub mod speed {}

#[doc = include_str!("speed_whole.md")]
pub mod speed_whole {}

/// The page about stuck transactions, as text.
#[doc(hidden)]
pub const STUCK: &str = include_str!("stuck.md");

#[doc = include_str!("stuck.md")]
pub mod stuck {}
