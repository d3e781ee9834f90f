//! Names that are words of Rust.

use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
#[allow(non_camel_case_types)]
pub struct r#struct {
    pub r#in: i64,
}

#[branchwire::service("/bank")]
pub mod r#use {
    use super::*;

    #[msg_branch]
    pub async fn r#move(_: &mut Tx<Bank>, r#type: r#struct) -> Result<(), Retry> {
        let _ = r#type.r#in;
        Ok(())
    }

    #[query_prepared]
    pub fn r#if(r#type: Bank);
}

#[test]
fn the_paths_have_them_plainly() {
    let paths: Vec<_> = r#use::ROUTES.iter().map(|route| (route.name, route.path)).collect();
    assert_eq!(paths, [("move", "/bank/move"), ("if", "/bank/if")]);
    let remote = r#use::at("http://bank").unwrap();
    let _ = remote.r#move(&r#struct { r#in: 1 });
    let _ = remote.r#if();
    let _: axum::Router<Bank> = r#use::router();
}
