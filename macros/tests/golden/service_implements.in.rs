#[branchwire::service(implements = contracts::notary)]
pub mod notary {
    use super::*;

    #[msg_branch]
    pub async fn transferred(tx: &mut Tx<Archive>, notice: Notice) -> Result<(), Retry> {
        write_down(tx, notice).await
    }

    #[query_prepared]
    pub fn sealed(db: Archive);
}
