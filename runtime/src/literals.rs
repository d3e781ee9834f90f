//! Literals that are checked at compile time: gids, addresses of services, lists of services.

/// A gid from a literal. A literal that cannot be a gid does not compile.
///
/// For tests, and for the rare gid that is known at compile time. For any other text use [`Gid::new`](crate::Gid::new).
///
/// ```
/// let gid = branchwire::gid!("opening-balance-2026");
/// assert_eq!(gid.as_str(), "opening-balance-2026");
/// ```
#[macro_export]
macro_rules! gid {
    ($gid:literal) => {{
        const __GID: &::core::primitive::str = $gid;
        const _: () = if !$crate::protocol::name_is_valid(__GID) {
            ::core::panic!("a gid has 1 to 128 characters, without spaces and control characters");
        };
        $crate::__private::checked_gid(__GID)
    }};
    ($($computed:tt)+) => {
        ::core::compile_error!("`gid!` takes a text that is written here; of a computed one, `Gid::new` makes a gid")
    };
}

/// The address of a service from a literal. A literal that is not an http or https address does not compile.
///
/// ```
/// let url = branchwire::url!("http://bank-b:8080");
/// assert_eq!(url.as_str(), "http://bank-b:8080");
/// ```
#[macro_export]
macro_rules! url {
    ($url:literal) => {{
        const __URL: &::core::primitive::str = $url;
        const _: () = if let ::core::option::Option::Some(__mistake) = $crate::__private::url_mistake(__URL) {
            ::core::panic!("{}", __mistake);
        };
        $crate::__private::checked_url(__URL)
    }};
    ($($computed:tt)+) => {
        ::core::compile_error!(
            "`url!` takes a text that is written here; of a computed one, `ServiceUrl::new` makes an address"
        )
    };
}

/// The routes of several services in one router. Two branches with one path do not compile.
///
/// ```
/// # use branchwire::prelude::*;
/// # #[derive(Clone, Database)]
/// # pub struct Bank(sqlx::SqlitePool);
/// #[branchwire::service("/api/bank-a")]
/// mod bank_a {
///     # use super::*;
///     #[query_prepared]
///     pub fn transfer_prepared(db: Bank);
/// }
///
/// #[branchwire::service("/api/bank-b")]
/// mod bank_b {
///     # use super::*;
///     #[msg_branch]
///     pub async fn trans_in(tx: &mut Tx<Bank>) -> Result<(), Retry> {
///         Ok(())
///     }
/// }
///
/// fn app(bank: Bank) -> axum::Router {
///     branchwire::services![bank_a, bank_b].with_state(bank)
/// }
/// # fn main() {}
/// ```
///
/// If the routers are merged by hand instead, axum panics at the start if two paths are equal.
#[macro_export]
macro_rules! services {
    ($($($service:ident)::+),+ $(,)?) => {{
        $crate::__branchwire_check_paths!($($($service)::+::ROUTES),+);
        $crate::__private::merged([$($($service)::+::router()),+])
    }};
    ($($other:tt)*) => {
        ::core::compile_error!("`services!` takes services by name, `services![bank_a, bank_b]`, and asks each for its router")
    };
}

/// The routers of several services as one.
#[cfg(feature = "service")]
pub fn merged<S, const SERVICES: usize>(routers: [axum::Router<S>; SERVICES]) -> axum::Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routers.into_iter().fold(axum::Router::new(), axum::Router::merge)
}

/// The gid from a checked literal.
///
/// # Panics
/// If it is not a valid gid.
pub fn checked_gid(gid: &str) -> crate::Gid {
    crate::Gid::new(gid).expect("checked at compile time")
}

/// The address from a checked literal.
///
/// # Panics
/// If it is not a valid address.
pub fn checked_url(url: &str) -> crate::ServiceUrl {
    crate::ServiceUrl::new(url).expect("checked at compile time")
}

