#[branchwire::service("/api/bank-b", openapi)]
/// The bank of the receiver.
pub mod bank_b {
    use super::*;

    /// Credits an account.
    #[msg_branch]
    pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
        credit(tx, req.user_id, req.amount).await
    }

    /// Has the local transaction of a transfer committed?
    #[query_prepared]
    pub fn transfer_prepared(db: BankB);
}
