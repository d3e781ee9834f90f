//! A 64-bit float arrived one unit in the last place off.

use std::sync::{Arc, Mutex};

use axum::Extension;
use branchwire::prelude::*;
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::Bank;
use sqlx::Sqlite;

/// The bits of the float with which the branch was called.
type Arrived = Arc<Mutex<Vec<u64>>>;

/// A branch that takes a float.
#[branchwire::service("/rates")]
mod rates {
    use super::*;

    /// Notes a rate.
    #[msg_branch]
    pub(super) async fn note(_: &mut Tx<Bank<Sqlite>>, arrived: Extension<Arrived>, rate: f64) -> Result<(), Retry> {
        arrived.lock().unwrap().push(rate.to_bits());
        Ok(())
    }
}

#[tokio::test]
async fn f10_a_float_arrives_as_it_was() {
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let (services, arrived) = (Services::default(), Arrived::default());
    services.host("http://rates", rates::router().with_state(bank).layer(Extension(arrived.clone())));
    let coordinator = TestCoordinator::start(services).await;
    let rates = rates::at("http://rates").unwrap();
    let sent = [0.921_568_632_125_854_5, 117.633_311_394_000_17, 10_587.436_593_658_975, 5e-324, f64::MAX];
    for rate in sent {
        let done = coordinator.client::<Client>().msg(rates.note(&rate)).wait_result().submit().await.unwrap();
        assert!(matches!(done, Done::Submitted { finished: true, .. }), "{done:?}");
    }
    coordinator.stop().await;
    assert_eq!(*arrived.lock().unwrap(), sent.map(f64::to_bits));
}
