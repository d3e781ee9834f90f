//! Fuzz targets for the parsers of text from outside, run by proptest: they accept or refuse any input, and never
//! panic.

use branchwire::ServiceUrl;
use branchwire::protocol::{BranchId, Gid, Op, TransType, Transaction};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// An accepted name comes back unchanged, and fits into the tables.
    #[test]
    fn a_gid_is_taken_as_it_is_or_refused(text in ".{0,140}") {
        if let Ok(gid) = Gid::new(text.as_str()) {
            prop_assert_eq!(gid.as_str(), text.as_str());
            prop_assert!((1..=128).contains(&text.chars().count()));
            prop_assert!(!text.contains('\0'));
        }
    }

    #[test]
    fn a_branch_id_is_taken_as_it_is_or_refused(text in ".{0,140}") {
        if let Ok(id) = text.parse::<BranchId>() {
            prop_assert_eq!(id.as_str(), text.as_str());
        }
    }

    #[test]
    fn the_protocols_words_are_read_only_as_they_are_written(text in ".{0,12}|[a-z]{1,10}") {
        if let Ok(op) = text.parse::<Op>() {
            prop_assert_eq!(op.as_str(), text.as_str());
        }
        if let Ok(trans_type) = text.parse::<TransType>() {
            prop_assert_eq!(trans_type.as_str(), text.as_str());
        }
    }

    /// A branch's path is appended to it, so only a path may follow the host.
    #[test]
    fn a_service_url_has_neither_query_nor_password(
        text in ".{0,60}|https?://[a-z0-9.:@/?#\\[\\]%-]{0,40}",
    ) {
        if let Ok(url) = text.parse::<ServiceUrl>() {
            let read = url::Url::parse(url.as_str()).expect("a URL");
            prop_assert!(matches!(read.scheme(), "http" | "https"));
            prop_assert!(read.has_host() && read.query().is_none() && read.fragment().is_none());
            prop_assert!(read.username().is_empty() && read.password().is_none());
        }
    }

    #[test]
    fn a_transaction_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = serde_json::from_slice::<Transaction>(&bytes);
    }

    /// A parsed value, written and parsed again, is equal.
    #[test]
    fn a_transaction_comes_back(message in super::corpus::messages()) {
        if let Ok(read) = serde_json::from_value::<Transaction>(message) {
            let written = serde_json::to_string(&read).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Transaction>(&written).expect("as it was"), read);
        }
    }
}
