//! A branch within a function.

use branchwire::prelude::*;

#[test]
fn it_is_served() {
    #[derive(Clone, Database)]
    struct Bank(sqlx::SqlitePool);

    #[msg_branch]
    async fn trans_in(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    fn asked(db: Bank);

    let _: axum::Router<Bank> = axum::Router::new().branch::<trans_in>().branch::<asked>();
}
