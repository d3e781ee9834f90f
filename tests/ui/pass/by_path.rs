//! Everything by its path, nothing imported.

#[derive(Clone, branchwire::Database)]
#[database(isolation = "repeatable read")]
pub struct Bank {
    pool: sqlx::Pool<sqlx::Sqlite>,
}

#[branchwire::service("/bank")]
pub mod bank {
    #[branchwire::msg_branch]
    pub async fn trans_in(tx: &mut branchwire::Tx<super::Bank>, amount: i64) -> Result<(), branchwire::Retry> {
        sqlx::query("UPDATE account SET balance = balance + ?").bind(amount).execute(&mut *tx).await?;
        Ok(())
    }

    #[::branchwire::query_prepared]
    pub fn transfer_prepared(db: super::Bank);
}

#[test]
fn it_is_served() {
    use branchwire::Database;

    let _: axum::Router<Bank> = bank::router();
    assert_eq!(Bank::ISOLATION, branchwire::Isolation::RepeatableRead);
}
