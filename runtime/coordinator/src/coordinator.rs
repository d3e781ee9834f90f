//! A running coordinator, and how to set one up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use branchwire_protocol::client::Client;
use branchwire_protocol::signature::Keys;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{self, ApiTokens};
use crate::clock::Clock;
#[cfg(feature = "console")]
use crate::console::Console;
use crate::in_process::InProcess;
use crate::metrics::Metrics;
use crate::runner::{Core, Settings};
use crate::store::{self, Journal, OpenError, Store, StoreError};
use crate::transport::{CallError, CallLimits, HttpTransport, Limited, Networks, SigningTransport, Transport};

/// A running coordinator: it calls branches, and its [`router`](Self::router) accepts requests.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use branchwire_coordinator::Coordinator;
///
/// let coordinator = Coordinator::builder().store("sqlite://coordinator.db").start().await?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:36789").await?;
/// coordinator.serve(listener, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
/// # Ok(())
/// # }
/// ```
///
/// Dropping it leaves its tasks running; [`stop`](Self::stop) ends them in an orderly way. A process that dies without
/// that loses nothing.
#[must_use = "a coordinator that is dropped cannot be stopped in an orderly way"]
pub struct Coordinator {
    core: Arc<Core>,
    journal: JoinHandle<()>,
    journal_stop: CancellationToken,
    grace: Duration,
    tokens: Option<ApiTokens>,
    #[cfg(feature = "console")]
    console: Option<Console>,
}

impl Coordinator {
    /// The settings of a new coordinator, with DTM's defaults. Only the store has no default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The HTTP API as an axum router, to be served alone or merged into another one. With it comes the console, if the
    /// builder was given one; without tokens the console also needs to know the client's address (axum's
    /// `into_make_service_with_connect_info::<SocketAddr>()`).
    pub fn router(&self) -> Router {
        let api = api::router(self.core.clone(), self.tokens.clone());
        #[cfg(feature = "console")]
        if let Some(options) = &self.console {
            return api.merge(crate::console::router(self.core.clone(), self.tokens.clone(), options.clone()));
        }
        api
    }

    /// Serves the API on `listener` until `shutdown` completes, and then stops.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let stop = CancellationToken::new();
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY cannot be set on a connection");
            }
        });
        let server = axum::serve(listener, self.router().into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let mut serving = tokio::spawn(server.into_future());
        tokio::select! {
            () = shutdown => stop.cancel(),
            end = &mut serving => return end.unwrap_or_else(|error| Err(io::Error::other(error))),
        }
        tracing::info!("stopping");
        self.core.stop(self.grace).await;
        // Idle connections are closed by now; a hanging one must not keep the process running.
        let end = tokio::time::timeout(self.grace, serving).await;
        self.close().await;
        match end {
            Ok(end) => end.unwrap_or_else(|error| Err(io::Error::other(error))),
            Err(_) => Ok(()),
        }
    }

    /// Makes no more calls to branches, waits for the calls in flight (at most [`Builder::grace`]), records the
    /// progress, and closes the store. Unfinished transactions go on at the next start.
    pub async fn stop(self) {
        self.core.stop(self.grace).await;
        self.close().await;
    }

    /// Finishes the waiting writes, and closes the store.
    async fn close(self) {
        self.journal_stop.cancel();
        if let Err(error) = self.journal.await {
            tracing::error!(%error, "the journal ended in error");
        }
        self.core.store.close().await;
    }

    /// A client within this process: it uses the API without a socket, and needs no token.
    ///
    /// The type is the caller's choice: `branchwire::Client` for the patterns, [`Client`] for the HTTP API alone.
    pub fn client<C: From<Client>>(&self) -> C {
        Client::with_channel(InProcess(api::router(self.core.clone(), None))).into()
    }

    /// The clock may have jumped: looks at the store now.
    #[cfg(feature = "testing")]
    pub(crate) fn look_now(&self) {
        self.core.schedule.look_now();
    }

    /// Makes a transaction due, once a run that is under way has ended: in a run nothing becomes due.
    #[cfg(feature = "testing")]
    pub(crate) async fn make_due(&self, gid: &branchwire_protocol::Gid) -> Result<(), crate::runner::RequestError> {
        self.core.run_has_ended(gid).await;
        self.core.tell(gid.clone(), crate::engine::Event::ResetNextCronTime).await
    }

    /// How many transactions are in memory: running ones, and prepared ones whose submit is expected.
    pub fn in_memory(&self) -> usize {
        self.core.in_memory()
    }
}

/// The settings of a [`Coordinator`].
#[must_use]
pub struct Builder {
    address: Option<String>,
    store_options: store::Options,
    store: Option<Arc<dyn Store>>,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    networks: Networks,
    keys: Option<Keys>,
    tokens: Option<ApiTokens>,
    pub(crate) clock: Clock,
    settings: Settings,
    limits: CallLimits,
    retention: Option<Retention>,
    grace: Duration,
    #[cfg(feature = "console")]
    console: Option<Console>,
}

/// How long finished transactions are kept.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Until somebody removes them.
    ForEver,
    /// For this long after their end.
    For(Duration),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            address: None,
            store_options: store::Options::default(),
            store: None,
            transport: None,
            networks: Networks::default(),
            keys: None,
            tokens: None,
            clock: Clock::System,
            settings: Settings::default(),
            limits: CallLimits::default(),
            retention: None,
            grace: Duration::from_secs(10),
            #[cfg(feature = "console")]
            console: None,
        }
    }
}

