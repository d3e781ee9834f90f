#[msg_branch]
/// Credits an account.
pub async fn trans_in(tx: &mut Tx<BankB>, req: TransferIn) -> Result<(), Retry> {
    credit(tx, req.user_id, req.amount).await
}
