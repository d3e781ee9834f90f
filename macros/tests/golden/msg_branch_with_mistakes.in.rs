#[msg_branch]
pub unsafe fn trans_in(tx: Tx<BankB>, req: &TransferIn) -> Result<(), BranchError> {
    credit(tx, req.user_id, req.amount).await
}
