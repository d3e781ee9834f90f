//! Requests: parsed, checked, and made a definition.
//!
//! Everything that later could not be stored, called or carried out is refused here, before anything is recorded.

use std::collections::{BTreeMap, HashMap};

use branchwire_protocol::{BranchId, Gid, NAME_CHARS_MAX, Op, Step, TransType, Transaction, TransactionOptions};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::Refused;
use crate::engine::pattern::{self, BUILT, Rows};
use crate::engine::{BRANCHES_MAX, BranchOp, Defaults, Definition, Protocol, Time, Timing, UnknownProtocol};
use crate::store::Store;
use crate::store::custom_data::CustomData;
use crate::store::ext_data::ExtData;
use crate::topics::{self, Subscriber};

/// The longest text in a row, in characters: the limit of DTM's tables.
const TEXT_CHARS_MAX: usize = 1024;

/// The longest `ext_data`, in bytes: the limit of a `text` column of MySQL.
const EXT_DATA_BYTES_MAX: usize = 65_535;

/// The longest time a client can ask for, in seconds: ten years.
const SECONDS_MAX: i64 = 315_360_000;

/// Headers that control the transfer of the call itself: a client that could set them could smuggle requests.
const HEADERS_OF_THE_CALL: [&str; 6] = ["connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// Parses a body.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() { Refused::error("unexpected end of JSON input") } else { Refused::error(error.to_string()) }
    })
}

/// Reads an already parsed value.
pub(super) fn read<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Refused> {
    serde_json::from_value(value).map_err(|error| Refused::error(error.to_string()))
}

/// The subscribers of each topic in a transaction's steps.
pub(super) type Topics = HashMap<String, Vec<Subscriber>>;

/// Looks up the topics of a transaction.
pub(super) async fn topics(store: &dyn Store, transaction: &Transaction) -> Result<Topics, Refused> {
    let mut topics = Topics::new();
    for topic in transaction.steps.iter().flatten().filter_map(|step| topics::name_of(&step.action)) {
        if !topics.contains_key(topic) {
            topics.insert(topic.to_owned(), topics::subscribers(store, topic).await?);
        }
    }
    Ok(topics)
}

/// Checks a name: a row must be able to hold it.
pub(super) fn name(what: &str, name: String) -> Result<String, Refused> {
    if name.chars().count() > NAME_CHARS_MAX || name.contains('\0') {
        return Err(Refused::error(format!("{what} has more than {NAME_CHARS_MAX} characters, or contains a NUL")));
    }
    Ok(name)
}

/// The gid of a request about an existing transaction. For an invalid gid the error is that there is no such
/// transaction.
pub(super) fn known_gid(gid: &str) -> Result<Gid, Refused> {
    Gid::new(gid).map_err(|_| Refused::error(format!("no TransGlobal with gid: {gid} found")))
}

/// Checks a text: a row must be able to hold it.
pub(super) fn text(name: &str, text: String) -> Result<String, Refused> {
    if text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX {
        return Err(Refused::error(format!("{name} has more than {TEXT_CHARS_MAX} characters")));
    }
    if text.contains('\0') {
        return Err(Refused::error(format!("{name} contains a NUL character")));
    }
    Ok(text)
}

