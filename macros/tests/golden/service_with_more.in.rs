#[branchwire::service("/api/bank-b", crate = ::kit::transactions)]
pub mod bank_b {
    use super::*;

    pub const LIMIT: i64 = 100;

    #[cfg(feature = "bonus")]
    #[msg_branch]
    pub async fn bonus(tx: &mut Tx<BankB>) -> Result<(), Retry> {
        credit(tx, 1, LIMIT).await
    }

    #[branch]
    pub use super::refunds::refund;

    #[instrument]
    fn look_around() {}
}
