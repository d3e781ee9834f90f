//! A message with a payload longer than a service reads returned `Submitted`, and the branch was called for ever.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use branchwire::PAYLOAD_BYTES_MAX;
use branchwire::prelude::*;
use branchwire_coordinator::testing::{Services, TestCoordinator};
use branchwire_tests::bank::Bank;
use sqlx::Sqlite;

/// A branch that takes a text.
#[branchwire::service("/library")]
mod library {
    use super::*;

    /// Reads a text.
    #[msg_branch]
    pub(super) async fn read(_: &mut Tx<Bank<Sqlite>>, text: String) -> Result<(), Retry> {
        if text.is_empty() { Err(Retry::new("an empty text")) } else { Ok(()) }
    }
}

/// Whether a payload of this length is read by the service.
async fn arrives(sender: impl Fn(Client) -> Client, service: impl Fn(Router) -> Router, payload_bytes: usize) -> bool {
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let services = Services::default();
    services.host("http://library", service(library::router().with_state(bank)));
    let coordinator = TestCoordinator::start(services).await;
    let client = sender(coordinator.client());
    // The quotation marks count as well.
    let text = "x".repeat(payload_bytes - 2);
    let message = client.msg(library::at("http://library").unwrap().read(&text)).wait_result();
    let done = message.submit().await.expect("it is sent");
    coordinator.stop().await;
    matches!(done, Done::Submitted { finished: true, .. })
}

#[tokio::test]
async fn f09_what_a_sender_may_send_is_what_a_service_reads() {
    let as_it_is = |router| router;
    assert!(arrives(|client| client, as_it_is, PAYLOAD_BYTES_MAX).await);
    // The sender refuses by default exactly the payloads that the service would refuse.
    assert!(!arrives(|client| client.payload_bytes_max(usize::MAX), as_it_is, PAYLOAD_BYTES_MAX + 1).await);
}

#[tokio::test]
async fn f09_the_limit_can_be_raised_on_both_sides() {
    let longer = 2 * PAYLOAD_BYTES_MAX;
    let raised = |router: Router| router.layer(DefaultBodyLimit::max(longer));
    assert!(arrives(|client| client.payload_bytes_max(longer), raised, longer).await);
}
