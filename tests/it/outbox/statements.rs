//! What a message of an outbox costs its sender's database: no more statements than the local part of a message with prepare.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use branchwire::protocol::client::{Channel, ChannelError};
use branchwire::{Client, Done, MsgBranch, Outbox, QueryPrepared, ServiceUrl, Tx};
use branchwire_tests::bank::{ACCOUNT, Bank, BankDriver};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tracing::span::{Attributes, Id};
use tracing::{Event, Instrument, Span, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::each::on_each_database;

/// What sqlx has run within a span of this module, by its log.
struct Statements;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(AtomicUsize::new(0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(count) = span.extensions().get::<AtomicUsize>() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// How many statements a future runs on its database; it must succeed. For all threads, since SQLite runs on its own.
async fn count(work: impl Future<Output = bool>) -> usize {
    static SUBSCRIBER: OnceLock<()> = OnceLock::new();
    SUBSCRIBER.get_or_init(|| {
        let targets = Targets::new()
            .with_target("sqlx::query", LevelFilter::TRACE)
            .with_target(module_path!(), LevelFilter::INFO);
        let subscriber = Registry::default().with(Statements.with_filter(targets));
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
    });
    let span = tracing::info_span!("statements");
    assert!(work.instrument(span.clone()).await);
    counted(&span)
}

fn counted(span: &Span) -> usize {
    span.with_subscriber(|(id, subscriber)| {
        let registry: &Registry = subscriber.downcast_ref().expect("the one above");
        let span = registry.span(id).expect("it is open");
        let extensions = span.extensions();
        extensions.get::<AtomicUsize>().expect("the layer's").load(Ordering::Relaxed)
    })
    .expect("it is enabled")
}

/// A coordinator that says yes to everything, and calls nobody: all that is counted is the sender's.
struct Yes;

impl Channel for Yes {
    fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ChannelError>> {
        let answer = Response::new(Bytes::from_static(br#"{"dtm_result":"SUCCESS"}"#));
        Box::pin(std::future::ready(Ok(answer)))
    }
}

on_each_database! {
    a_message_of_an_outbox_runs_no_more_statements_than_one_with_prepare,
}

async fn a_message_of_an_outbox_runs_no_more_statements_than_one_with_prepare<DB: BankDriver>(bank: Bank<DB>) {
    let client = Client::with_channel(Yes);
    // A new connection has statements of its own, and a pool opens one while another is still on its way back: this one does not.
    let bank = bank.another_pool(1).await;
    let outbox = Outbox::start(&bank, &client).await.unwrap();
    // What is noted later is in batches, and off the caller's way.
    outbox.stop().await;
    let branch = || MsgBranch::url("http://bank-b/in", &1).unwrap();
    let debit = async |tx: &mut Tx<Bank<DB>>| DB::credit(tx, ACCOUNT, -1).await;
    let by_outbox = async || {
        let done = client.msg(branch()).send_with(&outbox, debit).await;
        matches!(done, Ok(Done::Submitted { .. }))
    };
    let with_prepare = async || {
        let prepared = QueryPrepared::new(&ServiceUrl::new("http://bank-a").unwrap(), "/prepared");
        let done = client.msg(branch()).do_and_submit(prepared, &bank, debit).await;
        matches!(done, Ok(Done::Submitted { .. }))
    };
    // The connection's first ones.
    assert!(by_outbox().await && with_prepare().await);
    let (by_outbox, with_prepare) = (count(by_outbox()).await, count(with_prepare()).await);
    println!("{}: {by_outbox} by an outbox, {with_prepare} with prepare", DB::NAME);
    // Begin and row, the debit, the commit.
    assert!(with_prepare >= 3, "they are counted: {with_prepare}");
    assert!(by_outbox <= with_prepare, "{by_outbox} by an outbox, {with_prepare} with prepare");
    assert_eq!(bank.balance(ACCOUNT).await, -4);
}
