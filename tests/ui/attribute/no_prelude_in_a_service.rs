// A service does not import what it uses.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    #[msg_branch]
    pub async fn ping(_: &mut branchwire::Tx<crate::Bank>) -> Result<(), branchwire::Retry> {
        Ok(())
    }
}

fn main() {}
