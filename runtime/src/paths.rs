//! The paths of services, compared and joined while the program is compiled.

use crate::Route;

/// Refuses, at compile time, two branches with one path.
#[doc(hidden)]
#[macro_export]
macro_rules! __branchwire_check_paths {
    ($($routes:expr),+) => {
        const _: () = {
            const MISTAKE: ::core::option::Option<$crate::__private::Text> =
                $crate::__private::paths_mistake(&[$($routes),+]);
            if let ::core::option::Option::Some(mistake) = &MISTAKE {
                ::core::panic!("{}", mistake.as_str());
            }
        };
    };
}

/// Two branches with one path, as a sentence.
pub const fn paths_mistake(services: &[&[Route]]) -> Option<Text> {
    let mut service = 0;
    while service < services.len() {
        let mut route = 0;
        while route < services[service].len() {
            let this = &services[service][route];
            if let Some(other) = first_with_path(services, this.path, (service, route)) {
                let text = if same(other.name, this.name) {
                    Text::new().add("two branches of the name `").add(this.name)
                } else {
                    Text::new().add("`").add(other.name).add("` and `").add(this.name)
                };
                return Some(text.add("` have one path, `").add(this.path).add("`: give one of them another"));
            }
            route += 1;
        }
        service += 1;
    }
    None
}

/// The first route with this path before that place.
const fn first_with_path<'r>(
    services: &[&'r [Route]],
    path: &str,
    (service_end, route_end): (usize, usize),
) -> Option<&'r Route> {
    let mut service = 0;
    while service <= service_end {
        let end = if service == service_end { route_end } else { services[service].len() };
        let mut route = 0;
        while route < end {
            if same(services[service][route].path, path) {
                return Some(&services[service][route]);
            }
            route += 1;
        }
        service += 1;
    }
    None
}

/// A host of a contract: what it takes from there.
#[doc(hidden)]
pub trait HostsContract {
    /// The contract's routes.
    const ROUTES: &'static [Route];
    /// The contract's base path.
    const BASE: &'static str;
}

/// The path that a contract gives to the branch of this name.
///
/// One that it does not know is an error of its own, at the branch.
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

/// Writes a path behind a base; both are ASCII.
pub const fn join<const BYTES: usize>(base: &str, path: &str) -> [u8; BYTES] {
    let mut joined = [0; BYTES];
    let mut n = 0;
    while n < BYTES {
        joined[n] = if n < base.len() { base.as_bytes()[n] } else { path.as_bytes()[n - base.len()] };
        n += 1;
    }
    joined
}

/// A path below a base that only a constant knows.
#[doc(hidden)]
#[macro_export]
macro_rules! __branchwire_join_path {
    ($base:expr, $path:literal) => {{
        const JOINED: [u8; $base.len() + $path.len()] = $crate::__private::join($base, $path);
        match ::core::str::from_utf8(&JOINED) {
            ::core::result::Result::Ok(path) => path,
            ::core::result::Result::Err(_) => ::core::unreachable!(),
        }
    }};
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut n = 0;
    while n < a.len() {
        if a[n] != b[n] {
            return false;
        }
        n += 1;
    }
    true
}

/// A text that a constant can put together.
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

    /// Adds as much as there is room for: to the last whole character.
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
        Route { name, path, role: Role::MsgBranch, payload: "", database: "", doc: "" }
    }

    #[test]
    fn one_path_in_two_services_is_refused_by_the_names_of_both() {
        let (a, b) = ([route("a", "/a"), route("b", "/b")], [route("c", "/a")]);
        assert_eq!(
            paths_mistake(&[&a, &b]).unwrap().as_str(),
            "`a` and `c` have one path, `/a`: give one of them another"
        );
        assert!(paths_mistake(&[&a, &[], &[route("c", "/ab")]]).is_none());
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
