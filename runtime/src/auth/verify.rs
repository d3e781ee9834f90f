//! Verifies that a call was signed with a known key.

use branchwire_protocol::signature::canonical::{
    Address, Parts, Promise, Which, canonical_host, read_query, sha256, take_parameter,
};
use branchwire_protocol::signature::header::{CALL_TAG_BYTES, Header, MESSAGE_TAG_BYTES};
use branchwire_protocol::signature::{CALL_HEADER, Key, Keys, MESSAGE_HEADER};
use http::{HeaderMap, Uri, header};
use subtle::{Choice, ConstantTimeEq};

use crate::Reply;

/// How far apart the clocks of a coordinator and a service may be by default, in seconds.
pub const CLOCK_SKEW_S: u64 = 300;

/// A layer for an axum router that passes only signed calls to its branches.
///
/// ```
/// # use axum::Router;
/// use branchwire::auth::{Keys, Verify};
///
/// # fn example(bank_b: Router) -> Result<Router, Box<dyn std::error::Error>> {
/// let keys: Keys = std::env::var("BRANCHWIRE_KEYS")?.parse()?;
/// let app = bank_b.layer(Verify::calls(keys).host("bank-b:8080"));
/// # Ok(app)
/// # }
/// ```
///
/// The reply to a call without a signature is [`Reply::Unsigned`], with an invalid signature [`Reply::BadSignature`].
/// The branch does not run, and the reason goes to `tracing`. For a coordinator both are unknown answers, so it calls
/// again: a mistake in the keys delays a message and loses nothing.
///
/// The whole body is read before the branch sees it, so axum's `DefaultBodyLimit` has to be a layer outside of this one
/// (added after it). Every request through the layer has to be a signed call: keep other routes outside of it.
#[derive(Debug, Clone)]
pub struct Verify {
    keys: Keys,
    calls: bool,
    messages: bool,
    topics: bool,
    hosts: Vec<String>,
    clock_skew_s: u64,
    message_age_max_s: Option<u64>,
}

/// Why a call is refused. For logs: the caller gets only the [`reply`](Self::reply).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// It has no signature of an accepted kind.
    #[error("no signature of an accepted kind")]
    Unsigned,
    /// The header is given twice, or is malformed.
    #[error("the signature header is malformed")]
    Malformed,
    /// The key is not an accepted one.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// Signed too long ago, or in the future: the clocks differ, or an old call was sent again.
    #[error("signed too long ago or in the future: at {time_s}, and now it is {now_s} (seconds since 1970)")]
    Stale {
        /// The time of signing according to the header.
        time_s: u64,
        /// This service's time.
        now_s: u64,
    },
    /// gid, `trans_type`, `branch_id` or op is missing or given twice, or there is no host.
    #[error("not a call of a branch")]
    NoCall,
    /// The signature is for another call, or was made with another secret.
    #[error("the signature is for another call, or was made with another secret")]
    Forged,
}

impl NotVerified {
    /// The reply to the caller.
    pub const fn reply(self) -> Reply {
        match self {
            Self::Unsigned => Reply::Unsigned,
            _ => Reply::BadSignature,
        }
    }
}

impl Verify {
    /// Accepts calls that were each signed by the coordinator: Branchwire's coordinator does that if it has a key.
    pub fn calls(keys: Keys) -> Self {
        Self {
            keys,
            calls: true,
            messages: false,
            topics: false,
            hosts: Vec::new(),
            clock_skew_s: CLOCK_SKEW_S,
            message_age_max_s: None,
        }
    }

    /// Accepts calls of messages that a client has signed ([`Client::sign_messages`](crate::Client::sign_messages)):
    /// for services under a DTM server.
    pub fn messages(keys: Keys) -> Self {
        Self { calls: false, messages: true, ..Self::calls(keys) }
    }

    /// Accepts both, for example while one coordinator replaces the other.
    #[must_use]
    pub fn or_messages(self) -> Self {
        Self { messages: true, ..self }
    }

    /// Also accepts the calls of signed messages to a topic's subscribers.
    ///
    /// An attacker who sees one such call can have the same payload applied again, at any service that accepts it and
    /// under any branch id of the topic: when the message was signed, the subscribers were unknown. So this is off by
    /// default.
    #[must_use]
    pub fn or_topics(self) -> Self {
        Self { messages: true, topics: true, ..self }
    }

