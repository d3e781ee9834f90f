//! One test of each case on each database.

/// Makes a test of each case on one database. A case is a function of what is opened there; without its server it is skipped.
macro_rules! on_one {
    ($module:ident: $open:expr => $($case:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(opened) = $open.await {
                        super::$case(opened).await;
                    }
                }
            )+
        }
    };
}

/// Makes a test of each case on each database. A case is a function of a [`Bank`](branchwire_tests::bank::Bank).
macro_rules! on_each_database {
    ($($case:ident),+ $(,)?) => {
        $crate::each::on_one! { sqlite: branchwire_tests::bank::Bank::<sqlx::Sqlite>::open() => $($case)+ }
        $crate::each::on_each_server! { $($case),+ }
    };
}

/// The same for the databases that are servers: a SQLite file has no connection that could be cut.
macro_rules! on_each_server {
    ($($case:ident),+ $(,)?) => {
        $crate::each::on_one! { postgres: branchwire_tests::bank::Bank::<sqlx::Postgres>::open() => $($case)+ }
        $crate::each::on_one! { mysql: branchwire_tests::bank::Bank::<sqlx::MySql>::open() => $($case)+ }
    };
}

pub(crate) use on_each_database;
pub(crate) use on_each_server;
pub(crate) use on_one;
