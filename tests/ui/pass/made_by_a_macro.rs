//! A service that a macro of the program writes.

use branchwire::prelude::*;

macro_rules! bank {
    ($name:ident, $database:ident, $base:literal, $payload:ty) => {
        #[derive(Clone, Database)]
        pub struct $database(sqlx::SqlitePool);

        #[branchwire::service($base)]
        pub mod $name {
            use super::*;

            #[msg_branch("/in")]
            pub async fn trans_in(_: &mut Tx<$database>, req: $payload) -> Result<(), Retry> {
                let _ = req;
                Ok(())
            }

            #[query_prepared]
            pub fn asked(db: $database);
        }
    };
}

bank!(bank_a, BankA, "/a", i64);
bank!(bank_b, BankB, "/b", Vec<String>);

#[test]
fn they_are_served() {
    let _: axum::Router<BankA> = bank_a::router();
    let _: axum::Router<BankB> = bank_b::router();
    assert_eq!(bank_b::ROUTES[0].payload, "Vec<String>");
    let _ = bank_b::at("http://b").unwrap().trans_in(&Vec::new());
}
