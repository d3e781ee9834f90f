#[msg_branch]
async fn wake(tx: &mut Tx<BankB>) -> Result<(), Retry> {
    look_around(tx).await
}
