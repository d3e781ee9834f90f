//! The signed text, made from the parts of a call.
//!
//! Two different calls never have the same text: each part is preceded by its length, and the number of parts is fixed.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

/// The claim of a signature. It is the first line of the text, so a signature of one kind never counts as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// The coordinator makes this call now.
    Call,
    /// The client has put this call into its message.
    Message,
    /// The client has put a topic into its message: this payload, for all subscribers.
    Topic,
}

impl Promise {
    const fn label(self) -> &'static str {
        match self {
            Self::Call => "branchwire-call-v1",
            Self::Message => "branchwire-message-v1",
            Self::Topic => "branchwire-topic-v1",
        }
    }
}

/// The signed parts of a call to a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    pub call: Which<'a>,
    /// Its address; `None` for a topic, whose subscribers are not known when it is signed.
    pub address: Option<Address<'a>>,
    pub body_sha256: [u8; 32],
}

/// The identity of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which<'a> {
    pub trans_type: Cow<'a, str>,
    pub gid: Cow<'a, str>,
    pub branch_id: Cow<'a, str>,
    pub op: Cow<'a, str>,
}

/// The address of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// In lower case, without port 80 and 443.
    pub host: Cow<'a, str>,
    /// As on the wire, percent-encoded.
    pub path: &'a str,
    /// As on the wire, without the four parameters of a [`Which`].
    pub query: String,
}

impl Parts<'_> {
    /// The text that is signed.
    pub fn text(&self, promise: Promise, key_id: &str, time_s: u64) -> String {
        let mut text = format!("{}\n", promise.label());
        let time_s = time_s.to_string();
        let Which { trans_type, gid, branch_id, op } = &self.call;
        for part in [key_id, &time_s, trans_type, gid, branch_id, op] {
            add(&mut text, part);
        }
        if let Some(Address { host, path, query }) = &self.address {
            for part in [host.as_ref(), path, query] {
                add(&mut text, part);
            }
        }
        add(&mut text, &hex(self.body_sha256));
        text
    }
}

fn add(text: &mut String, part: &str) {
    let _ = writeln!(text, "{}:{part}", part.len());
}

/// In lower case.
pub fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// SHA-256 of a body.
pub fn sha256(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// Splits the query of a call: the identity of the call, and the other parameters.
///
/// `None` if one of the four parameters is missing or given twice: a branch would refuse that as well.
pub fn read_query(query: &str) -> Option<(Which<'_>, String)> {
    let (mut trans_type, mut gid, mut branch_id, mut op) = (None, None, None, None);
    let mut rest = Vec::new();
    for piece in pieces(query) {
        let Some((name, value)) = form_urlencoded::parse(piece.as_bytes()).next() else { continue };
        let place = match &*name {
            "trans_type" => &mut trans_type,
            "gid" => &mut gid,
            "branch_id" => &mut branch_id,
            "op" => &mut op,
            _ => {
                rest.push(piece);
                continue;
            }
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    let which = Which { trans_type: trans_type?, gid: gid?, branch_id: branch_id?, op: op? };
    Some((which, rest.join("&")))
}

/// The query of an address to which the four parameters are still to be added.
pub fn own_query(query: Option<&str>) -> String {
    pieces(query.unwrap_or_default()).collect::<Vec<_>>().join("&")
}

/// Takes a parameter out of a query: its values as on the wire, and the other parameters.
pub fn take_parameter<'q>(query: &'q str, name: &str) -> (Vec<&'q str>, String) {
    let (mut values, mut rest) = (Vec::new(), Vec::new());
    for piece in pieces(query) {
        match piece.split_once('=') {
            Some((named, value)) if named == name => values.push(value),
            _ => rest.push(piece),
        }
    }
    (values, rest.join("&"))
}

fn pieces(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|piece| !piece.is_empty())
}

/// The host of an address, with its port.
pub fn host_of(url: &Url) -> Cow<'_, str> {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, None) => canonical_host(host),
        (host, Some(port)) => Cow::Owned(canonical_host(&format!("{host}:{port}")).into_owned()),
    }
}

