//! Several services in one router, each with a database of its own.

use axum::extract::FromRef;
use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Clone)]
pub struct App(BankA, BankB);

impl FromRef<App> for BankA {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

impl FromRef<App> for BankB {
    fn from_ref(app: &App) -> Self {
        app.1.clone()
    }
}

pub mod banks {
    use super::*;

    #[branchwire::service("/a")]
    pub mod bank_a {
        use super::*;

        #[msg_branch]
        pub async fn trans_in(_: &mut Tx<BankA>) -> Result<(), Retry> {
            Ok(())
        }
    }
}

#[branchwire::service("/b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }

    #[query_prepared]
    pub fn asked(db: BankA);
}

#[test]
fn they_are_served_together() {
    let _: axum::Router<App> = branchwire::services![banks::bank_a, bank_b];
    let _: axum::Router<App> = branchwire::services![crate::pass::several_services::bank_b,];
    let _: axum::Router<App> = axum::Router::new().merge(bank_b::router()).merge(banks::bank_a::router());
}