/// The mistake in the address of a service; `None` if there is none. Accepts only plain addresses.
pub const fn url_mistake(url: &str) -> Option<&'static str> {
    let url = url.as_bytes();
    let ([b'h', b't', b't', b'p', b':', b'/', b'/', rest @ ..]
    | [b'h', b't', b't', b'p', b's', b':', b'/', b'/', rest @ ..]) = url
    else {
        return Some("the address of a service starts with `http://` or `https://`");
    };
    let mut n = 0;
    while n < rest.len() && !matches!(rest[n], b'/' | b'?' | b'#') {
        if rest[n] == b'@' {
            return Some("the address of a service holds no user and no password: they would be stored");
        }
        n += 1;
    }
    let mut host_end = 0;
    while host_end < rest.len() && !matches!(rest[host_end], b':' | b'/' | b'?' | b'#') {
        let byte = rest[host_end];
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
            return Some(
                "the host has a character other than letters, digits, `-`, `_` and `.`: give it to `at` as a string",
            );
        }
        host_end += 1;
    }
    if host_end == 0 {
        return Some("the address of a service has a host: `http://bank-b:8080`");
    }
    let mut n = host_end;
    if n < rest.len() && rest[n] == b':' {
        n += 1;
        let (mut port, mut digits) = (0_u32, 0);
        while n < rest.len() && rest[n].is_ascii_digit() && digits < 6 {
            port = port * 10 + (rest[n] - b'0') as u32;
            digits += 1;
            n += 1;
        }
        if digits == 0 || port > 65_535 || (n < rest.len() && !matches!(rest[n], b'/' | b'?' | b'#')) {
            return Some("the port is not a number up to 65535");
        }
    }
    while n < rest.len() {
        match rest[n] {
            b'?' => return Some("the address of a service has no query"),
            b'#' => return Some("the address of a service has no fragment"),
            b'/' | b'-' | b'_' | b'.' | b'~' | b'%' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return Some("the path has a character other than letters, digits, `-`, `_`, `.`, `~` and `/`"),
        }
        n += 1;
    }
    host_mistake(rest.split_at(host_end).0)
}

/// The mistake in a host. If its last label is a number, it is an IPv4 address, which must have the plain form. An
/// encoded host, `xn--..`, is refused.
const fn host_mistake(host: &[u8]) -> Option<&'static str> {
    let (mut n, mut labels, mut number, mut numbers) = (0, 1, 0_u32, 0);
    let (mut start, mut numeric) = (0, true);
    while n <= host.len() {
        if n == host.len() || host[n] == b'.' {
            if n == start {
                return Some("the host has an empty label");
            }
            if n - start >= 4 && matches!(host.split_at(start).1, [b'x' | b'X', b'n' | b'N', b'-', b'-', ..]) {
                return Some("the host is in an encoding: give it to `at` as a string");
            }
            let leading_zero = host[start] == b'0' && n - start > 1;
            if numeric && number <= 255 && !leading_zero {
                numbers += 1;
            }
            if n < host.len() {
                (labels, number, numeric, start) = (labels + 1, 0, true, n + 1);
            }
        } else if host[n].is_ascii_digit() && number <= 255 {
            number = number * 10 + (host[n] - b'0') as u32;
        } else {
            numeric = numeric && host[n].is_ascii_digit();
        }
        n += 1;
    }
    let looks_numeric = host[start].is_ascii_digit();
    if looks_numeric && !(labels == 4 && numbers == 4) {
        return Some("a host whose last part starts with a digit is an IPv4 address: `127.0.0.1`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServiceUrl;

    const GOOD: [&str; 7] = [
        "http://bank-b:8080",
        "https://bank-b.example",
        "http://localhost",
        "http://127.0.0.1:36789/",
        "http://bank_b/below/here/",
        "https://a.b.c:65535/x-1/~y",
        "http://b2:1",
    ];

    #[test]
    fn an_address_that_compiles_is_one_at_run_time() {
        for url in GOOD {
            assert_eq!(url_mistake(url), None, "{url}");
            assert_eq!(checked_url(url).as_str(), url);
        }
    }

    #[test]
    fn another_text_does_not_compile() {
        for url in [
            "",
            "bank-b:8080",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:",
            "http://a:65536",
            "http://a:80x",
            "http://a?b",
            "http://a/#b",
            "http://u:p@a",
            "http://u@a",
            "http://a b",
            "http://a/b c",
            "http://a..b",
            "http://1.2.3",
            "http://256.1.1.1",
            "http://1.2.3.04",
            "http://a.1",
            "http://0x7f",
            "http://xn--a",
            "http://größe",
        ] {
            assert!(url_mistake(url).is_some(), "{url}");
        }
    }

    /// The check at compile time is stricter: the parser accepts each address that passes it.
    #[test]
    fn no_short_address_passes_only_at_compile_time() {
        let letters = ["a", "x", "n", "-", ".", ":", "/", "0", "9", "25", "_", "%", "@"];
        let mut urls = vec!["http://".to_owned()];
        for _ in 0..4 {
            urls = urls.iter().flat_map(|url| letters.iter().map(move |letter| format!("{url}{letter}"))).collect();
            for url in urls.iter().filter(|url| url_mistake(url).is_none()) {
                assert!(ServiceUrl::new(url.as_str()).is_ok(), "{url}");
            }
        }
    }

    #[test]
    fn a_literal_is_checked_by_the_rule_of_all_gids() {
        assert_eq!(crate::gid!("a-1").as_str(), "a-1");
    }
}
