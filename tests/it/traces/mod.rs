//! Traces: one goes through a whole transaction, whatever crashes in between.
//!
//! The services and the coordinator of a test record their spans in one place.

mod crash;
mod dtm;
mod gives_way;
mod hostile;
mod patterns;

use std::collections::BTreeMap;

use branchwire::prelude::*;
use branchwire::{axum, barrier};
use branchwire_coordinator::testing::{Services, TestCoordinator, TestDatabase};
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, TraceId, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Instrument as _;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::keeps_open::KeepsOpen;

#[derive(Clone, Database)]
struct BankA(sqlx::SqlitePool);

#[derive(Clone, Database)]
struct BankB(sqlx::SqlitePool);

#[branchwire::service("/bank-a")]
mod bank_a {
    use super::*;

    #[query_prepared]
    pub(super) fn transfer_prepared(db: BankA);
}

#[branchwire::service("/bank-b")]
mod bank_b {
    use super::*;

    /// Credits; its business has a span.
    #[msg_branch]
    pub(super) async fn trans_in(tx: &mut Tx<BankB>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, amount).instrument(tracing::info_span!("credit")).await?)
    }

    #[saga_action]
    pub(super) async fn take(tx: &mut Tx<BankB>, amount: i64) -> Result<(), BranchError> {
        add(tx, -amount).await?;
        (amount <= 100).then_some(()).or_refuse("more than 100")
    }

    #[saga_compensate(of = take)]
    pub(super) async fn give_back(tx: &mut Tx<BankB>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, amount).await?)
    }

    #[tcc_try]
    pub(super) async fn hold(tx: &mut Tx<BankB>, amount: i64) -> Result<(), BranchError> {
        Ok(add(tx, -amount).await?)
    }

    #[tcc_confirm(of = hold)]
    pub(super) async fn pay(_: &mut Tx<BankB>, _: i64) -> Result<(), Retry> {
        Ok(())
    }

    #[tcc_cancel(of = hold)]
    pub(super) async fn let_go(tx: &mut Tx<BankB>, amount: i64) -> Result<(), Retry> {
        Ok(add(tx, amount).await?)
    }
}

async fn add(tx: &mut Tx<BankB>, amount: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE account SET balance = balance + ?").bind(amount).execute(&mut *tx).await?;
    Ok(())
}

/// Records spans: those of `tracing` in this thread, and those of whoever is given the provider.
struct Recorder {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
    open: KeepsOpen,
    _in_this_thread: DefaultGuard,
}

impl Recorder {
    fn start() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("services"));
        let open = KeepsOpen::default();
        let subscriber = tracing_subscriber::registry().with(spans.with_filter(LevelFilter::INFO)).with(open.clone());
        let in_this_thread = tracing::subscriber::set_default(subscriber);
        Self { exporter, provider, open, _in_this_thread: in_this_thread }
    }

    /// The spans that have ended.
    fn spans(&self) -> Spans {
        let mut spans = self.exporter.get_finished_spans().expect("spans");
        spans.sort_by_key(|span| span.start_time);
        Spans(spans)
    }
}

/// Recorded spans.
#[derive(Debug)]
struct Spans(Vec<SpanData>);

impl Spans {
    /// All with this name, in the order of their beginnings.
    fn all(&self, name: &str) -> Vec<&SpanData> {
        self.0.iter().filter(|span| span.name == name).collect()
    }

    /// The only one with this name.
    fn one(&self, name: &str) -> &SpanData {
        match self.all(name)[..] {
            [span] => span,
            ref other => panic!("{} spans are called {name}: {:#?}", other.len(), self.names()),
        }
    }

    /// Checks that these are the names from a span up to the root, and that all are of one trace.
    fn assert_path(&self, from: &SpanData, up: &[&str]) {
        let mut path = Vec::new();
        let mut parent = from.parent_span_id;
        while parent != SpanId::INVALID {
            let Some(span) = self.0.iter().find(|span| id(span) == parent) else {
                panic!("{} has a parent that was not recorded", path.last().unwrap_or(&&*from.name));
            };
            assert_eq!(trace(span), trace(from), "of one trace");
            path.push(&*span.name);
            parent = span.parent_span_id;
        }
        assert_eq!(path, up, "above {}: {:#?}", from.name, self.names());
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|span| format!("{} {:?} {:?}", span.name, id(span), span.parent_span_id)).collect()
    }
}

fn id(span: &SpanData) -> SpanId {
    span.span_context.span_id()
}

fn trace(span: &SpanData) -> TraceId {
    span.span_context.trace_id()
}

/// The fields of a span, as texts.
fn fields(span: &SpanData) -> BTreeMap<&str, String> {
    let text = |value: &Value| value.as_str().into_owned();
    span.attributes.iter().map(|field| (field.key.as_str(), text(&field.value))).collect()
}

/// Two banks and a coordinator.
struct World {
    recorder: Recorder,
    coordinator: TestCoordinator,
    services: Services,
    a: BankA,
    b: BankB,
    at_a: bank_a::Remote,
    at_b: bank_b::Remote,
    routes: axum::Router,
    _databases: [TestDatabase<sqlx::Sqlite>; 2],
}

impl World {
    async fn start() -> Self {
        let recorder = Recorder::start();
        let databases = TestDatabase::sqlite().await;
        let (a, b) = (BankA(databases[0].pool()), BankB(databases[1].pool()));
        barrier::set_up(&a).await.expect("SQLite is fit");
        barrier::set_up(&b).await.expect("SQLite is fit");
        for pool in [&a.0, &b.0] {
            let table = "CREATE TABLE account (balance INTEGER); INSERT INTO account VALUES (1000)";
            sqlx::raw_sql(table).execute(pool).await.expect("an empty database");
        }
        let services = Services::default();
        let routes = bank_a::router().with_state(a.clone()).merge(bank_b::router().with_state(b.clone()));
        services.host("http://bank-a", routes.clone());
        services.host("http://bank-b", routes.clone());
        let provider = recorder.provider.clone();
        let coordinator = TestCoordinator::start_with(services.clone(), move |builder| builder.traces(&provider)).await;
        let (at_a, at_b) = (bank_a::at("http://bank-a").unwrap(), bank_b::at("http://bank-b").unwrap());
        Self { recorder, coordinator, services, a, b, at_a, at_b, routes, _databases: databases }
    }

    fn client(&self) -> Client {
        self.coordinator.client()
    }

    /// Ends it; gives all spans.
    async fn end(self) -> Spans {
        self.coordinator.stop().await;
        // Their connections' threads let go of spans.
        self.a.0.close().await;
        self.b.0.close().await;
        self.recorder.open.close();
        self.recorder.spans()
    }
}

/// Debits, in a span of its own.
async fn debit(tx: &mut Tx<BankA>, amount: i64) -> Result<(), sqlx::Error> {
    let debit = sqlx::query("UPDATE account SET balance = balance - ?").bind(amount);
    debit.execute(&mut *tx).instrument(tracing::info_span!("debit")).await?;
    Ok(())
}
