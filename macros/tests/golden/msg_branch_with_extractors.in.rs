#[msg_branch("/in")]
#[cfg(feature = "transfers")]
#[deprecated = "use `credit`"]
#[tracing::instrument(skip_all)]
pub(crate) async fn trans_in(
    tx: &mut Tx<BankB>,
    State(rate): State<Rate>,
    tenant: Tenant,
    req: TransferIn,
) -> Result<(), Retry> {
    credit(tx, rate, tenant, req).await
}
