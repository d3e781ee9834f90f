//! The trace of a transaction: the caller's goes into its headers, and branches continue it.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::client::Client;
use crate::protocol::{
    TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceParent, Transaction, TransactionOptions, is_trace_header,
};

/// The longest JSON of a transaction's options, with all of its headers, in characters: the limit of DTM's tables, less what a
/// later request for the same transaction may add.
const OPTIONS_CHARS_MAX: usize = 1_024 - 64;

/// The longest `tracestate` that is continued, in characters. The standard asks for as much.
const STATE_CHARS_MAX: usize = 512;

/// The context of the current span, if there is one.
///
/// OpenTelemetry's own context comes first: the layer of `tracing-opentelemetry` keeps it up to date, unless that is switched
/// off.
fn current() -> Option<SpanContext> {
    let valid = |context: Context| Some(context.span().span_context().clone()).filter(SpanContext::is_valid);
    valid(Context::current()).or_else(|| valid(Span::current().context()))
}

/// Puts the caller's trace into a transaction's headers, and signs it if this client signs. Returns whether it has done both;
/// if not, the transaction is as before.
///
/// The trace gives way to everything else: to a trace that the user has named, to the limit for headers, and to signatures.
pub(crate) fn put_into(transaction: &mut Transaction, client: &Client) -> bool {
    let own = transaction.options.branch_headers.clone();
    if own.iter().flatten().any(|(name, _)| is_trace_header(name)) {
        return false;
    }
    let Some(context) = current() else { return false };
    let parent = TraceParent {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        is_sampled: context.is_sampled(),
    };
    let (parent, state) = (parent.to_string(), context.trace_state().header());
    let mut headers = vec![(TRACEPARENT_HEADER, parent)];
    headers.extend((!state.is_empty()).then_some((TRACESTATE_HEADER, state)));
    while !headers.is_empty() {
        let all = transaction.options.branch_headers.get_or_insert_default();
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if fits(&transaction.options) && client.seal(transaction).is_ok() {
            return true;
        }
        transaction.options.branch_headers.clone_from(&own);
        // The `tracestate` gives way first.
        headers.pop();
    }
    tracing::debug!(gid = transaction.gid, "there is no room for the trace among the headers, so it is left out");
    false
}

/// Whether a coordinator can store these options. Go writes three characters as six.
fn fits(options: &TransactionOptions) -> bool {
    let chars = |json: String| json.chars().map(|c| if matches!(c, '<' | '>' | '&') { 6 } else { 1 }).sum::<usize>();
    serde_json::to_string(options).is_ok_and(|json| chars(json) <= OPTIONS_CHARS_MAX)
}

/// The span of a call, and the trace that it is a part of.
pub(crate) struct CallSpan {
    span: Span,
    context: Context,
}

impl CallSpan {
    /// Lets the span continue the trace that the call's headers name.
    ///
    /// If a layer of the user's has continued that trace already, the span is a part of the layer's.
    pub(crate) fn new(span: Span, name: &'static str, headers: &HeaderMap) -> Self {
        span.record("otel.name", name);
        let around = current().map(|around| around.trace_id());
        let named = named_by(headers).filter(|named| Some(named.trace_id()) != around);
        let Some(named) = named else { return Self { span, context: Context::current() } };
        let context = Context::current().with_remote_span_context(named);
        span.record("otel.kind", "server");
        // It fails if nobody records spans. The context is there all the same, for messages that are sent from here.
        let _ = span.set_parent(context.clone());
        Self { span, context }
    }

    /// Carries out the call within it.
    pub(crate) fn run<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        call.instrument(self.span).with_context(self.context)
    }
}

/// The span that headers name as the parent. An invalid one counts as none, and is not shown anywhere.
fn named_by(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT_HEADER).iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    let TraceParent { trace_id, span_id, is_sampled } = parent.to_str().ok()?.parse().ok()?;
    let states = headers.get_all(TRACESTATE_HEADER).iter().filter_map(|state| state.to_str().ok());
    let state = states.collect::<Vec<_>>().join(",");
    let state = Some(state).filter(|state| state.len() <= STATE_CHARS_MAX);
    let state = state.and_then(|state| state.parse::<TraceState>().ok());
    Some(SpanContext::new(
        trace_id.into(),
        span_id.into(),
        TraceFlags::default().with_sampled(is_sampled),
        true,
        state.unwrap_or_default(),
    ))
}