    /// Accepts only calls signed for this host, written as in the address that callers use: `bank-b:8080`. Can be
    /// called several times, for several names.
    ///
    /// Without it, an attacker can send a recorded call to another service with the same keys and the same path. And
    /// behind a proxy that changes the `Host` header no call is accepted.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push(canonical_host(host).into_owned());
        self
    }

    /// How far a call's time may be from this service's time, in seconds, in either direction. Default:
    /// [`CLOCK_SKEW_S`].
    #[must_use]
    pub fn clock_skew_s(mut self, seconds: u64) -> Self {
        self.clock_skew_s = seconds;
        self
    }

    /// How long the calls of a signed message are accepted, in seconds since it was signed. Default: for ever.
    ///
    /// Choose more than the longest outage that a message has to survive, and less than the time for which barrier rows
    /// are kept: these rows make a repeated call harmless.
    #[must_use]
    pub fn message_age_max_s(mut self, seconds: u64) -> Self {
        self.message_age_max_s = Some(seconds);
        self
    }

    /// The signatures that are well formed, in time and of a known key: of the headers, and that of a TCC's branch in the
    /// query. Does not need the body.
    pub(super) fn claims<'a>(
        &'a self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        now_s: u64,
    ) -> Result<Vec<Claim<'a>>, NotVerified> {
        let kinds = [
            (self.calls, Promise::Call, CALL_HEADER, CALL_TAG_BYTES),
            (self.messages, Promise::Message, MESSAGE_HEADER, MESSAGE_TAG_BYTES),
        ];
        let mut claims = Vec::new();
        let mut refusal = NotVerified::Unsigned;
        for (_, promise, name, tag_bytes) in kinds.into_iter().filter(|(accepted, ..)| *accepted) {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            let header = match (value.to_str(), values.next()) {
                (Ok(value), None) => Header::read(value, tag_bytes),
                _ => None,
            };
            match header.ok_or(NotVerified::Malformed).and_then(|header| self.claim(promise, header, now_s)) {
                Ok(claim) => claims.push(claim),
                Err(refused) => refusal = refused,
            }
        }
        let (values, _) = take_parameter(uri.query().unwrap_or_default(), MESSAGE_HEADER);
        if self.messages && !values.is_empty() {
            let header = match values[..] {
                [value] => Header::read(value, MESSAGE_TAG_BYTES),
                _ => None,
            };
            match header.ok_or(NotVerified::Malformed).and_then(|header| self.claim(Promise::Message, header, now_s)) {
                Ok(claim) => claims.push(Claim { is_in_query: true, ..claim }),
                Err(refused) => refusal = refused,
            }
        }
        if claims.is_empty() { Err(refusal) } else { Ok(claims) }
    }

    fn claim<'a>(&'a self, promise: Promise, header: Header<'a>, now_s: u64) -> Result<Claim<'a>, NotVerified> {
        let key = self.keys.get(header.key_id).ok_or(NotVerified::UnknownKey)?;
        let age_max_s = match promise {
            Promise::Call => Some(self.clock_skew_s),
            Promise::Message | Promise::Topic => self.message_age_max_s,
        };
        let time_s = header.time_s;
        let too_old = age_max_s.is_some_and(|age_max_s| now_s.saturating_sub(time_s) > age_max_s);
        if too_old || time_s.saturating_sub(now_s) > self.clock_skew_s {
            return Err(NotVerified::Stale { time_s, now_s });
        }
        Ok(Claim { promise, is_in_query: false, key, time_s, tags: header.tags })
    }

    /// Checks that one of the claims is for this call.
    pub(super) fn hold(
        &self,
        claims: &[Claim<'_>],
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), NotVerified> {
        let (call, query) = read_query(uri.query().unwrap_or_default()).ok_or(NotVerified::NoCall)?;
        let called;
        let hosts: &[String] = if self.hosts.is_empty() {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let host = uri.authority().map_or(host, |authority| Some(authority.as_str())).ok_or(NotVerified::NoCall)?;
            called = [canonical_host(host).into_owned()];
            &called
        } else {
            &self.hosts
        };
        let body_sha256 = sha256(body);
        let mut holds = Choice::from(0);
        for claim in claims {
            for host in hosts {
                // A signature in the query was made before it was there.
                let query = if claim.is_in_query { take_parameter(&query, MESSAGE_HEADER).1 } else { query.clone() };
                let address = Address { host: host.into(), path: uri.path(), query };
                let parts = Parts { call: call.clone(), address: Some(address), body_sha256 };
                holds |= claim.is_for(&parts, claim.promise);
            }
            // The subscribers of a topic at step `01` are the branches `01-01`, `01-02`, and so on.
            if let (true, Promise::Message, Some((branch_id, _))) =
                (self.topics, claim.promise, call.branch_id.rsplit_once('-'))
            {
                let call = Which { branch_id: branch_id.into(), ..call.clone() };
                holds |= claim.is_for(&Parts { call, address: None, body_sha256 }, Promise::Topic);
            }
        }
        if holds.into() { Ok(()) } else { Err(NotVerified::Forged) }
    }
}

