//! The settings that all patterns share.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::NotStarted;
use crate::client::{Client, ClientError};
use crate::protocol::{Gid, QueryAnswer, TransType, Transaction, TransactionOptions};

/// The settings of one global transaction.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) gid: Option<Gid>,
    pub(super) wire: TransactionOptions,
}

/// A transaction in the coordinator's form, as it is sent.
pub(super) struct Ready {
    pub(super) client: Client,
    pub(super) gid: Gid,
    /// Whether its caller has named the gid: then another transaction may have it as well.
    pub(super) is_named: bool,
    pub(super) transaction: Transaction,
}

impl Ready {
    /// Prepares it.
    pub(super) async fn prepare(&self) -> Result<(), ClientError> {
        let Self { client, gid, is_named, transaction } = self;
        if *is_named { client.prepare_named(gid, transaction).await } else { client.prepare(transaction).await }
    }

    /// What the coordinator has under this gid before it is submitted, if that can be known and is not compared there.
    pub(super) async fn earlier(&self) -> Option<QueryAnswer> {
        if self.is_named { self.client.earlier(&self.gid).await } else { None }
    }
}

impl Options {
    /// Adds these settings and what all patterns have to `parts`, and [completes](complete) it.
    pub(super) fn ready(self, client: Client, of: TransType, parts: Transaction) -> Result<Ready, NotStarted> {
        let Self { gid, wire: options } = self;
        let is_named = gid.is_some();
        let gid = gid.unwrap_or_else(Gid::random);
        let mut transaction = Transaction { gid: gid.to_string(), trans_type: of.to_string(), options, ..parts };
        complete(&client, &mut transaction)?;
        Ok(Ready { client, gid, is_named, transaction })
    }
}

/// Completes a transaction before it is sent: with the caller's trace (feature `otel`), and with signatures if this client
/// signs.
///
/// # Errors
/// [`NotStarted::Invalid`], [`NotStarted::Unsignable`].
fn complete(client: &Client, transaction: &mut Transaction) -> Result<(), NotStarted> {
    check(transaction)?;
    #[cfg(feature = "otel")]
    if crate::trace::put_into(transaction, client) {
        return Ok(());
    }
    client.seal(transaction).map_err(NotStarted::Unsignable)
}

/// The longest address, and the longest options, in characters: the limit of the columns of a coordinator's tables.
const TEXT_CHARS_MAX: usize = 1_024;

/// Checks what every coordinator refuses. Of a message that is sent after its local transaction has committed it would be
/// too late.
fn check(transaction: &Transaction) -> Result<(), NotStarted> {
    let is_long = |text: &str| text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX;
    let invalid = |reason: String| Err(NotStarted::Invalid { reason });
    for (name, value) in transaction.options.branch_headers.iter().flatten() {
        if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
            return invalid(format!("the branch header `{name}` is not a valid header"));
        }
    }
    // Without headers they are a few numbers.
    let has_headers = transaction.options.branch_headers.is_some();
    if has_headers && serde_json::to_string(&transaction.options).is_ok_and(|options| is_long(&options)) {
        return invalid(format!("its options, with the branch headers, have more than {TEXT_CHARS_MAX} characters"));
    }
    for step in transaction.steps.iter().flatten() {
        if is_long(&step.action) || is_long(&step.compensate) {
            return invalid(format!("the address of a branch has more than {TEXT_CHARS_MAX} characters"));
        }
    }
    if is_long(&transaction.query_prepared) {
        return invalid(format!("the address of query-prepared has more than {TEXT_CHARS_MAX} characters"));
    }
    Ok(())
}

/// The methods of a builder with a field `options`, the same for each pattern.
macro_rules! shared_options {
    () => {
        /// Sets the gid. Default: [`Gid::random`].
        ///
        /// A gid from the business (an order's number) makes a repetition of the whole harmless: the second call
        /// returns the outcome of the first. A gid that was given up is used up for ever. So if the same order may be
        /// tried again later, make the gid from the order and the number of the attempt:
        ///
        /// ```
        /// # use branchwire::Gid;
        /// # fn gid(order: u64, attempt: u32) -> Result<Gid, branchwire::protocol::InvalidName> {
        /// Gid::new(format!("order-{order}-{attempt}"))
        /// # }
        /// ```
        /// The client counts the attempts (it increments the number to repeat a refused order), or a column beside the
        /// order does (it increases with each refusal).
        pub fn gid(mut self, gid: Gid) -> Self {
            self.options.gid = Some(gid);
            self
        }

        /// The time before the first retry of a call with an unknown answer; doubles each time. DTM's default: 10 s.
        pub fn retry_interval(mut self, interval: Duration) -> Self {
            self.options.wire.retry_interval = whole_seconds(interval);
            self
        }

        /// The timeout of one call to a branch. DTM's default: 3 s.
        pub fn request_timeout(mut self, timeout: Duration) -> Self {
            self.options.wire.request_timeout = whole_seconds(timeout);
            self
        }

        /// A header that the coordinator sends with every call.
        ///
        /// A coordinator stores all headers of a transaction in 1,024 characters, with its other options. With the feature
        /// `otel` the caller's trace is among them, if there is room and neither `traceparent` nor `tracestate` is set here.
        pub fn branch_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.options.wire.branch_headers.get_or_insert_default().insert(name.into(), value.into());
            self
        }
    };
}

pub(super) use shared_options;

/// The longest time that a coordinator takes, in seconds: ten years.
const SECONDS_MAX: u64 = 315_360_000;

/// Seconds for the wire, rounded up; at least 1, since 0 stands for the coordinator's own setting.
pub(super) fn whole_seconds(duration: Duration) -> i64 {
    let up = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i64::try_from(up.clamp(1, SECONDS_MAX)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), 315_360_000, "more is refused");
    }
}
