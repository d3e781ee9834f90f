//! The expansions of the attributes, as files to read in review: `tests/golden/CASE.rs` is the expansion of
//! `CASE.in.rs`.
//!
//! After a change run the tests with `UPDATE_EXPECT=1`, and review the difference like code.

use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Attribute;
use syn::parse::{ParseStream, Parser};

use crate::attribute;
use crate::model::Role;

/// The expansion of the one item of a file, formatted.
fn expanded(file: &str) -> String {
    let parse = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_outer)?, input.parse::<TokenStream>()?));
    let (mut attrs, item) = parse.parse_str(file).expect("an item");
    let attr = attrs.remove(0);
    let rest: TokenStream = attrs.iter().map(ToTokens::to_token_stream).chain([item]).collect();
    let options = attr.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
    let name = attr.path().segments.last().expect("a name").ident.to_string();
    let written = match (Role::of_attribute(&name), name.as_str()) {
        (Some(role), _) => attribute::function(role, options, &rest),
        (None, "service") => attribute::service(options, &rest),
        (None, "derive") => attribute::database(rest),
        (None, other) => panic!("no attribute of ours: {other}"),
    };
    prettyplease::unparse(&syn::parse2(written).expect("items"))
}

macro_rules! golden {
    ($($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let written = expanded(include_str!(concat!("../tests/golden/", stringify!($case), ".in.rs")));
                expect_file![concat!("../tests/golden/", stringify!($case), ".rs")].assert_eq(&written);
            }
        )*
    };
}

golden! {
    database
    msg_branch
    msg_branch_with_extractors
    msg_branch_without_payload
    msg_branch_with_mistakes
    query_prepared
    query_prepared_with_a_body
    service
    service_remote
    service_implements
    service_with_more
    service_with_a_pair
    service_with_openapi
}
