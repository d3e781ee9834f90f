//! Attributes that are on an argument, and a lint that is expected.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
#[allow(clippy::needless_pass_by_value)]
pub mod bank {
    use super::*;

    #[msg_branch]
    #[expect(unused_variables, reason = "a test")]
    pub async fn trans_in(tx: &mut Tx<Bank>, amount: i64) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn it_is_served() {
    let _: axum::Router<Bank> = bank::router();
}
