#[branchwire::service("/api/hotel")]
pub mod hotel {
    use super::*;

    /// Takes a room.
    #[saga_action]
    pub async fn book(tx: &mut Tx<Hotel>, req: Book) -> Result<(), BranchError> {
        take(tx, &req).await
    }

    /// Gives it back.
    #[saga_compensate(of = book)]
    pub async fn cancel(tx: &mut Tx<Hotel>, req: Book) -> Result<(), Retry> {
        give_back(tx, &req).await
    }

    /// Is the hotel open?
    #[saga_action("/open", nothing_to_undo)]
    pub async fn is_open(tx: &mut Tx<Hotel>) -> Result<(), BranchError> {
        open(tx).await
    }
}
