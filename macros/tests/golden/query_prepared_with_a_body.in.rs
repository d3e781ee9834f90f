#[query_prepared("/paid")]
pub async fn order_paid(db: &Orders, gid: Gid) -> Result<Prepared, Retry> {
    look_up(db, &gid).await
}