/// A host in its signed form: without port 80 or 443. Callers may leave out their scheme's default port, and a service
/// behind a proxy that terminates TLS does not know the scheme.
pub fn canonical_host(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix(":80").or_else(|| host.strip_suffix(":443")).unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(fields: &[String; 7], body: [u8; 32]) -> Parts<'_> {
        let [trans_type, gid, branch_id, op, host, path, query] = fields;
        let call = Which { trans_type: trans_type.into(), gid: gid.into(), branch_id: branch_id.into(), op: op.into() };
        let address = Address { host: host.into(), path, query: query.clone() };
        Parts { call, address: Some(address), body_sha256: body }
    }

    /// Texts of the characters that the signed form itself uses, to find mistakes in it.
    fn part() -> impl Strategy<Value = String> {
        "[0-2:\n&a]{0,6}"
    }

    proptest! {
        #[test]
        fn two_calls_never_make_one_text(one in [(); 7].map(|()| part()), other in [(); 7].map(|()| part())) {
            let text = |fields| parts(fields, [7; 32]).text(Promise::Call, "k", 1);
            prop_assert_eq!(one == other, text(&one) == text(&other));
        }

        #[test]
        fn characters_that_move_to_the_neighbouring_part_are_noticed(
            joined in "[0-9:\n]{1,12}", at in 0_usize..12, to in 0_usize..12, place in 0_usize..6,
        ) {
            let (at, to) = (at.min(joined.len()), to.min(joined.len()));
            let split = |at: usize| {
                let mut fields = [(); 7].map(|()| "x".to_owned());
                fields[place] = joined[..at].to_owned();
                fields[place + 1] = joined[at..].to_owned();
                fields
            };
            let text = |fields| parts(fields, [7; 32]).text(Promise::Call, "k", 1);
            prop_assert_eq!(at == to, text(&split(at)) == text(&split(to)));
        }
    }

    #[test]
    fn the_text_is_as_documented() {
        let fields = ["msg", "g-1", "01", "action", "bank-b:8080", "/api/in", ""].map(str::to_owned);
        assert_eq!(
            parts(&fields, sha256(b"30")).text(Promise::Call, "2026-12", 1_764_000_000),
            "branchwire-call-v1\n7:2026-12\n10:1764000000\n3:msg\n3:g-1\n2:01\n6:action\n11:bank-b:8080\n7:/api/in\n0:\n\
             64:624b60c58c9d8bfb6ff1886c2fd605d2adeb6ea4da576068201b6c6958ce93f4\n"
        );
    }

    #[test]
    fn the_four_parameters_are_taken_out_wherever_they_stand() {
        let (which, rest) = read_query("a=1&gid=g%201&x=%26&trans_type=msg&&branch_id=01&op=action&b").unwrap();
        assert_eq!((&*which.gid, &*which.trans_type, &*which.branch_id, &*which.op), ("g 1", "msg", "01", "action"));
        assert_eq!(rest, "a=1&x=%26&b");
        assert_eq!(rest, own_query(Some("&a=1&x=%26&b")));
    }

    #[test]
    fn a_query_with_a_missing_or_duplicate_parameter_is_not_a_call() {
        for query in [
            "",
            "gid=g&trans_type=msg&branch_id=01",
            "gid=g&gid=h&trans_type=msg&branch_id=01&op=action",
            "gid=g&%67id=h&trans_type=msg&branch_id=01&op=action",
        ] {
            assert_eq!(read_query(query), None, "{query}");
        }
    }

    #[test]
    fn one_host_has_one_form() {
        for (url, header) in [
            ("http://Bank-B:80/in", "bank-b"),
            ("https://bank-b/in", "Bank-B:443"),
            ("http://bank-b:8080", "BANK-B:8080"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://127.0.0.1:1234/", "127.0.0.1:1234"),
        ] {
            assert_eq!(host_of(&Url::parse(url).unwrap()), canonical_host(header));
        }
    }
}
