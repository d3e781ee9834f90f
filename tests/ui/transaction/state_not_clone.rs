// A state that cannot be cloned.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[msg_branch]
pub async fn bonus(_tx: &mut Tx<Bank>) -> Result<(), Retry> {
    Ok(())
}

pub struct AppState {
    pub bank: Bank,
}

impl axum::extract::FromRef<AppState> for Bank {
    fn from_ref(state: &AppState) -> Self {
        state.bank.clone()
    }
}

fn main() {
    let _ = axum::Router::<AppState>::new().branch::<bonus>();
}
