// All branches of a module are added at once.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

mod elsewhere {
    use super::*;

    #[msg_branch]
    pub async fn ping(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/bank")]
pub mod bank {
    #[branch]
    pub use super::elsewhere::*;
}

fn main() {}
