//! Writes and reads the two headers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::is_key_id;

/// The longest value of either header, in characters.
pub const HEADER_CHARS_MAX: usize = 1024;

/// The version that both headers begin with.
const VERSION: &str = "v1";

/// Bytes of a call's signature: the whole of HMAC-SHA256.
pub const CALL_TAG_BYTES: usize = 32;

/// Bytes of each signature in a list: half of HMAC-SHA256, the minimum that its standard (RFC 2104) recommends.
pub const MESSAGE_TAG_BYTES: usize = 16;

/// A header's value: `v1.KEY-ID.UNIX-SECONDS.SIGNATURE[.SIGNATURE...]`, each signature in base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    pub key_id: &'a str,
    pub time_s: u64,
    pub tags: Vec<Vec<u8>>,
}

impl<'a> Header<'a> {
    pub fn write(&self) -> String {
        let Self { key_id, time_s, tags } = self;
        let mut value = format!("{VERSION}.{key_id}.{time_s}");
        for tag in tags {
            value.push('.');
            URL_SAFE_NO_PAD.encode_string(tag, &mut value);
        }
        value
    }

    /// Reads a value whose signatures have `tag_bytes` each; `None` if it has any other form.
    pub fn read(value: &'a str, tag_bytes: usize) -> Option<Self> {
        if value.len() > HEADER_CHARS_MAX {
            return None;
        }
        let mut words = value.split('.');
        if words.next()? != VERSION {
            return None;
        }
        let key_id = words.next().filter(|id| is_key_id(id))?;
        let time = words.next()?;
        let time_s: u64 = time.parse().ok()?;
        // `parse` also accepts `+1` and `01`, but only one form of a number is valid.
        if time != time_s.to_string() {
            return None;
        }
        let tags: Vec<_> = words
            .map(|word| URL_SAFE_NO_PAD.decode(word).ok().filter(|tag| tag.len() == tag_bytes))
            .collect::<Option<_>>()?;
        (!tags.is_empty()).then_some(Self { key_id, time_s, tags })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            key_id in "[a-zA-Z0-9_-]{1,16}", time_s: u64, tags in prop::collection::vec(any::<[u8; 16]>(), 1..40),
        ) {
            let tags = tags.into_iter().map(Vec::from).collect();
            let header = Header { key_id: &key_id, time_s, tags };
            let value = header.write();
            prop_assert!(value.len() <= HEADER_CHARS_MAX);
            prop_assert_eq!(Header::read(&value, 16), Some(header));
        }

        #[test]
        fn only_what_would_be_written_is_read(value in "(v1|v2)?[.]?[a-c.]{0,3}[.]?[+]?[0-9]{0,3}[.][A-C_=]{21,23}") {
            if let Some(header) = Header::read(&value, 16) {
                prop_assert_eq!(header.write(), value);
            }
        }
    }

    #[test]
    fn other_forms_are_not_read() {
        let tag = "A".repeat(22);
        assert!(Header::read(&format!("v1.k.1.{tag}"), 16).is_some());
        for value in [
            String::new(),
            "v1.k.1".to_owned(),
            "v1.k.1.".to_owned(),
            format!("v2.k.1.{tag}"),
            format!("v1..1.{tag}"),
            format!("v1.k.+1.{tag}"),
            format!("v1.k.01.{tag}"),
            format!("v1.k.-1.{tag}"),
            format!("v1.k.18446744073709551616.{tag}"),
            format!("v1.k.1.{tag}A"),
            format!("v1.k.1.{tag}=="),
            // Its last character encodes bits beyond the last byte; they must be zero.
            format!("v1.k.1.{}B", &tag[..21]),
            format!("v1.k.1.{}", vec![tag.as_str(); 50].join(".")),
        ] {
            assert_eq!(Header::read(&value, 16), None, "{value}");
        }
    }
}
