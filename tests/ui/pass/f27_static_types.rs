//! F27: a type with a lifetime `'static` owns its data, and so does one that only mentions a reference.

use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;

use axum::Extension;
use axum::extract::State;
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Tagged<Tag> {
    amount: i64,
    tag: PhantomData<Tag>,
}

#[branchwire::service("/static")]
pub mod types {
    use super::*;

    #[msg_branch]
    pub async fn text(_: &mut Tx<Bank>, _: Cow<'static, str>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn texts(_: &mut Tx<Bank>, _: HashMap<String, Option<Cow<'static, [u8]>>>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn boxed(_: &mut Tx<Bank>, _: Box<str>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn tagged(_: &mut Tx<Bank>, _: Tagged<&'static str>) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn tagged_by_a_function(
        _: &mut Tx<Bank>,
        _: Tagged<for<'a> fn(&'a str) -> &'a str>,
    ) -> Result<(), Retry> {
        Ok(())
    }

    #[msg_branch]
    pub async fn extracted(
        _: &mut Tx<Bank>,
        _: Extension<&'static str>,
        _: Extension<Box<fn(&str)>>,
        _: Extension<fn(&str) -> bool>,
        _: State<Bank>,
    ) -> Result<(), Retry> {
        Ok(())
    }
}

#[branchwire::service("/remote", remote)]
pub mod remote {
    use super::*;

    #[msg_branch]
    pub fn text(text: Cow<'static, str>);
}

#[test]
fn f27_they_are_served_and_sent() {
    let _: axum::Router<Bank> = types::router();
    let at = remote::at("http://bank").unwrap();
    let _ = at.text(&Cow::Borrowed("text"));
    let _ = types::at("http://bank").unwrap().text(&"text".into());
    let _ = types::at("http://bank").unwrap().boxed(&"text".into());
}
