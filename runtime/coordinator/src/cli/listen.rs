//! The address that the program listens on.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::{TcpListener, lookup_host};

/// An address to listen on: `127.0.0.1:36789`, `[::1]:36789`, `localhost:36789`, or `:36789` for all interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listen {
    /// As it was written, without brackets; empty for all interfaces.
    host: String,
    port: u16,
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected `HOST:PORT`, such as `127.0.0.1:36789`, `localhost:36789`, `[::1]:36789` or \
                            `:36789` for all interfaces";
        let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
        // `u16` would also accept a plus sign.
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.and_then(|port| port.parse().ok()).ok_or(FORM)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
            None if !host.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/' | '@' | '[' | ']')) => host,
            _ => return Err(FORM),
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Listen {
    /// Where a process of this machine reaches it.
    pub(super) fn reached_from_here(&self) -> Self {
        let host = match self.host.as_str() {
            "" | "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            host => host,
        };
        Self { host: host.to_owned(), port: self.port }
    }

    /// Begins to listen; port 0 takes a free one.
    ///
    /// # Errors
    /// A text for people: the problem, and what to do.
    pub(super) async fn bind(&self) -> Result<TcpListener, String> {
        let listener = async { TcpListener::bind(&self.addresses().await?[..]).await };
        listener.await.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => {
                    " (another process listens there: end it, or choose another port with --listen)"
                }
                ErrorKind::AddrNotAvailable => " (no network interface of this machine has this address)",
                ErrorKind::PermissionDenied => {
                    " (ports below 1024 need a privilege: choose a higher one with --listen)"
                }
                _ => "",
            };
            format!("cannot listen on {self}: {error}{hint}")
        })
    }

    /// The addresses to listen on: the first possible one is used.
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if self.host.is_empty() {
            // Most systems accept IPv4 on the IPv6 address as well; without IPv6 it does not exist.
            return Ok(vec![(Ipv6Addr::UNSPECIFIED, self.port).into(), (Ipv4Addr::UNSPECIFIED, self.port).into()]);
        }
        let mut addresses: Vec<_> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        // `localhost` is both; clients that know only one address use the IPv4 one.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:36789", "127.0.0.1", 36_789),
            ("[::1]:0", "::1", 0),
            ("localhost:80", "localhost", 80),
            ("coordinator.internal:36789", "coordinator.internal", 36_789),
            (":36789", "", 36_789),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.host.as_str(), listen.port), (host, port), "{text}");
            assert_eq!(listen.to_string(), text);
        }
        for bad in [
            "",
            ":",
            "36789",
            "localhost",
            "localhost:",
            "localhost:port",
            "localhost:65536",
            "localhost:+80",
            "::1:80",
            "[::1]",
            "[::1]80",
            "[localhost]:80",
            "http://localhost:80",
            "a b:80",
            "localhost:80/",
        ] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn localhost_is_the_ipv4_one_where_there_is_one() {
        let listener = "localhost:0".parse::<Listen>().unwrap().bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        let addresses = "localhost:1".parse::<Listen>().unwrap().addresses().await.unwrap();
        assert!(addresses.is_sorted_by_key(SocketAddr::is_ipv6), "{addresses:?}");
    }

    #[tokio::test]
    async fn without_a_host_it_is_reached_by_ipv4() {
        let listener = ":0".parse::<Listen>().unwrap().bind().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    }

    #[tokio::test]
    async fn the_error_of_a_failed_bind_names_the_cause() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let other = TcpListener::bind(taken).await.unwrap();
        let error = other.local_addr().unwrap().to_string().parse::<Listen>().unwrap().bind().await.unwrap_err();
        assert!(error.starts_with(&format!("cannot listen on {taken}: ")), "{error}");
        assert!(error.contains("another process listens there"), "{error}");
        let error = "192.0.2.1:80".parse::<Listen>().unwrap().bind().await.unwrap_err();
        assert!(error.contains("no network interface of this machine"), "{error}");
        let error = "no-such-host.invalid:80".parse::<Listen>().unwrap().bind().await.unwrap_err();
        assert!(error.starts_with("cannot listen on no-such-host.invalid:80: "), "{error}");
    }
}
