// A router's state holds other databases than the one of its branch.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
pub struct BankB(sqlx::SqlitePool);

#[msg_branch]
async fn trans_in(_: &mut Tx<BankB>) -> Result<(), Retry> {
    Ok(())
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
    axum::Router::new().branch::<trans_in>().with_state(app)
}

fn main() {}
