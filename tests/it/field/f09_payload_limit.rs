//! A message with a payload longer than a service reads returned `Submitted`, and the branch was called for ever.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use branchwire::msg::NotStarted;
use branchwire::prelude::*;
use branchwire::{MsgBranch, Outbox, PAYLOAD_BYTES_MAX};
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

/// After the local transaction it would be too late.
#[tokio::test]
async fn f09_what_no_coordinator_takes_is_refused_before_the_business_of_an_outbox_runs() {
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let coordinator = TestCoordinator::start(Services::default()).await;
    let client: Client = coordinator.client();
    let outbox = Outbox::start(&bank, &client).await.unwrap();
    let message = || client.msg(MsgBranch::url("http://shop/in", &1).unwrap());
    let far = format!("http://shop/{}", "x".repeat(1024));
    let long = "x".repeat(PAYLOAD_BYTES_MAX);
    let long: Vec<_> = (0..9).map(|_| MsgBranch::url("http://shop/in", &long).unwrap()).collect();
    let whole_time = std::time::Duration::MAX;
    for refused in [
        message().branch_header("x-note", "x".repeat(1024)),
        message().branch_header("x note", "x"),
        message().branch_header("x-note", "x\n"),
        client.msg(MsgBranch::url(&far, &1).unwrap()),
        client.msg_all(long).unwrap(),
    ] {
        let told = refused.send_with(&outbox, async |_| -> Result<(), sqlx::Error> { panic!("it runs") }).await;
        assert!(matches!(told, Err(NotDone::NotStarted(NotStarted::Invalid { .. }))), "{told:?}");
    }
    let patient = message().request_timeout(whole_time).retry_interval(whole_time).delay(whole_time);
    let told = patient.send_with(&outbox, async |_| Ok::<_, sqlx::Error>(())).await;
    assert!(matches!(told, Ok(Done::Submitted { .. })), "{told:?}");
    outbox.stop().await;
    coordinator.stop().await;
}
