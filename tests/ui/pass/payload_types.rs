//! Payloads of all kinds.

use std::collections::BTreeMap;

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

type Alias = Vec<(String, i64)>;

#[branchwire::service("/bank")]
pub mod bank {
    use super::*;

    #[msg_branch]
    pub async fn number(_: &mut Tx<Bank>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn text(_: &mut Tx<Bank>, _: String) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn tuple(_: &mut Tx<Bank>, _: (i64, [u8; 2])) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn map(_: &mut Tx<Bank>, _: BTreeMap<String, Option<Alias>>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn alias(_: &mut Tx<Bank>, _: Alias) -> Result<(), Retry> {
        Ok(())
    }
}

#[test]
fn the_routes_name_them_as_they_were_written() {
    let payloads: Vec<_> = bank::ROUTES.iter().map(|route| route.payload).collect();
    assert_eq!(payloads, ["i64", "String", "(i64, [u8; 2])", "BTreeMap<String, Option<Alias>>", "Alias"]);
    let _: axum::Router<Bank> = bank::router();
    let bank = bank::at("http://bank").unwrap();
    let _ = (bank.number(&1), bank.text(&String::new()), bank.tuple(&(1, [2, 3])), bank.alias(&Vec::new()));
}
