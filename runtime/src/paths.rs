//! The paths of services, compared and joined at compile time.

use crate::{Role, Route};

/// Refuses two branches with one path, at compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! __branchwire_check_paths {
    ($($routes:expr),+) => {
        const _: () = {
            const __SERVICES: &[&[$crate::Route]] = &[$($routes),+];
            const __MISTAKE: ::core::option::Option<$crate::__private::Text> =
                $crate::__private::paths_mistake::<{ $crate::__private::slots(__SERVICES) }>(__SERVICES);
            if let ::core::option::Option::Some(__mistake) = &__MISTAKE {
                ::core::panic!("{}", __mistake.as_str());
            }
        };
    };
}

/// How many slots the hash table for these paths has: a power of two, at least twice the number of paths.
pub const fn slots(services: &[&[Route]]) -> usize {
    let (mut service, mut routes) = (0, 0);
    while service < services.len() {
        routes += services[service].len();
        service += 1;
    }
    (2 * routes + 1).next_power_of_two()
}

/// Finds two branches with one path; the text names them.
///
/// The compiler counts the loops and calls of a constant, and gives up after two million. So each path is read once for
/// its hash, and compared only with paths of the same hash: that allows tens of thousands of routes.
pub const fn paths_mistake<const SLOTS: usize>(services: &[&[Route]]) -> Option<Text> {
    let mut table: [(u64, Option<&Route>); SLOTS] = [(0, None); SLOTS];
    let mut service = 0;
    while service < services.len() {
        let mut route = 0;
        while route < services[service].len() {
            let this = &services[service][route];
            let hash = hash(this.path.as_bytes());
            // The low bits choose the slot: a table has far fewer than 2^32.
            let mut slot = (hash & 0xffff_ffff) as usize & (SLOTS - 1);
            while let (other_hash, Some(other)) = table[slot] {
                if other_hash == hash && same(other.path, this.path) {
                    return Some(mistake(other, this));
                }
                slot = (slot + 1) & (SLOTS - 1);
            }
            table[slot] = (hash, Some(this));
            route += 1;
        }
        service += 1;
    }
    None
}

const fn mistake(first: &Route, second: &Route) -> Text {
    let text = if same(first.name, second.name) {
        Text::new().add("two branches of the name `").add(first.name)
    } else {
        Text::new().add("`").add(first.name).add("` and `").add(second.name)
    };
    text.add("` have one path, `").add(second.path).add("`: give one of them another")
}

/// Mixes eight bytes in each turn of the loop, and the bits at the end.
const fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    let mut rest = bytes;
    while let [a, b, c, d, e, f, g, h, after @ ..] = rest {
        let word = (*a as u64)
            | (*b as u64) << 8
            | (*c as u64) << 16
            | (*d as u64) << 24
            | (*e as u64) << 32
            | (*f as u64) << 40
            | (*g as u64) << 48
            | (*h as u64) << 56;
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
        rest = after;
    }
    while let [a, after @ ..] = rest {
        hash = (hash.rotate_left(5) ^ *a as u64).wrapping_mul(FACTOR);
        rest = after;
    }
    hash ^ (hash >> 32)
}

/// A service that hosts a contract.
#[doc(hidden)]
pub trait HostsContract {
    /// The contract's routes.
    const ROUTES: &'static [Route];
    /// The contract's base path.
    const BASE: &'static str;
}

/// The path that a contract gives to the branch of this name.
///
/// Empty for a name that is not in the contract: rustc reports that at the branch.
pub const fn path_in(contract: &'static [Route], name: &str) -> &'static str {
    let mut route = 0;
    while route < contract.len() {
        if same(contract[route].name, name) {
            return contract[route].path;
        }
        route += 1;
    }
    ""
}

/// Whether a contract gives this role to the branch of this name.
///
/// True for a name that is not in the contract: rustc reports that at the branch.
pub const fn has_role(contract: &'static [Route], name: &str, role: Role) -> bool {
    let mut route = 0;
    while route < contract.len() {
        if same(contract[route].name, name) {
            return contract[route].role as u8 == role as u8;
        }
        route += 1;
    }
    true
}

/// Joins a base path and a path below it; both are ASCII.
pub const fn join<const BYTES: usize>(base: &str, path: &str) -> [u8; BYTES] {
    let mut joined = [0; BYTES];
    let mut n = 0;
    while n < BYTES {
        joined[n] = if n < base.len() { base.as_bytes()[n] } else { path.as_bytes()[n - base.len()] };
        n += 1;
    }
    joined
}

/// A path below a base path that is the constant of a contract.
#[doc(hidden)]
#[macro_export]
macro_rules! __branchwire_join_path {
    ($base:expr, $path:literal) => {{
        const __JOINED: [::core::primitive::u8; $base.len() + $path.len()] = $crate::__private::join($base, $path);
        match ::core::str::from_utf8(&__JOINED) {
            ::core::result::Result::Ok(__path) => __path,
            ::core::result::Result::Err(_) => ::core::unreachable!(),
        }
    }};
}

/// Compares from the end: names and paths differ there more often than at their start.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut n = a.len();
    while n > 0 {
        n -= 1;
        if a[n] != b[n] {
            return false;
        }
    }
    true
}

