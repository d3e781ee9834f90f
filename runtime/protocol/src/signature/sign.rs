//! Signs calls for a coordinator, and messages for a client.

use std::time::{SystemTime, UNIX_EPOCH};

use url::Url;

use super::Keys;
use super::canonical::{Address, Parts, Promise, Which, host_of, own_query, read_query, sha256};
use super::header::{HEADER_CHARS_MAX, Header, MESSAGE_TAG_BYTES};
use super::keys::Key;
use crate::MESSAGE_HEADER;
use crate::client::{Client, Signer};
use crate::{LOCAL_BRANCH, Op, TOPIC_PREFIX, TccRegistration, Transaction};

/// Any error, boxed.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The longest JSON of a transaction's options, which include the headers, in characters: the limit of DTM's tables.
const OPTIONS_CHARS_MAX: usize = 1024;

/// The longest address, in characters: the limit of DTM's tables.
const ADDRESS_CHARS_MAX: usize = 1024;

/// Why a message cannot be signed. Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The signatures of its calls do not fit into one header, or into the options as a coordinator stores them.
    ///
    /// Send it in parts, or through a coordinator that signs each call itself.
    #[error(
        "{calls} signatures do not fit: a header has at most {HEADER_CHARS_MAX} characters, and a transaction's \
         options, with all of its headers, {OPTIONS_CHARS_MAX}"
    )]
    TooLong {
        /// How many calls were to be signed.
        calls: usize,
    },
    /// With its signature the address of a TCC's branch is longer than a coordinator stores.
    #[error("with its signature the address of branch {branch_id} has more than {ADDRESS_CHARS_MAX} characters")]
    LongAddress {
        /// The branch.
        branch_id: String,
    },
    /// An address that cannot be called.
    #[error("the address of branch {branch_id} cannot be read as a URL")]
    Address {
        /// The branch.
        branch_id: String,
    },
}

impl Keys {
    /// Signs one call: the value of [`CALL_HEADER`](super::CALL_HEADER).
    ///
    /// `url` is the whole address as it is sent, with `gid`, `trans_type`, `branch_id` and `op` in its query; `time_s`
    /// is the time of the call, in seconds since 1970. `None` if one of the four is missing or given twice: no service
    /// would accept that as a call of a branch.
    pub fn sign_call(&self, url: &Url, body: &[u8], time_s: u64) -> Option<String> {
        let (call, query) = read_query(url.query().unwrap_or_default())?;
        let address = Address { host: host_of(url), path: url.path(), query };
        let parts = Parts { call, address: Some(address), body_sha256: sha256(body) };
        let key = self.signing();
        let tag = key.tag(&parts.text(Promise::Call, &key.id, time_s)).to_vec();
        Some(Header { key_id: &key.id, time_s, tags: vec![tag] }.write())
    }

    /// Signs all calls of a message that are known before it is prepared, and adds the list to its `branch_headers` as
    /// [`MESSAGE_HEADER`].
    ///
    /// `time_s` is the present time, in seconds since 1970. A [`Client`] with [`Client::sign_messages`] does this by
    /// itself.
    ///
    /// # Errors
    /// [`CannotSign`]; the transaction is unchanged then.
    pub fn sign_message(&self, transaction: &mut Transaction, time_s: u64) -> Result<(), CannotSign> {
        let key = self.signing();
        let mut tags = Vec::new();
        let mut add = |branch_id: &str, op: Op, url: &str, body: &str| -> Result<(), CannotSign> {
            if !url.is_empty() {
                let call = Which {
                    trans_type: (&*transaction.trans_type).into(),
                    gid: (&*transaction.gid).into(),
                    branch_id: branch_id.into(),
                    op: op.as_str().into(),
                };
                tags.push(promised(key, call, url, body, time_s)?);
            }
            Ok(())
        };
        add(LOCAL_BRANCH, Op::Msg, &transaction.query_prepared, "")?;
        let payloads = transaction.payloads.iter().flatten().map(String::as_str).chain(std::iter::repeat(""));
        for ((number, step), payload) in (1..).zip(transaction.steps.iter().flatten()).zip(payloads) {
            let branch_id = format!("{number:02}");
            add(&branch_id, Op::Action, &step.action, payload)?;
            add(&branch_id, Op::Compensate, &step.compensate, payload)?;
        }
        if tags.is_empty() {
            return Ok(());
        }
        let too_long = CannotSign::TooLong { calls: tags.len() };
        let value = Header { key_id: &key.id, time_s, tags }.write();
        let header_fits = value.len() <= HEADER_CHARS_MAX;
        let mut options = transaction.options.clone();
        options.branch_headers.get_or_insert_default().insert(MESSAGE_HEADER.to_owned(), value);
        let stored_fits = serde_json::to_string(&options).is_ok_and(|json| json.chars().count() <= OPTIONS_CHARS_MAX);
        if !header_fits || !stored_fits {
            return Err(too_long);
        }
        transaction.options = options;
        Ok(())
    }

