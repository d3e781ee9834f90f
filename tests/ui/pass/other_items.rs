//! Other items of a service stay as they are.

use branchwire::prelude::*;

#[derive(Clone, Database)]
pub struct Bank(sqlx::SqlitePool);

#[branchwire::service("/bank")]
pub mod bank {
    //! A bank.
    #![allow(clippy::items_after_statements)]

    use super::*;
    pub(crate) use std::fmt::{Debug, Display};

    pub const LIMIT: i64 = {
        const HALF: i64 = 50;
        HALF * 2
    };

    pub struct Of<const N: usize>([u8; N]);

    pub trait Named {
        const NAME: &'static str;

        fn name(&self) -> &'static str {
            Self::NAME
        }
    }

    impl Named for Of<{ 1 + 1 }> {
        const NAME: &'static str = "two";
    }

    pub enum Kind {
        One,
        Two { by: i64 },
    }

    pub static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

    macro_rules! limit {
        () => {
            LIMIT
        };
    }

    thread_local! {
        pub static LOCAL: u8 = const { 1 };
    }

    pub type Pair = (Of<2>, Kind);

    pub mod inner {
        pub fn two() -> super::Of<2> {
            super::Of([1, 2])
        }
    }

    pub const fn limit() -> i64 {
        limit!()
    }

    pub extern "C" fn kept() {}

    #[msg_branch]
    pub async fn trans_in(_: &mut Tx<Bank>) -> Result<(), Retry> {
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn a_test_within_a_service_runs() {
            assert_eq!(super::limit(), 100);
        }
    }
}

#[test]
fn they_are_there() {
    use bank::{Debug, Display, Named};

    fn both<T: Debug + Display>(_: T) {}
    both(bank::LIMIT);

    let (two, kind): bank::Pair = (bank::inner::two(), bank::Kind::Two { by: bank::LIMIT });
    assert_eq!(two.name(), "two");
    assert!(matches!(kind, bank::Kind::Two { by: 100 }) && !matches!(kind, bank::Kind::One));
    let _: axum::Router<Bank> = bank::router();
}