/// A signature that is well formed, in time and of a known key; not yet compared with the call.
pub(super) struct Claim<'a> {
    promise: Promise,
    is_in_query: bool,
    key: &'a Key,
    time_s: u64,
    tags: Vec<Vec<u8>>,
}

impl Claim<'_> {
    /// Whether a tag is for this call. Compares in constant time.
    fn is_for(&self, parts: &Parts<'_>, promise: Promise) -> Choice {
        let tag = self.key.tag(&parts.text(promise, &self.key.id, self.time_s));
        self.tags.iter().fold(Choice::from(0), |holds, claimed| holds | tag[..claimed.len()].ct_eq(claimed))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::protocol::{Step, TccRegistration, Transaction};

    const NOW_S: u64 = 1_764_000_000;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn keys() -> Keys {
        format!("k:{SECRET}").parse().unwrap()
    }

    /// A call as it arrives.
    #[derive(Debug, Clone, PartialEq)]
    struct Call {
        scheme_and_host: String,
        path: String,
        query: String,
        which: [String; 4],
        body: Vec<u8>,
    }

    impl Call {
        fn new() -> Self {
            Self {
                scheme_and_host: "http://bank-b:8080".to_owned(),
                path: "/api/in".to_owned(),
                query: "shard=3".to_owned(),
                which: ["g-1", "msg", "01", "action"].map(str::to_owned),
                body: b"30".to_vec(),
            }
        }

        /// As a coordinator writes it.
        fn url(&self) -> Url {
            let Self { scheme_and_host, path, query, .. } = self;
            let mut url = Url::parse(&format!("{scheme_and_host}{path}?{query}")).unwrap();
            url.query_pairs_mut().extend_pairs(["gid", "trans_type", "branch_id", "op"].iter().zip(&self.which));
            url
        }

        /// As the service gets it.
        fn check(&self, verify: &Verify, header: &str, value: &str, now_s: u64) -> Result<(), NotVerified> {
            let url = self.url();
            let mut headers = HeaderMap::new();
            let host = self.scheme_and_host.split_once("://").unwrap().1;
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            headers.insert(HeaderName::try_from(header).unwrap(), HeaderValue::from_str(value).unwrap());
            let uri = url[url::Position::BeforePath..].parse().unwrap();
            let claims = verify.claims(&uri, &headers, now_s)?;
            verify.hold(&claims, &uri, &headers, &self.body)
        }

        fn signed(&self, keys: &Keys) -> String {
            keys.sign_call(&self.url(), &self.body, NOW_S).unwrap()
        }

        /// Signs it as the second branch of a message, so that the list has others before and after it.
        fn signed_as_message(&self) -> String {
            let Self { scheme_and_host, path, query, which: [gid, trans_type, ..], body } = self;
            let step = |action: String| Step { action, ..Step::default() };
            let other = "http://other/in".to_owned();
            let mut transaction = Transaction {
                gid: gid.clone(),
                trans_type: trans_type.clone(),
                query_prepared: "http://bank-a/prepared".to_owned(),
                steps: Some(vec![step(format!("{scheme_and_host}{path}?{query}")), step(other)]),
                payloads: Some(vec![String::from_utf8(body.clone()).unwrap(), "1".to_owned()]),
                ..Transaction::default()
            };
            keys().sign_message(&mut transaction, NOW_S).unwrap();
            transaction.options.branch_headers.unwrap().remove(MESSAGE_HEADER).unwrap()
        }
    }

    /// A change of one part of a call; the parts are those that the docs name as signed.
    fn changed() -> impl Strategy<Value = Call> {
        (0_usize..8, "[a-z0-9:&?%/-]{1,8}", any::<prop::sample::Index>()).prop_map(|(part, text, at)| {
            let mut call = Call::new();
            match part {
                0 => call.scheme_and_host = format!("http://{}", text.replace(|c: char| !c.is_alphanumeric(), "x")),
                1 => call.path = format!("/{}", text.replace(['?', '%'], "")),
                2 => call.query = text.replace(['?', '%', ':', '/'], ""),
                3 => {
                    let at = at.index(call.body.len());
                    call.body[at] ^= text.as_bytes()[0];
                }
                part => call.which[part - 4] = text,
            }
            call
        })
    }

    proptest! {
        #[test]
        fn a_call_with_any_part_changed_is_refused(changed in changed()) {
            let call = Call::new();
            prop_assume!(changed.url() != call.url() || changed.body != call.body);
            prop_assume!(changed.query.split('&').filter(|piece| !piece.is_empty()).ne(["shard=3"]) || changed.query == call.query);
            let refused = changed.check(&Verify::calls(keys()), CALL_HEADER, &call.signed(&keys()), NOW_S);
            prop_assert!(matches!(refused, Err(NotVerified::Forged | NotVerified::NoCall)), "{refused:?}");
            let named = Verify::calls(keys()).host("bank-b:8080");
            if changed.scheme_and_host == call.scheme_and_host {
                prop_assert!(changed.check(&named, CALL_HEADER, &call.signed(&keys()), NOW_S).is_err());
            }
            let value = call.signed_as_message();
            let refused = changed.check(&Verify::messages(keys()).or_topics(), MESSAGE_HEADER, &value, NOW_S);
            prop_assert!(matches!(refused, Err(NotVerified::Forged | NotVerified::NoCall)), "{refused:?}");
        }

        #[test]
        fn any_call_that_was_signed_is_accepted(
            path in "(/[a-zA-Z0-9._~%20-]{0,5}){1,3}", query in "([a-m]=?[a-m&%26]{0,3}){0,3}", gid in "[!-~]{1,20}", body: Vec<u8>,
        ) {
            let mut call = Call { path, query, body, ..Call::new() };
            call.which[0] = gid;
            let value = call.signed(&keys());
            prop_assert_eq!(call.check(&Verify::calls(keys()), CALL_HEADER, &value, NOW_S), Ok(()));
            call.body = b"{}".to_vec();
            let value = call.signed_as_message();
            prop_assert_eq!(call.check(&Verify::messages(keys()), MESSAGE_HEADER, &value, NOW_S), Ok(()));
        }

        #[test]
        fn a_signature_with_any_character_changed_is_refused(at: prop::sample::Index, to in "[a-zA-Z0-9._-]") {
            let call = Call::new();
            for (verify, header, value) in [
                (Verify::calls(keys()), CALL_HEADER, call.signed(&keys())),
                (Verify::messages(keys()), MESSAGE_HEADER, call.signed_as_message()),
            ] {
                // In a list, only the parts that concern this call: version, key, time, and the second signature.
                let places: Vec<usize> = if header == CALL_HEADER {
                    (0..value.len()).collect()
                } else {
                    let head = value.match_indices('.').nth(2).unwrap().0;
                    (0..head).chain(head + 24..head + 46).collect()
                };
                let at = places[at.index(places.len())];
                let mut forged = value.clone();
                forged.replace_range(at..=at, &to);
                prop_assume!(forged != value);
                prop_assert!(call.check(&verify, header, &forged, NOW_S).is_err(), "{forged}");
            }
        }

        #[test]
        fn a_call_is_accepted_within_the_skew_and_not_beyond(skew_s in 0_u64..1000, off_s in -2000_i64..2000) {
            let call = Call::new();
            let verify = Verify::calls(keys()).clock_skew_s(skew_s);
            let now_s = NOW_S.saturating_add_signed(off_s);
            let checked = call.check(&verify, CALL_HEADER, &call.signed(&keys()), now_s);
            let stale = Err(NotVerified::Stale { time_s: NOW_S, now_s });
            prop_assert_eq!(checked, if off_s.unsigned_abs() <= skew_s { Ok(()) } else { stale });
        }
    }

    #[test]
    fn a_message_is_accepted_up_to_the_age_limit_and_not_from_the_future() {
        let call = Call::new();
        let value = call.signed_as_message();
        let verify = Verify::messages(keys()).clock_skew_s(10);
        let day_s = 86_400;
        for (verify, now_s, accepted) in [
            (verify.clone(), NOW_S + 1000 * day_s, true),
            (verify.clone(), NOW_S - 10, true),
            (verify.clone(), NOW_S - 11, false),
            (verify.clone().message_age_max_s(day_s), NOW_S + day_s, true),
            (verify.message_age_max_s(day_s), NOW_S + day_s + 1, false),
        ] {
            assert_eq!(call.check(&verify, MESSAGE_HEADER, &value, now_s).is_ok(), accepted, "{verify:?} {now_s}");
        }
    }

    #[test]
    fn keys_can_be_changed_without_refusing_a_call() {
        let (old, new) = (format!("old:{SECRET}"), format!("new:{}", "n".repeat(32)));
        let steps: Vec<Keys> =
            [old.clone(), format!("{old},{new}"), format!("{new},{old}"), new].map(|text| text.parse().unwrap()).into();
        let call = Call::new();
        for pair in steps.windows(2) {
            for (signs, verifies) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let checked = call.check(&Verify::calls(verifies.clone()), CALL_HEADER, &call.signed(signs), NOW_S);
                assert_eq!(checked, Ok(()), "{signs:?} {verifies:?}");
            }
        }
        let checked = call.check(&Verify::calls(steps[3].clone()), CALL_HEADER, &call.signed(&steps[0]), NOW_S);
        assert_eq!(checked, Err(NotVerified::UnknownKey), "the old key is taken away");
        let other: Keys = format!("k:{}", "x".repeat(32)).parse().unwrap();
        let checked = call.check(&Verify::calls(keys()), CALL_HEADER, &call.signed(&other), NOW_S);
        assert_eq!(checked, Err(NotVerified::Forged), "the same id with another secret");
    }

    #[test]
    fn a_signature_of_one_kind_does_not_count_as_the_other() {
        let call = Call::new();
        let (of_call, of_message) = (call.signed(&keys()), call.signed_as_message());
        for (verify, header, value, expected) in [
            (Verify::calls(keys()), MESSAGE_HEADER, &of_message, Err(NotVerified::Unsigned)),
            (Verify::messages(keys()), CALL_HEADER, &of_call, Err(NotVerified::Unsigned)),
            (Verify::calls(keys()), CALL_HEADER, &of_message, Err(NotVerified::Malformed)),
            (Verify::messages(keys()), MESSAGE_HEADER, &of_call, Err(NotVerified::Malformed)),
            (Verify::calls(keys()).or_messages(), MESSAGE_HEADER, &of_message, Ok(())),
            (Verify::calls(keys()).or_messages(), CALL_HEADER, &of_call, Ok(())),
        ] {
            assert_eq!(call.check(&verify, header, value, NOW_S), expected, "{verify:?} {header}");
        }
        // Cut to the length of the other kind, it is still the signature of another text.
        let mut header = Header::read(&of_call, CALL_TAG_BYTES).unwrap();
        header.tags[0].truncate(MESSAGE_TAG_BYTES);
        let checked = call.check(&Verify::messages(keys()), MESSAGE_HEADER, &header.write(), NOW_S);
        assert_eq!(checked, Err(NotVerified::Forged));
    }

    #[test]
    fn a_named_host_does_not_depend_on_the_header_and_a_call_for_another_is_refused() {
        let call = Call::new();
        let value = call.signed(&keys());
        let behind_proxy = Call { scheme_and_host: "http://10.0.0.7".to_owned(), ..call };
        let verify = Verify::calls(keys());
        assert_eq!(behind_proxy.check(&verify, CALL_HEADER, &value, NOW_S), Err(NotVerified::Forged));
        assert_eq!(behind_proxy.check(&verify.clone().host("Bank-B:8080"), CALL_HEADER, &value, NOW_S), Ok(()));
        let names = verify.clone().host("bank").host("bank-b:8080");
        assert_eq!(behind_proxy.check(&names, CALL_HEADER, &value, NOW_S), Ok(()));
        // Recorded, and sent to another service under the name of the first.
        assert_eq!(
            Call::new().check(&verify.host("bank-c:8080"), CALL_HEADER, &value, NOW_S),
            Err(NotVerified::Forged)
        );
    }

    #[test]
    fn a_topics_subscribers_accept_calls_only_with_or_topics() {
        let mut transaction = Transaction {
            gid: "g-1".to_owned(),
            trans_type: "msg".to_owned(),
            steps: Some(vec![Step { action: "topic://paid".to_owned(), ..Step::default() }]),
            payloads: Some(vec!["30".to_owned()]),
            ..Transaction::default()
        };
        keys().sign_message(&mut transaction, NOW_S).unwrap();
        let value = transaction.options.branch_headers.unwrap().remove(MESSAGE_HEADER).unwrap();
        let check = |branch_id: &str, body: &str, verify: Verify| {
            let mut call = Call { body: body.into(), ..Call::new() };
            call.which[2] = branch_id.to_owned();
            call.check(&verify, MESSAGE_HEADER, &value, NOW_S)
        };
        let messages = || Verify::messages(keys());
        assert_eq!(check("01-01", "30", messages()), Err(NotVerified::Forged));
        assert_eq!(check("01-01", "30", messages().or_topics()), Ok(()));
        assert_eq!(check("01-01", "31", messages().or_topics()), Err(NotVerified::Forged));
        assert_eq!(check("02-01", "30", messages().or_topics()), Err(NotVerified::Forged));
        assert_eq!(check("01", "30", messages().or_topics()), Err(NotVerified::Forged));
    }

    #[test]
    fn a_duplicate_header_is_refused() {
        let value = HeaderValue::from_str(&Call::new().signed(&keys())).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(CALL_HEADER, value.clone());
        let uri = Uri::from_static("/api/in");
        assert!(Verify::calls(keys()).claims(&uri, &headers, NOW_S).is_ok());
        headers.append(CALL_HEADER, value);
        assert_eq!(Verify::calls(keys()).claims(&uri, &headers, NOW_S).err(), Some(NotVerified::Malformed));
    }

    /// Checks a call at a registered address, to which a server adds the four parameters as a DTM server does.
    fn check_registered(verify: &Verify, url: &str, which: &str, body: &str, now_s: u64) -> Result<(), NotVerified> {
        let uri: Uri = format!("{}&{which}", url.strip_prefix("http://bank-b:8080").unwrap()).parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("bank-b:8080"));
        let claims = verify.claims(&uri, &headers, now_s)?;
        verify.hold(&claims, &uri, &headers, body.as_bytes())
    }

    #[test]
    fn a_confirm_and_a_cancel_are_accepted_by_the_signature_in_their_address() {
        let mut branch = TccRegistration {
            gid: "g-1".to_owned(),
            trans_type: "tcc".to_owned(),
            branch_id: "01".to_owned(),
            data: "30".to_owned(),
            confirm: "http://bank-b:8080/api/confirm?shard=3".to_owned(),
            cancel: "http://bank-b:8080/api/cancel".to_owned(),
        };
        keys().sign_branch(&mut branch, NOW_S).unwrap();
        let (confirm, cancel) = (branch.confirm.as_str(), branch.cancel.as_str());
        let (as_confirm, as_cancel) =
            ("branch_id=01&gid=g-1&op=confirm&trans_type=tcc", "branch_id=01&gid=g-1&op=cancel&trans_type=tcc");
        let later = NOW_S + 86_400;
        let messages = Verify::messages(keys());
        for verify in [messages.clone(), messages.clone().host("bank-b:8080"), Verify::calls(keys()).or_messages()] {
            assert_eq!(check_registered(&verify, confirm, as_confirm, "30", later), Ok(()));
            assert_eq!(check_registered(&verify, cancel, as_cancel, "30", later), Ok(()));
        }
        for (url, which, body) in [
            (confirm, as_cancel, "30"),
            (cancel, as_confirm, "30"),
            (confirm, as_confirm, "31"),
            (confirm, "branch_id=02&gid=g-1&op=confirm&trans_type=tcc", "30"),
            (confirm, "branch_id=01&gid=g-2&op=confirm&trans_type=tcc", "30"),
            (&*confirm.replace("shard=3", "shard=4"), as_confirm, "30"),
            (&*confirm.replace("/api/confirm", "/api/refund"), as_confirm, "30"),
        ] {
            assert_eq!(check_registered(&messages, url, which, body, NOW_S), Err(NotVerified::Forged), "{url} {which}");
        }
        // Twice, and cut.
        let value = confirm.split_once("branchwire-message-signature").unwrap().1;
        let twice = format!("{confirm}&branchwire-message-signature{value}");
        for url in [twice.as_str(), &confirm[..confirm.len() - 1]] {
            assert_eq!(check_registered(&messages, url, as_confirm, "30", NOW_S), Err(NotVerified::Malformed), "{url}");
        }
        // It is the client's word, not the coordinator's; and only for so long as the service says.
        let calls = check_registered(&Verify::calls(keys()), confirm, as_confirm, "30", NOW_S);
        assert_eq!(calls, Err(NotVerified::Unsigned));
        let stale = check_registered(&messages.message_age_max_s(60), confirm, as_confirm, "30", later);
        assert_eq!(stale, Err(NotVerified::Stale { time_s: NOW_S, now_s: later }));
    }
}
