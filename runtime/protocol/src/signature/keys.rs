//! The secrets that signers and verifiers share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest secret, in bytes: the output length of HMAC-SHA256.
const SECRET_BYTES_MIN: usize = 32;

/// The longest id of a key, in characters. Each header contains it.
const KEY_ID_CHARS_MAX: usize = 16;

/// The secret keys of an installation: the first one signs, and signatures by any of them are accepted.
///
/// Written `ID:SECRET`, several separated by commas or white space. An id has 1 to 16 letters, digits, `-` or `_`; a
/// secret at least 32 visible ASCII characters other than a comma, used unchanged (`openssl rand -base64 32` makes
/// one). `Debug`, errors and logs show only the ids.
///
/// ```
/// use branchwire_protocol::signature::Keys;
///
/// let keys: Keys = "2026-12:Ggp1Uq5f0xkZT1yNQ3oYw7uJrVb2sLhEaXcMdKiPzRo=".parse()?;
/// # Ok::<_, branchwire_protocol::signature::InvalidKeys>(())
/// ```
///
/// # Rotation
/// No call is refused if you take these steps in order, each on every machine before the next:
/// 1. add the new key after the old one: it is accepted everywhere;
/// 2. put it first: it signs;
/// 3. once the last call or message signed by the old key has ended, remove the old key.
#[derive(Clone)]
pub struct Keys(Arc<[Key]>);

/// A text that is not a list of keys. The error tells where the mistake is, but shows nothing of the text, which may
/// contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// There is no key in it.
    #[error("there is no key: write `ID:SECRET`")]
    Empty,
    /// The key with this number, from 1, has no colon, or an invalid id.
    #[error("key {0}: write `ID:SECRET`, with an id of 1 to {KEY_ID_CHARS_MAX} letters, digits, `-` or `_`")]
    Id(usize),
    /// The secret of the key with this number, from 1, is too short, or has characters other than visible ASCII.
    #[error("key {0}: a secret has at least {SECRET_BYTES_MIN} characters, all of them visible ASCII")]
    Secret(usize),
    /// The key with this number, from 1, has the id of an earlier key.
    #[error("key {0}: an earlier key has the same id")]
    Duplicate(usize),
}

impl Keys {
    /// The key that signs.
    pub fn signing(&self) -> &Key {
        &self.0[0]
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl FromStr for Keys {
    type Err = InvalidKeys;

    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let mut keys: Vec<Key> = Vec::new();
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        for (number, word) in (1..).zip(words) {
            let (id, secret) = word.split_once(':').ok_or(InvalidKeys::Id(number))?;
            if !is_key_id(id) {
                return Err(InvalidKeys::Id(number));
            }
            if secret.len() < SECRET_BYTES_MIN || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(InvalidKeys::Secret(number));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(InvalidKeys::Duplicate(number));
            }
            keys.push(Key::new(id, secret));
        }
        if keys.is_empty() { Err(InvalidKeys::Empty) } else { Ok(Self(keys.into())) }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

/// Whether this is a valid id of a key.
pub(super) fn is_key_id(id: &str) -> bool {
    (1..=KEY_ID_CHARS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// One secret, and its id.
pub struct Key {
    /// The id, which is in each header that the key signs.
    pub id: String,
    /// The state of HMAC after the secret: the secret itself is not kept.
    mac: Hmac<Sha256>,
}

impl Key {
    fn new(id: &str, secret: &str) -> Self {
        let mac = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        Self { id: id.to_owned(), mac }
    }

    /// HMAC-SHA256 of a text.
    pub fn tag(&self, text: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::canonical::hex;
    use super::*;

    const ONE: &str = "one:0123456789abcdef0123456789abcdef";
    const TWO: &str = "two:fedcba9876543210fedcba9876543210";

    #[test]
    fn the_first_key_signs_and_each_is_found() {
        for separator in [",", "\n", " , ", "\r\n"] {
            let keys: Keys = format!("{separator}{ONE}{separator}{TWO}{separator}").parse().unwrap();
            assert_eq!(keys.signing().id, "one");
            assert_eq!(keys.get("two").unwrap().id, "two");
            assert!(keys.get("three").is_none());
        }
    }

    #[test]
    fn an_invalid_key_is_refused_without_showing_it() {
        let secret = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t";
        for (text, error) in [
            (String::new(), InvalidKeys::Empty),
            (" ,\n".to_owned(), InvalidKeys::Empty),
            (secret.to_owned(), InvalidKeys::Id(1)),
            (format!(":{secret}"), InvalidKeys::Id(1)),
            (format!("a.b:{secret}"), InvalidKeys::Id(1)),
            (format!("{}:{secret}", "a".repeat(17)), InvalidKeys::Id(1)),
            (format!("{ONE},b:{}", &secret[..31]), InvalidKeys::Secret(2)),
            (format!("b:{secret}ü"), InvalidKeys::Secret(1)),
            (format!("{ONE},one:{secret}"), InvalidKeys::Duplicate(2)),
        ] {
            let refused = text.parse::<Keys>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!format!("{refused} {refused:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let keys: Keys = format!("{ONE},{TWO}").parse().unwrap();
        assert_eq!(format!("{keys:?}"), r#"["one", "two"]"#);
    }

    #[test]
    fn a_tag_is_hmac_sha256() {
        // RFC 4231, test case 2, has a shorter key than a list may hold.
        let tag = hex(Key::new("rfc", "Jefe").tag("what do ya want for nothing?"));
        assert_eq!(tag, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
