// The address of a type that is no branch is asked for.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct BankA(sqlx::SqlitePool);

fn send() {
    let _ = branchwire::at::<BankA>("http://bank-a:8080");
}

fn main() {}
