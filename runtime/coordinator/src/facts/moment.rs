//! A time that may be absent: milliseconds since the Unix epoch, in JSON as RFC 3339.

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(super) fn serialize<S: Serializer>(millis: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    let time = millis.and_then(|it| OffsetDateTime::from_unix_timestamp_nanos(i128::from(it) * 1_000_000).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
    Ok(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok())
}
