//! Who uses the console, and what they may do: a cookie that is signed with the token it was given for.
//!
//! Nothing about sessions is kept, so each coordinator with the same tokens accepts them, and none outlives its token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::shared::Shared;

/// The name of the cookie.
pub(super) const COOKIE: &str = "branchwire_console";

/// How long a session lasts, in seconds: half a day.
pub(super) const LASTS_S: i64 = 12 * 3600;

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Read.
    Look,
    /// Also change.
    Act,
}

/// Who asks, and what they may do.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) level: Level,
    /// For the audit log: which token, without showing it.
    pub(super) who: String,
    /// Every form sends it back. Another site cannot know it.
    pub(super) csrf: String,
    /// Whether there is a cookie to forget.
    pub(super) has_cookie: bool,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Act => "act",
        }
    }
}

/// HMAC-SHA-256, in base64 without characters that a cookie or a form would have to escape.
fn sign(key: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Compares in constant time.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The value of the cookie for a token, if it is one of ours.
pub(super) fn cookie_for(shared: &Shared, token: &str, now_s: i64) -> Option<String> {
    let of = |level: Level| {
        let tokens = if level == Level::Act { shared.act.as_ref() } else { shared.options.look.as_ref() };
        tokens.and_then(|tokens| tokens.find(token.as_bytes())).map(|key| (level, key))
    };
    let (level, key) = of(Level::Act).or_else(|| of(Level::Look))?;
    let claim = format!("{}.{}", level.as_str(), now_s + LASTS_S);
    Some(format!("{claim}.{}", sign(&key, &claim)))
}

/// The session of a cookie, if it is valid.
pub(super) fn of_cookie(shared: &Shared, cookie: &str, now_s: i64) -> Option<Session> {
    let (claim, mac) = cookie.rsplit_once('.')?;
    let (level, expires) = claim.split_once('.')?;
    let (level, tokens) = match level {
        "act" => (Level::Act, shared.act.as_ref()?),
        "look" => (Level::Look, shared.options.look.as_ref()?),
        _ => return None,
    };
    if expires.parse::<i64>().ok()? <= now_s {
        return None;
    }
    let key = tokens.hashes().iter().find(|key| same(&sign(*key, claim), mac))?;
    let who = format!("{} token {}", level.as_str(), &sign(key, "name")[..8]);
    Some(Session { level, who, csrf: sign(key, &format!("form {cookie}")), has_cookie: true })
}

/// The session of whoever sits at this machine, where no token is asked for.
pub(super) fn of_this_machine(shared: &Shared) -> Session {
    let csrf = sign(&shared.secret, "form");
    Session { level: Level::Act, who: "this machine".to_owned(), csrf, has_cookie: false }
}