/// A text that a `const fn` can write.
#[derive(Debug)]
pub struct Text {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl Text {
    const BYTES_MAX: usize = 1024;

    const fn new() -> Self {
        Self { bytes: [0; Self::BYTES_MAX], len: 0 }
    }

    /// Appends a piece, if there is room for all of it.
    const fn add(mut self, piece: &str) -> Self {
        if self.len + piece.len() <= Self::BYTES_MAX {
            let mut n = 0;
            while n < piece.len() {
                self.bytes[self.len + n] = piece.as_bytes()[n];
                n += 1;
            }
            self.len += piece.len();
        }
        self
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "two branches have one path",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    const fn route(name: &'static str, path: &'static str) -> Route {
        Route { name, path, role: Role::MsgBranch, payload: "", database: "", of: "", doc: "" }
    }

    #[test]
    fn one_path_in_two_services_is_refused_by_the_names_of_both() {
        let (a, b) = ([route("a", "/a"), route("b", "/b")], [route("c", "/a")]);
        assert_eq!(
            paths_mistake::<8>(&[&a, &b]).unwrap().as_str(),
            "`a` and `c` have one path, `/a`: give one of them another"
        );
        assert!(paths_mistake::<16>(&[&a, &[], &[route("c", "/ab")]]).is_none());
    }

    /// F19: the compiler gave up at some 300 routes.
    #[test]
    fn the_paths_of_thousands_of_routes_are_compared_while_the_program_is_compiled() {
        const ROUTES: usize = 10_000;
        const PATH: &str = "/api/v1/tenant/service-00000/handle-event";
        static PATHS: [[u8; PATH.len()]; ROUTES] = {
            let mut paths = [[0; PATH.len()]; ROUTES];
            let mut n = 0;
            while n < ROUTES {
                paths[n].copy_from_slice(PATH.as_bytes());
                let (mut rest, mut digit) = (n, 27);
                while rest > 0 {
                    paths[n][digit] = b"0123456789"[rest % 10];
                    (rest, digit) = (rest / 10, digit - 1);
                }
                n += 1;
            }
            paths
        };
        static ALL: [Route; ROUTES] = {
            let mut routes = [route("", ""); ROUTES];
            let mut n = 0;
            while n < ROUTES {
                routes[n].path = match str::from_utf8(&PATHS[n]) {
                    Ok(path) => path,
                    Err(_) => unreachable!(),
                };
                n += 1;
            }
            routes
        };
        crate::__branchwire_check_paths!(&ALL);
        let again = [ALL[ROUTES - 1]];
        assert_eq!(again[0].path, "/api/v1/tenant/service-09999/handle-event");
        let mistake = paths_mistake::<{ slots(&[&ALL, &[]]) }>(&[&ALL, &again]).unwrap();
        assert!(mistake.as_str().contains(again[0].path), "{}", mistake.as_str());
    }

    #[test]
    fn a_contract_knows_its_paths_by_name() {
        const CONTRACT: &[Route] = &[route("a", "/base/a")];
        assert_eq!(path_in(CONTRACT, "a"), "/base/a");
        assert_eq!(path_in(CONTRACT, "b"), "");
    }

    #[test]
    fn a_path_is_joined_to_a_constant_base() {
        const BASE: &str = "/base";
        const PATH: &str = crate::__branchwire_join_path!(BASE, "/asked");
        assert_eq!(PATH, "/base/asked");
    }
}
