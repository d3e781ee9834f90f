//! The whole way of a transfer: customer, bank A, coordinator and bank B, each a process of its own.
//!
//! The banks are those of the example `transfer`, with a database each; the customers are this program. A transfer counts
//! as answered when bank A has answered its customer, and the clock of a cell stops when every credit has landed at bank
//! B. Then no money may be missing.

mod bank;
mod cost;
mod customer;
mod ledger;
mod options;
mod report;
mod way;

use std::time::Duration;

use url::Url;

pub(crate) use self::bank::Bank;
use self::cost::Cpu;
pub(crate) use self::options::WayOptions;
use self::report::{Row, Table};
use self::way::{Databases, Way};
use crate::Failure;
use crate::measure::Flushes;

/// Measures each way in turn, cell by cell of this length: ours, and that of another bank A, if there is one.
pub(crate) async fn run(
    options: &WayOptions,
    vs: Option<&Url>,
    in_flight: &[usize],
    length: Duration,
) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut ways = Vec::new();
    for sending in options.outbox.turns() {
        let databases = Databases::open(options.banks, &directory, ways.len()).await?;
        ways.push(Way::start(databases, *sending, options.accounts).await?);
    }
    if let Some(bank_a) = vs {
        ways.push(Way::running(bank_a, options).await?);
    }
    let mut table = Table::default();
    for in_flight in in_flight {
        for way in &ways {
            let flushes = Flushes::count(&way.processes()).await;
            let before = Cpu::now(way);
            let done = customer::run(way, *in_flight, length).await?;
            let after = Cpu::at_rest(way).await;
            let flushes = flushes.and_then(Flushes::stop);
            table.add(Row::new(way, *in_flight, &done, &(after - before), flushes));
        }
    }
    println!("{table}");
    println!("{}", serde_json::to_string(table.rows())?);
    Ok(())
}
