//! A message with a payload that its branch could not read returned `Submitted`, and the branch was called for ever.

use branchwire::client::{Channel, ChannelError};
use branchwire::msg::NotStarted;
use branchwire::prelude::*;
use branchwire::{PayloadError, at};
use branchwire_tests::bank::Bank;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde::{Deserialize, Serialize};
use sqlx::Sqlite;

/// Nested lists: written at any depth, but read only to the depth limit of `serde_json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Nested(Vec<Nested>);

/// A type that is written in another form than it is read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lopsided {
    #[serde(skip_serializing)]
    amount: i64,
}

/// What is paid.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Paid {
    amount: i64,
    rate: Option<f64>,
}

/// Branches that take these.
#[branchwire::service("/field")]
mod field {
    use super::*;

    /// Takes a nested list.
    #[msg_branch]
    pub(super) async fn nested(_: &mut Tx<Bank<Sqlite>>, nested: Nested) -> Result<(), Retry> {
        let _ = nested.0;
        Ok(())
    }

    /// Takes what is written otherwise.
    #[msg_branch]
    pub(super) async fn lopsided(_: &mut Tx<Bank<Sqlite>>, lopsided: Lopsided) -> Result<(), Retry> {
        let _ = lopsided.amount;
        Ok(())
    }

    /// Takes what is paid.
    #[msg_branch]
    pub(super) async fn pay(_: &mut Tx<Bank<Sqlite>>, paid: Paid) -> Result<(), Retry> {
        let _ = (paid.amount, paid.rate);
        Ok(())
    }
}

/// A coordinator that nothing must reach.
struct OutOfReach;

impl Channel for OutOfReach {
    fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        Box::pin(async { Err(ChannelError::NotSent("nobody is there".into())) })
    }
}

async fn refusal(branch: branchwire::MsgBranch) -> NotStarted {
    match Client::with_channel(OutOfReach).msg(branch).submit().await {
        Err(NotDone::NotStarted(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn f08_a_payload_that_its_branch_could_not_read_is_refused_before_it_is_sent() {
    let service = field::at("http://field").unwrap();
    let nested = (0..200).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]));
    let address = at::<field::nested>("http://field").unwrap();
    for branch in [service.nested(&nested), address.with(&nested), service.lopsided(&Lopsided { amount: 1 })] {
        let why = refusal(branch).await;
        let unreadable = matches!(why, NotStarted::Payload { source: PayloadError::NotReadable(_), .. });
        assert!(unreadable, "{why:?}");
    }
    // It could be read, but as another value.
    let why = refusal(service.pay(&Paid { amount: 1, rate: Some(f64::NAN) })).await;
    assert!(matches!(why, NotStarted::Payload { source: PayloadError::NotFinite, .. }), "{why:?}");
    // A valid payload gets to the coordinator.
    let why = refusal(service.pay(&Paid { amount: 1, rate: None })).await;
    assert!(matches!(why, NotStarted::Coordinator(_)), "{why:?}");
}