/// Why a coordinator did not start.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No store was given.
    #[error("a coordinator needs a store, such as `sqlite://coordinator.db`")]
    NoStore,
    /// The store cannot be used; the text says why and what to do.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed at start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Transport(#[from] CallError),
}

impl Builder {
    /// The store's address: `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`. For `HOST`
    /// several hosts may stand, `a:5432,b:5432`: the primary among them is used.
    pub fn store(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The settings of the store that are not part of its address.
    pub fn store_options(mut self, options: store::Options) -> Self {
        self.store_options = options;
        self
    }

    /// A store that is already open, instead of an address.
    #[cfg(feature = "unstable-simulation")]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Calls branches by this transport instead of HTTP.
    #[cfg(feature = "unstable-simulation")]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The networks in which branches may be, for calls by HTTP. Default: all but link-local addresses and the clouds'
    /// metadata services.
    pub fn networks(mut self, networks: Networks) -> Self {
        self.networks = networks;
        self
    }

    /// Signs every call with the first of these keys, for services that verify (`branchwire::auth`).
    pub fn sign_calls(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Requires one of these tokens with every request to the API. Default: the API is open to every host that reaches
    /// it.
    pub fn api_tokens(mut self, tokens: ApiTokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Serves the console's pages beside the API. Default: no.
    #[cfg(feature = "console")]
    pub fn console(mut self, console: Console) -> Self {
        self.console = Some(console);
        self
    }

    /// Uses this clock instead of the system's.
    #[cfg(feature = "unstable-simulation")]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a prepared transaction waits for its submit before query-prepared is called; a transaction can set its
    /// own value. DTM's: 35 s.
    pub fn timeout_to_fail(mut self, timeout: Duration) -> Self {
        self.settings.defaults.timeout_to_fail = timeout;
        self
    }

    /// The time before the first retry of a call; a transaction can set its own value. DTM's: 10 s.
    pub fn retry_interval(mut self, interval: Duration) -> Self {
        self.settings.defaults.retry_interval = interval;
        self
    }

    /// The timeout of a call; a transaction can set its own value. DTM's: 3 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.defaults.request_timeout = timeout;
        self
    }

    /// The longest time between two looks for due transactions in the store. Transactions that this process knows of
    /// run in time without it; it matters if several coordinators share a store. DTM's: 3 s.
    pub fn cron_interval(mut self, interval: Duration) -> Self {
        self.settings.cron_interval = interval;
        self
    }

    /// Whether each branch's answer is made durable before the next branch is called, instead of together with the end
    /// of the run. After a crash such a branch is not called again. Meant for branches without a barrier. Default: no.
    pub fn branch_progress_sync(mut self, sync: bool) -> Self {
        self.settings.branch_progress_sync = sync;
        self
    }

    /// Where alerts are sent by POST, as JSON: when three calls of a branch brought no progress, or a message that was not
    /// submitted and has no query-prepared address was due three times, then each time that the number has doubled; when a
    /// stored transaction makes no sense; and when a transaction with an alert has ended. They are dropped rather than that a transaction waits. Default: nowhere.
    pub fn alert_url(mut self, url: url::Url) -> Self {
        self.settings.alert_url = Some(url);
        self
    }

    /// Makes a span of each `prepare`, `submit` and `abort`, and of each call of a branch or of query-prepared. The spans
    /// continue the trace that the transaction's header `traceparent` names, and a branch is told the span of its call.
    /// [Traces](crate::docs::operations#traces) has more. Default: none.
    #[cfg(feature = "otel")]
    pub fn traces<P>(mut self, provider: &P) -> Self
    where
        P: opentelemetry::trace::TracerProvider,
        P::Tracer: opentelemetry::trace::Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.settings.traces = crate::traces::Traces::of(provider);
        self
    }

    /// How many calls to branches may be in flight, in all and to one host. Default: 1,024 and 128.
    pub fn call_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How many transactions may be in memory: running, or prepared with an expected submit. A further one is refused
    /// with 503, and nothing of it is recorded. Default: 100,000.
    pub fn in_memory_max(mut self, max: usize) -> Self {
        self.settings.in_memory_max = max;
        self.settings.idle_max = max / 2;
        self
    }

    /// How long finished transactions are kept. Default: a week in a SQLite file, for ever on a database.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How long a stop waits for calls that are in flight. Default: 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Opens the store, and starts; unfinished transactions go on.
    ///
    /// # Errors
    /// [`StartError`]; nothing is running then.
    pub async fn start(self) -> Result<Coordinator, StartError> {
        let store = match (self.store, self.address) {
            (Some(store), _) => store,
            (None, Some(address)) => store::open(&address, &self.store_options).await?,
            (None, None) => return Err(StartError::NoStore),
        };
        let mut transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new(self.networks)?),
        };
        if let Some(keys) = self.keys {
            // With the real time, whatever the clock of a test says: a service compares it with its own.
            transport = Arc::new(SigningTransport::new(transport, keys, Clock::System));
        }
        let transport = Arc::new(Limited::new(transport, self.limits));
        let mut settings = self.settings;
        settings.retention = match self.retention {
            None => store.retention(),
            Some(Retention::ForEver) => None,
            Some(Retention::For(time)) => Some(time),
        };
        let journal_stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::new());
        let (queue, journal) = Journal::start(store.clone(), metrics.clone(), journal_stop.clone());
        let core = Core::new(store, queue, transport, self.clock, metrics, settings);
        core.start().await?;
        Ok(Coordinator {
            core,
            journal,
            journal_stop,
            grace: self.grace,
            tokens: self.tokens,
            #[cfg(feature = "console")]
            console: self.console,
        })
    }
}
