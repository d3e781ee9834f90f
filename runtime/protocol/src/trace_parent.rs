//! The header `traceparent` of W3C Trace Context: which trace a transaction belongs to.

use std::fmt;
use std::str::FromStr;

/// The header that names a trace, and a span in it.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// The header in which tracing systems keep more about the same trace.
pub const TRACESTATE_HEADER: &str = "tracestate";

/// The length of version `00`, which later versions begin with.
const CHARS: usize = 55;

/// The value of a `traceparent`: a trace, and the span in it that what follows is a part of.
///
/// ```
/// # use branchwire_protocol::TraceParent;
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = text.parse()?;
/// assert!(parent.is_sampled);
/// assert_eq!(parent.to_string(), text);
/// # Ok::<_, branchwire_protocol::InvalidTraceParent>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; not zero.
    pub trace_id: u128,
    /// The span; not zero.
    pub span_id: u64,
    /// Whether the caller has decided to record the trace.
    pub is_sampled: bool,
}

/// A text that is not a `traceparent`. It may come from anywhere, so it is not repeated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid traceparent")]
pub struct InvalidTraceParent;

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let (known, more) = text.split_at_checked(CHARS).ok_or(InvalidTraceParent)?;
        let mut parts = known.split('-');
        let mut next = |chars: usize| hex(parts.next(), chars).ok_or(InvalidTraceParent);
        let (version, trace_id, span_id, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let is_whole = match version {
            0 => more.is_empty(),
            0xff => false,
            // A later version may add parts.
            _ => more.is_empty() || more.starts_with('-'),
        };
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceParent)?;
        if !is_whole || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// So many digits in lower case.
fn hex(part: Option<&str>, chars: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let part = part.filter(|part| part.len() == chars && part.bytes().all(is_digit))?;
    u128::from_str_radix(part, 16).ok()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, is_sampled } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(*is_sampled))
    }
}

/// Whether a header of this name says which trace a call belongs to.
pub fn is_trace_header(name: &str) -> bool {
    [TRACEPARENT_HEADER, TRACESTATE_HEADER].iter().any(|header| name.eq_ignore_ascii_case(header))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_form_of_the_standard_is_read() {
        let read = |text: &str| text.parse::<TraceParent>().ok();
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let parent = TraceParent {
            trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
            span_id: 0xf0_67aa_0ba9_02b7,
            is_sampled: true,
        };
        assert_eq!(read(&format!("00-{trace}-{span}-01")), Some(parent));
        assert_eq!(read(&format!("00-{trace}-{span}-02")), Some(TraceParent { is_sampled: false, ..parent }));
        assert_eq!(read(&format!("cc-{trace}-{span}-01-more")), Some(parent), "a later version");
        for invalid in [
            String::new(),
            "00".to_owned(),
            format!("ff-{trace}-{span}-01"),
            format!("00-{trace}-{span}-01-more"),
            format!("cc-{trace}-{span}-01more"),
            format!("00-{trace}-{span}-0"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00_{trace}_{span}_01"),
            format!(" 00-{trace}-{span}-01"),
            format!("00-{trace}-+0f067aa0ba902b7-01"),
            "é".repeat(40),
        ] {
            assert_eq!(read(&invalid), None, "{invalid}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_and_what_is_read_is_written_again(text in ".{0,80}", ids: (u128, u64, bool)) {
            if let Ok(parent) = text.parse::<TraceParent>() {
                prop_assert_eq!(parent.to_string().parse(), Ok(parent));
            }
            let (trace_id, span_id, is_sampled) = ids;
            let parent = TraceParent { trace_id: trace_id.max(1), span_id: span_id.max(1), is_sampled };
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }
    }
}