/// Makes a definition of a transaction that can be carried out.
pub(super) fn definition(
    transaction: Transaction,
    topics: &Topics,
    payload_bytes_max: usize,
    now: Time,
    defaults: &Defaults,
) -> Result<Definition, Refused> {
    if transaction.gid.is_empty() {
        return Err(Refused::error("key required"));
    }
    let gid = Gid::new(transaction.gid).map_err(|error| Refused::error(error.to_string()))?;
    let trans_type = supported(&transaction.trans_type)?;
    let protocol: Protocol =
        transaction.protocol.parse().map_err(|error: UnknownProtocol| Refused::error(error.to_string()))?;
    check_options(&transaction.options)?;
    let custom_data = text("custom_data", transaction.custom_data)?;
    let steps = transaction.steps.unwrap_or_default();
    let CustomData { delay_s, predecessors } = CustomData::parse(trans_type, &custom_data, steps.len())
        .map_err(|error| Refused::error(format!("custom_data: {error}")))?;
    if delay_s > SECONDS_MAX.unsigned_abs() {
        return Err(Refused::error(format!("delay is longer than {SECONDS_MAX} seconds")));
    }
    let query_prepared = address("query_prepared", transaction.query_prepared)?;
    let mut payloads = transaction.payloads.unwrap_or_default();
    if payloads.is_empty() {
        // The old form.
        payloads = steps.iter().map(|step| step.data.clone()).filter(|data| !data.is_empty()).collect();
    }
    payloads.iter().try_for_each(|payload| check_payload(payload, payload_bytes_max))?;
    let ext_data = ext_data(&steps)?;
    let branches = match pattern::of(trans_type).rows() {
        Rows::Steps => branches(steps, payloads, topics)?,
        Rows::Pairs => pairs(steps, payloads)?,
        Rows::Registered(_) => Vec::new(),
    };
    if !branches.iter().all(|branch| protocol.can_call(&branch.url, &branch.payload)) {
        return Err(Refused::error("the payload of a branch that is called by JSON-RPC is no JSON object"));
    }
    let options = serde_json::to_string(&transaction.options).map_err(|error| Refused::error(error.to_string()))?;
    Ok(Definition {
        gid,
        trans_type,
        protocol,
        created: now,
        query_prepared,
        branches,
        concurrent: transaction.options.concurrent,
        predecessors,
        timing: Timing::new(&transaction.options, delay_s, defaults),
        headers: transaction.options.branch_headers.unwrap_or_default(),
        options: text("options", options)?,
        custom_data,
        ext_data,
    })
}

/// The pattern, if it is supported.
pub(super) fn supported(trans_type: &str) -> Result<TransType, Refused> {
    match trans_type.parse() {
        Ok(trans_type) if BUILT.contains(&trans_type) => Ok(trans_type),
        Ok(other) => Err(not_built(other)),
        Err(_) => Err(Refused::error(format!("unknown trans_type '{trans_type}'"))),
    }
}

/// The refusal of a pattern that this coordinator cannot carry out.
pub(super) fn not_built(trans_type: TransType) -> Refused {
    let built: Vec<_> = BUILT.iter().map(|pattern| pattern.as_str()).collect();
    let built = built.join(", ");
    Refused::error(format!("trans_type '{trans_type}' is not supported by this coordinator; it carries out {built}"))
}

/// Checks a payload: the store must be able to hold it.
pub(super) fn check_payload(payload: &str, bytes_max: usize) -> Result<(), Refused> {
    if payload.len() > bytes_max {
        return Err(Refused::error(format!("a payload has more than {bytes_max} bytes")));
    }
    Ok(())
}

fn check_options(options: &TransactionOptions) -> Result<(), Refused> {
    for (name, seconds) in [
        ("timeout_to_fail", options.timeout_to_fail),
        ("request_timeout", options.request_timeout),
        ("retry_interval", options.retry_interval),
    ] {
        if !(0..=SECONDS_MAX).contains(&seconds) {
            return Err(Refused::error(format!("{name} is not between 0 and {SECONDS_MAX} seconds")));
        }
    }
    check_headers(options.branch_headers.as_ref())
}

fn check_headers(headers: Option<&BTreeMap<String, String>>) -> Result<(), Refused> {
    for (name, value) in headers.into_iter().flatten() {
        let Ok(header) = HeaderName::try_from(name) else {
            return Err(Refused::error(format!("'{name}' is not a valid header name")));
        };
        if HEADERS_OF_THE_CALL.contains(&header.as_str()) {
            return Err(Refused::error(format!("branch header '{name}' is reserved for the coordinator")));
        }
        if HeaderValue::try_from(value).is_err() {
            return Err(Refused::error(format!("branch header '{name}' has an invalid value")));
        }
    }
    Ok(())
}

