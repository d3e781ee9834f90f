//! The spans, by OpenTelemetry's interface.

use std::fmt;
use std::sync::Arc;

use branchwire_protocol::{
    Gid, TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceParent, TransType, Transaction, is_trace_header,
};
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};

use crate::engine::Definition;
use crate::facts;
use crate::transport::Call;

/// Makes spans, if a provider was given.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<BoxedTracer>>);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

/// The span of a request; `None` if there are no spans.
pub(crate) struct RequestSpan(Option<BoxedSpan>);

/// The span of a call; `None` if there are no spans.
pub(crate) struct CallSpan(Option<BoxedSpan>);

impl Traces {
    /// Spans of this provider.
    pub(crate) fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
        Self(Some(Arc::new(BoxedTracer::new(Box::new(tracer)))))
    }

    /// Begins the span of a request; it continues the transaction's trace.
    pub(crate) fn request(&self, name: &'static str, transaction: &Transaction) -> RequestSpan {
        RequestSpan(self.0.as_ref().map(|tracer| {
            let headers = transaction.options.branch_headers.iter().flatten();
            // Not checked yet: they may be anything, and of any length.
            let gid = Gid::new(transaction.gid.as_str()).ok().map(|gid| KeyValue::new("gid", gid.to_string()));
            let trans_type = transaction.trans_type.parse::<TransType>().ok();
            let trans_type = trans_type.map(|trans_type| KeyValue::new("trans_type", trans_type.as_str()));
            let attributes: Vec<_> = gid.into_iter().chain(trans_type).collect();
            let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
            tracer.build_with_context(span, &continued(headers))
        }))
    }

    /// Begins the span of a call: of a branch by its index, or of query-prepared. It continues the transaction's trace, and
    /// the call's headers then name it as the parent of what the branch does.
    pub(crate) fn call(
        &self,
        definition: &Definition,
        branch: Option<usize>,
        attempt: u32,
        call: &mut Call,
    ) -> CallSpan {
        let Some(tracer) = &self.0 else { return CallSpan(None) };
        let (branch_id, op) = facts::name(definition, branch);
        let name = branch.map_or("query-prepared".to_owned(), |_| format!("call {op}"));
        let attributes = vec![
            KeyValue::new("gid", definition.gid.as_str().to_owned()),
            KeyValue::new("branch_id", branch_id),
            KeyValue::new("op", op),
            KeyValue::new("attempt", i64::from(attempt)),
            // Without the query, in which a client may have put anything.
            KeyValue::new("server.address", call.url.host_str().unwrap_or_default().to_owned()),
            KeyValue::new("url.path", call.url.path().to_owned()),
        ];
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
        let span = tracer.build_with_context(span, &continued(&definition.headers));
        send_on(span.span_context(), &mut call.headers);
        CallSpan(Some(span))
    }
}

impl RequestSpan {
    /// Ends it, with the HTTP status of the response.
    pub(crate) fn end(self, status: u16) {
        let Some(mut span) = self.0 else { return };
        span.set_attribute(KeyValue::new("status", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error("not carried out"));
        }
        span.end();
    }
}

impl CallSpan {
    /// Ends it, with the word for the answer, and the HTTP status if there was a response.
    pub(crate) fn end(self, answer: &'static str, status: Option<u16>) {
        let Some(mut span) = self.0 else { return };
        span.set_attribute(KeyValue::new("answer", answer));
        if let Some(status) = status {
            span.set_attribute(KeyValue::new("status", i64::from(status)));
        }
        if !matches!(answer, "success" | "ongoing") {
            // A word of ours: what a branch has said may be anything.
            span.set_status(Status::error(answer));
        }
        span.end();
    }
}

/// The trace that these headers name. Without valid ones a new trace begins.
fn continued<'h>(headers: impl IntoIterator<Item = (&'h String, &'h String)>) -> Context {
    let (mut parent, mut state) = (None, None);
    for (name, value) in headers {
        if name.eq_ignore_ascii_case(TRACEPARENT_HEADER) {
            parent = value.parse::<TraceParent>().ok();
        } else if name.eq_ignore_ascii_case(TRACESTATE_HEADER) {
            state = value.parse::<TraceState>().ok();
        }
    }
    let Some(TraceParent { trace_id, span_id, is_sampled }) = parent else { return Context::new() };
    let flags = TraceFlags::default().with_sampled(is_sampled);
    let parent = SpanContext::new(trace_id.into(), span_id.into(), flags, true, state.unwrap_or_default());
    Context::new().with_remote_span_context(parent)
}

/// Names this span as the parent, in the place of the one that the client named.
fn send_on(span: &SpanContext, headers: &mut Vec<(String, String)>) {
    if !span.is_valid() {
        return;
    }
    headers.retain(|(name, _)| !is_trace_header(name));
    let parent = TraceParent {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        is_sampled: span.is_sampled(),
    };
    headers.push((TRACEPARENT_HEADER.to_owned(), parent.to_string()));
    let state = span.trace_state().header();
    if !state.is_empty() {
        headers.push((TRACESTATE_HEADER.to_owned(), state));
    }
}
