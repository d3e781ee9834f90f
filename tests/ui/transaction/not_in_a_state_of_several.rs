// A service's state holds other databases than the one of its branches.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
pub struct TransferIn {
    pub amount: i64,
}

#[branchwire::service("/api/bank-b")]
pub mod bank_b {
    use super::*;

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<BankB>, _: TransferIn) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn ping(_: &mut Tx<BankB>) -> Result<(), Retry> {
        Ok(())
    }
}

#[derive(Clone)]
struct App {
    bank_a: BankA,
}

impl axum::extract::FromRef<App> for BankA {
    fn from_ref(app: &App) -> Self {
        app.bank_a.clone()
    }
}

fn app(app: App) -> axum::Router {
    bank_b::router().with_state(app)
}

fn main() {}
