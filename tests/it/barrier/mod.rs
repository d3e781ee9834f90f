//! The barrier on real databases: what holds on each of them, and the traps of each.

/// Makes a test of each case on each database. A case is a function of a [`Bank`](branchwire_tests::bank::Bank).
macro_rules! on_each_database {
    ($($case:ident),+ $(,)?) => {
        $crate::barrier::on_each_database! { @ sqlite sqlx::Sqlite: $($case)+ }
        $crate::barrier::on_each_database! { @ postgres sqlx::Postgres: $($case)+ }
        $crate::barrier::on_each_database! { @ mysql sqlx::MySql: $($case)+ }
    };
    (@ $module:ident $driver:ty: $($case:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(bank) = branchwire_tests::bank::Bank::<$driver>::open().await {
                        super::$case(bank).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_each_database;

mod exactly_once;
mod isolation;
mod mysql;
mod postgres;
mod query_prepared;
mod rollback;
mod sqlite;
mod start;
mod sweep;
mod trouble;
