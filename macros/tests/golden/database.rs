#[automatically_derived]
impl ::branchwire::Database for BankB {
    type Driver = <sqlx::SqlitePool as ::branchwire::DatabasePool>::Driver;
    const ISOLATION: ::branchwire::Isolation = ::branchwire::Isolation::Serializable;
    fn pool(
        &self,
    ) -> &::branchwire::__private::Pool<
        <sqlx::SqlitePool as ::branchwire::DatabasePool>::Driver,
    > {
        <sqlx::SqlitePool as ::branchwire::DatabasePool>::as_pool(&self.pool)
    }
    fn recycling(
        &self,
    ) -> ::core::option::Option<
        &::branchwire::RecyclingPool<
            <sqlx::SqlitePool as ::branchwire::DatabasePool>::Driver,
        >,
    > {
        <sqlx::SqlitePool as ::branchwire::DatabasePool>::as_recycling(&self.pool)
    }
}