    /// Signs the confirm and the cancel of a TCC's branch: adds the signature to the query of each address, under the name
    /// [`MESSAGE_HEADER`]. The branches of a TCC are not known yet when it is prepared, so no header can have them.
    ///
    /// `time_s` is the present time, in seconds since 1970. A [`Client`] with [`Client::sign_messages`] does this by
    /// itself.
    ///
    /// # Errors
    /// [`CannotSign`]; the registration is unchanged then.
    pub fn sign_branch(&self, branch: &mut TccRegistration, time_s: u64) -> Result<(), CannotSign> {
        let key = self.signing();
        let signed = |op: Op, url: &str| {
            if url.is_empty() {
                return Ok(String::new());
            }
            let call = Which {
                trans_type: (&*branch.trans_type).into(),
                gid: (&*branch.gid).into(),
                branch_id: (&*branch.branch_id).into(),
                op: op.as_str().into(),
            };
            let tags = vec![promised(key, call, url, &branch.data, time_s)?];
            let value = Header { key_id: &key.id, time_s, tags }.write();
            let url = format!("{url}{}{MESSAGE_HEADER}={value}", if url.contains('?') { '&' } else { '?' });
            if url.chars().count() > ADDRESS_CHARS_MAX {
                return Err(CannotSign::LongAddress { branch_id: branch.branch_id.clone() });
            }
            Ok(url)
        };
        let (confirm, cancel) = (signed(Op::Confirm, &branch.confirm)?, signed(Op::Cancel, &branch.cancel)?);
        (branch.confirm, branch.cancel) = (confirm, cancel);
        Ok(())
    }
}

/// The signature of a call that a coordinator will make later.
fn promised(key: &Key, call: Which<'_>, url: &str, body: &str, time_s: u64) -> Result<Vec<u8>, CannotSign> {
    let cannot = || CannotSign::Address { branch_id: call.branch_id.to_string() };
    let parsed = Url::parse(url).map_err(|_| cannot())?;
    let (promise, address) = if url.starts_with(TOPIC_PREFIX) {
        (Promise::Topic, None)
    } else if parsed.has_host() {
        let query = own_query(parsed.query());
        (Promise::Message, Some(Address { host: host_of(&parsed), path: parsed.path(), query }))
    } else {
        return Err(cannot());
    };
    let parts = Parts { call, address, body_sha256: sha256(body.as_bytes()) };
    Ok(key.tag(&parts.text(promise, &key.id, time_s))[..MESSAGE_TAG_BYTES].to_vec())
}

/// Signs with the present time.
impl Signer for Keys {
    fn seal(&self, transaction: &mut Transaction) -> Result<(), BoxError> {
        Ok(self.sign_message(transaction, now_s())?)
    }

    fn seal_branch(&self, branch: &mut TccRegistration) -> Result<(), BoxError> {
        Ok(self.sign_branch(branch, now_s())?)
    }

    fn sign_call(&self, url: &Url, body: &[u8]) -> Option<String> {
        self.sign_call(url, body, now_s())
    }
}

impl Client {
    /// Signs every message that is sent through this client, with the first of these keys.
    ///
    /// For services under a coordinator that does not sign, such as a DTM server; they verify with
    /// `branchwire::auth::Verify::messages`, or `or_messages`.
    ///
    /// The tries of a TCC, which this client calls itself, are signed as a coordinator signs its calls; the signatures of its
    /// confirms and cancels are in the addresses that are registered.
    #[must_use = "the client that signs is returned"]
    pub fn sign_messages(self, keys: Keys) -> Self {
        self.with_signer(keys)
    }
}