/// The steps as the client gave them, to be shown by `query`, if they cannot be derived from the branches.
fn ext_data(steps: &[Step]) -> Result<String, Refused> {
    if steps.iter().all(|step| topics::name_of(&step.action).is_none()) {
        return Ok(String::new());
    }
    let steps = steps.iter().map(|step| step.action.clone()).collect();
    let ext_data = ExtData { steps, ..ExtData::default() };
    let ext_data = serde_json::to_string(&ext_data).map_err(|error| Refused::error(error.to_string()))?;
    if ext_data.len() > EXT_DATA_BYTES_MAX {
        return Err(Refused::error(format!(
            "the addresses of steps with a topic have more than {EXT_DATA_BYTES_MAX} bytes"
        )));
    }
    Ok(ext_data)
}

fn branches(steps: Vec<Step>, payloads: Vec<String>, topics: &Topics) -> Result<Vec<BranchOp>, Refused> {
    enough(&steps, &payloads)?;
    let mut branches = Vec::with_capacity(steps.len());
    for ((step, payload), number) in steps.into_iter().zip(payloads).zip(1..) {
        let payload = Bytes::from(payload);
        match topics::name_of(&step.action) {
            None => branches.push(branch(format!("{number:02}"), address("action", step.action)?, payload)?),
            Some(topic) => {
                for (subscriber, place) in topics.get(topic).into_iter().flatten().zip(1..) {
                    let branch_id = format!("{number:02}-{place:02}");
                    branches.push(branch(branch_id, subscriber.url.clone(), payload.clone())?);
                }
            }
        }
        if branches.len() > BRANCHES_MAX {
            return Err(Refused::error(format!("more than {BRANCHES_MAX} branches")));
        }
    }
    Ok(branches)
}

/// The rows of a saga: of each step its compensation, then its action, both with its payload.
fn pairs(steps: Vec<Step>, payloads: Vec<String>) -> Result<Vec<BranchOp>, Refused> {
    enough(&steps, &payloads)?;
    let mut branches = Vec::with_capacity(2 * steps.len());
    for ((step, payload), number) in steps.into_iter().zip(payloads).zip(1..) {
        let payload = Bytes::from(payload);
        for (op, name, url) in [(Op::Compensate, "compensate", step.compensate), (Op::Action, "action", step.action)] {
            let branch = branch(format!("{number:02}"), address(name, url)?, payload.clone())?;
            branches.push(BranchOp { op, ..branch });
        }
    }
    Ok(branches)
}

/// A payload for each step, and not too many steps.
fn enough(steps: &[Step], payloads: &[String]) -> Result<(), Refused> {
    if payloads.len() < steps.len() {
        return Err(Refused::error(format!("{} steps, but {} payloads", steps.len(), payloads.len())));
    }
    if steps.len() > BRANCHES_MAX {
        return Err(Refused::error(format!("more than {BRANCHES_MAX} branches")));
    }
    Ok(())
}

fn branch(branch_id: String, url: String, payload: Bytes) -> Result<BranchOp, Refused> {
    let branch_id = BranchId::new(branch_id).map_err(|error| Refused::error(error.to_string()))?;
    Ok(BranchOp { branch_id, op: Op::Action, url, payload })
}

/// Checks an address: it can be called, or is empty.
pub(super) fn address(name: &str, address: String) -> Result<String, Refused> {
    let address = text(name, address)?;
    if address.is_empty() {
        return Ok(address);
    }
    match Url::parse(&address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if url.scheme() == "https" && cfg!(not(feature = "tls")) {
                return Err(Refused::error(format!("{name}: this coordinator was built without TLS (feature `tls`)")));
            }
            Ok(address)
        }
        Ok(url) => Err(Refused::error(format!("{name}: addresses of '{}' cannot be called, only http", url.scheme()))),
        Err(error) => Err(Refused::error(format!("{name}: '{address}' is not a valid address: {error}"))),
    }
}
