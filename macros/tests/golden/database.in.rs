#[derive(Database)]
#[database(isolation = "serializable")]
pub struct BankB {
    pool: sqlx::SqlitePool,
}
