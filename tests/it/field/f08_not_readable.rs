//! A message with a payload that its branch could not read returned `Submitted`, and the branch was called for ever.

use std::collections::{BTreeMap, HashMap};

use axum::body::Body;
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
use tower::ServiceExt;

/// Nested lists: written at any depth, but read only to the depth limit of `serde_json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Nested(Vec<Nested>);

/// A type that is written in one form and read in another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lopsided {
    #[serde(skip_serializing)]
    amount: i64,
}

/// A payment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Paid {
    amount: i64,
    rate: Option<f64>,
}

/// Its fields are written beside those of the map, so one name can come twice.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Flat {
    amount: i64,
    #[serde(flatten)]
    more: BTreeMap<String, i64>,
}

/// Numbers that do not fit into 64 bits, and a list in a map.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbers {
    large: u128,
    small: i128,
    rates: BTreeMap<String, Vec<Option<f32>>>,
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

    /// Takes the type that is written in one form and read in another.
    #[msg_branch]
    pub(super) async fn lopsided(_: &mut Tx<Bank<Sqlite>>, lopsided: Lopsided) -> Result<(), Retry> {
        let _ = lopsided.amount;
        Ok(())
    }

    /// Takes a map whose keys are not strings.
    #[msg_branch]
    pub(super) async fn pairs(_: &mut Tx<Bank<Sqlite>>, pairs: HashMap<(i32, i32), i64>) -> Result<(), Retry> {
        let _ = pairs;
        Ok(())
    }

    /// Takes fields beside a map.
    #[msg_branch]
    pub(super) async fn flat(_: &mut Tx<Bank<Sqlite>>, flat: Flat) -> Result<(), Retry> {
        let _ = (flat.amount, flat.more);
        Ok(())
    }

    /// Takes numbers.
    #[msg_branch]
    pub(super) async fn numbers(_: &mut Tx<Bank<Sqlite>>, numbers: Numbers) -> Result<(), Retry> {
        let _ = (numbers.large, numbers.small, numbers.rates);
        Ok(())
    }

    /// Returns a float, or one that JSON has not.
    #[saga_action]
    pub(super) async fn quote(_: &mut Tx<Bank<Sqlite>>, rate: Option<f64>) -> Result<f64, BranchError> {
        Ok(rate.unwrap_or(f64::NAN))
    }

    /// Takes the float.
    #[saga_compensate(of = quote)]
    pub(super) async fn withdraw(
        _: &mut Tx<Bank<Sqlite>>,
        rate: Option<f64>,
        Kept(kept): Kept<f64>,
    ) -> Result<(), Retry> {
        let _ = (rate, kept);
        Ok(())
    }

    /// Returns the type that is written in one form and read in another.
    #[tcc_try]
    pub(super) async fn reserve(_: &mut Tx<Bank<Sqlite>>) -> Result<Lopsided, BranchError> {
        Ok(Lopsided { amount: 1 })
    }

    /// Takes nothing.
    #[tcc_confirm(of = reserve)]
    pub(super) async fn confirm(_: &mut Tx<Bank<Sqlite>>) -> Result<(), Retry> {
        Ok(())
    }

    /// Takes what was returned.
    #[tcc_cancel(of = reserve)]
    pub(super) async fn cancel(_: &mut Tx<Bank<Sqlite>>, Kept(kept): Kept<Lopsided>) -> Result<(), Retry> {
        let _ = kept.amount;
        Ok(())
    }

    /// Takes a payment.
    #[msg_branch]
    pub(super) async fn pay(_: &mut Tx<Bank<Sqlite>>, paid: Paid) -> Result<(), Retry> {
        let _ = (paid.amount, paid.rate);
        Ok(())
    }
}

/// A coordinator that must receive nothing.
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

#[tokio::test]
async fn f08_other_payloads_that_cannot_be_read_are_refused_and_large_numbers_arrive() {
    let service = field::at("http://field").unwrap();
    let why = refusal(service.pairs(&HashMap::from([((1, 2), 3)]))).await;
    assert!(matches!(why, NotStarted::Payload { source: PayloadError::NotJson(_), .. }), "{why:?}");
    let twice = Flat { amount: 1, more: BTreeMap::from([("amount".to_owned(), 2)]) };
    let why = refusal(service.flat(&twice)).await;
    assert!(matches!(why, NotStarted::Payload { source: PayloadError::NotReadable(_), .. }), "{why:?}");

    let numbers = |rate| Numbers {
        large: u128::MAX,
        small: i128::MIN,
        rates: BTreeMap::from([("a".to_owned(), vec![None, Some(rate)])]),
    };
    let why = refusal(service.numbers(&numbers(f32::NEG_INFINITY))).await;
    assert!(matches!(why, NotStarted::Payload { source: PayloadError::NotFinite, .. }), "{why:?}");
    let why = refusal(service.numbers(&numbers(0.1))).await;
    assert!(matches!(why, NotStarted::Coordinator(_)), "{why:?}");
    let json = serde_json::to_string(&numbers(0.1)).unwrap();
    assert_eq!(serde_json::from_str::<Numbers>(&json).unwrap(), numbers(0.1));
}

/// The second half would be called for ever, since it could never read what is kept for it.
#[tokio::test]
async fn f08_a_returned_value_that_could_not_be_read_again_is_rolled_back() {
    let bank: Bank<Sqlite> = Bank::open().await.expect("SQLite is always there");
    let router = field::router().with_state(bank.clone());
    let call = async |call: &str, body: &'static str| {
        let uri = format!("/field/{call}&branch_id=01");
        let request = Request::post(uri).body(Body::from(body)).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let (quote, reserve) = (Gid::random(), Gid::random());
    assert_eq!(call(&format!("quote?gid={quote}&trans_type=saga&op=action"), "null").await, 500);
    assert_eq!(call(&format!("reserve?gid={reserve}&trans_type=tcc&op=try"), "").await, 500);
    for gid in [&quote, &reserve] {
        assert_eq!(bank.barrier_rows(gid).await, []);
    }
    assert_eq!(call(&format!("quote?gid={quote}&trans_type=saga&op=action"), "0.5").await, 200);
}