/// The present time, in seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Step;

    fn keys() -> Keys {
        "k:0123456789abcdef0123456789abcdef".parse().unwrap()
    }

    fn message(branches: usize) -> Transaction {
        let step = Step { action: "http://bank-b:8080/in".to_owned(), ..Step::default() };
        Transaction {
            gid: "g".to_owned(),
            trans_type: "msg".to_owned(),
            steps: Some(vec![step; branches]),
            payloads: Some(vec!["30".to_owned(); branches]),
            ..Transaction::default()
        }
    }

    fn signed(transaction: &Transaction) -> Header<'_> {
        let headers = transaction.options.branch_headers.as_ref().unwrap();
        Header::read(&headers[MESSAGE_HEADER], MESSAGE_TAG_BYTES).unwrap()
    }

    #[test]
    fn each_known_call_has_a_signature_of_its_own() {
        let mut transaction = message(3);
        transaction.query_prepared = "http://bank-a/prepared".to_owned();
        transaction.steps.as_mut().unwrap()[1].action = "topic://paid".to_owned();
        transaction.steps.as_mut().unwrap()[2].action = String::new();
        keys().sign_message(&mut transaction, 5).unwrap();
        let header = signed(&transaction);
        assert_eq!((header.key_id, header.time_s, header.tags.len()), ("k", 5, 3));
        assert!(
            header.tags[0] != header.tags[1] && header.tags[1] != header.tags[2] && header.tags[0] != header.tags[2]
        );
    }

    #[test]
    fn a_list_that_a_coordinator_cannot_store_is_refused_before_anything_is_sent() {
        let fits = |branches, header: Option<&str>| {
            let mut transaction = message(branches);
            transaction.options.branch_headers =
                header.map(|value| BTreeMap::from([("x".to_owned(), value.to_owned())]));
            let before = transaction.clone();
            let keys: Keys = "2026-12:0123456789abcdef0123456789abcdef".parse().unwrap();
            match keys.sign_message(&mut transaction, 1_764_000_000) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error, CannotSign::TooLong { calls: branches });
                    assert_eq!(transaction, before);
                    false
                }
            }
        };
        let most = (1..100).take_while(|branches| fits(*branches, None)).last().unwrap();
        assert_eq!(most, 40, "the docs name this number");
        assert!(fits(most - 2, Some("a header of the user's own")));
        assert!(!fits(most - 2, Some(&"x".repeat(100))));
        assert!(!fits(1000, None));
    }

    fn branch(confirm: String) -> TccRegistration {
        TccRegistration {
            gid: "g".to_owned(),
            trans_type: "tcc".to_owned(),
            branch_id: "01".to_owned(),
            data: "30".to_owned(),
            confirm,
            cancel: "http://bank-b/cancel?shard=3".to_owned(),
        }
    }

    #[test]
    fn the_signature_of_a_tccs_branch_is_the_last_part_of_each_address() {
        let mut signed = branch("http://bank-b/confirm".to_owned());
        keys().sign_branch(&mut signed, 5).unwrap();
        let value = |url: &str, before: &str| {
            let value = url.strip_prefix(before).unwrap_or_else(|| panic!("{url}")).to_owned();
            assert_eq!(Header::read(&value, MESSAGE_TAG_BYTES).unwrap().tags.len(), 1);
            // A server that encodes the query anew changes nothing of it.
            assert_eq!(url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>(), value);
            value
        };
        let confirm = value(&signed.confirm, "http://bank-b/confirm?branchwire-message-signature=");
        let cancel = value(&signed.cancel, "http://bank-b/cancel?shard=3&branchwire-message-signature=");
        assert_ne!(confirm, cancel);
        let mut without = branch(String::new());
        keys().sign_branch(&mut without, 5).unwrap();
        assert_eq!(without.confirm, "", "it counts as done, and is never called");
    }

    #[test]
    fn an_address_of_a_tccs_branch_that_cannot_be_signed_is_refused_before_it_is_sent() {
        for (confirm, error) in [
            ("in".to_owned(), CannotSign::Address { branch_id: "01".to_owned() }),
            (format!("http://b/{}", "x".repeat(1_000)), CannotSign::LongAddress { branch_id: "01".to_owned() }),
        ] {
            let before = branch(confirm);
            let mut signed = before.clone();
            assert_eq!(keys().sign_branch(&mut signed, 5), Err(error));
            assert_eq!(signed, before);
        }
    }

    #[test]
    fn an_invalid_address_is_reported() {
        for url in ["in", "mailto:me"] {
            let mut transaction = message(1);
            transaction.steps.as_mut().unwrap()[0].action = url.to_owned();
            let error = keys().sign_message(&mut transaction, 1).unwrap_err();
            assert_eq!(error, CannotSign::Address { branch_id: "01".to_owned() });
        }
    }
}
