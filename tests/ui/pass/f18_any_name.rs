//! F18: names that generated code once had for its own, and all that a prelude has, given to other things by the user.
#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    unused_imports,
    unused_macros,
    reason = "the names are the point"
)]

use axum::extract::{FromRef, State};
use branchwire::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[derive(Clone)]
pub struct S;

#[derive(Clone)]
pub struct AnyState;

#[derive(Clone, FromRef)]
pub struct App {
    bank: Bank,
    s: S,
    any_state: AnyState,
}

pub mod names {
    use super::{Deserialize, Serialize};

    macro_rules! constants {
        ($($name:ident)*) => { $(pub const $name: i32 = 1;)* };
    }
    constants!(tx router db gid url service branch query_prepared extractor0 mistake parts GID URL MISTAKE JOINED SERVICES);

    pub static payload: i32 = 1;
    pub static register: i32 = 1;

    macro_rules! types {
        ($($name:ident)*) => { $(#[derive(Serialize, Deserialize)] pub struct $name;)* };
    }
    types!(D P X R T E path state read run);
}

/// Methods and constants of every type.
pub trait Everywhere {
    const ROUTE: i32 = 1;

    fn as_ref(&self) -> i32 {
        1
    }

    fn register(&self) {}

    fn merge(&self) {}

    fn path(&self) {}
}

impl<Any> Everywhere for Any {}

#[::branchwire::service("/any-name")]
pub mod any_name {
    use super::names::*;
    use super::{AnyState, Bank, Everywhere as _, S, State};
    use ::branchwire::prelude::{Gid, Prepared, Retry, Tx, msg_branch};

    macro_rules! panic {
        () => {};
    }
    macro_rules! assert {
        () => {};
    }
    macro_rules! vec {
        () => {};
    }
    macro_rules! env {
        () => {};
    }
    pub(crate) use {assert, env, panic, vec};

    pub struct Box;
    pub struct Err;
    pub struct None;
    pub struct Ok;
    pub struct Option;
    pub struct Result;
    pub struct Some;
    pub struct String;
    pub struct str;
    pub struct u8;
    pub mod axum {}
    pub mod branchwire {}
    pub mod core {}
    pub mod serde {}
    pub mod sqlx {}
    pub mod std {}

    type Outcome = ::core::result::Result<(), Retry>;

    #[msg_branch]
    pub async fn put(_: &mut Tx<Bank>, State(_): State<S>, State(_): State<AnyState>, _: P) -> Outcome {
        Outcome::Ok(())
    }

    #[msg_branch]
    pub async fn of_a_function(
        _: &mut Tx<Bank>,
        _: ::core::marker::PhantomData<for<'payload> fn(&'payload D) -> &'payload E>,
    ) -> Outcome {
        Outcome::Ok(())
    }

    #[::branchwire::query_prepared]
    pub fn asked(db: Bank);

    #[::branchwire::query_prepared]
    pub async fn decided(_: &Bank, _: Gid) -> ::core::result::Result<Prepared, Retry> {
        ::core::result::Result::Ok(Prepared::Ongoing)
    }

    pub fn literals() -> (::branchwire::Gid, ::branchwire::ServiceUrl) {
        (::branchwire::gid!("a"), ::branchwire::url!("http://bank-b:8080"))
    }
}

mod wired {
    use super::any_name::{self, str};
    use super::names::*;

    #[test]
    fn f18_it_is_served() {
        let _ = |app: super::App| -> ::axum::Router { ::branchwire::services![any_name].with_state(app) };
        let literals = any_name::literals();
        let remote = any_name::at(::branchwire::ServiceUrl::as_str(&literals.1)).unwrap();
        let _ = (remote.put(&P), remote.asked(), remote.decided());
    }
}
