//! The networks that calls may go to.
//!
//! A client can name any address, and the coordinator then calls it from inside the network. So addresses are checked
//! when a connection is made, on the IP addresses that a name resolves to.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Link-local addresses, and those at which clouds give credentials to any caller from inside.
const REFUSED: [IpNet; 7] = [
    v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    v4(Ipv4Addr::new(100, 100, 100, 200), 32),
    v4(Ipv4Addr::new(168, 63, 129, 16), 32),
    v4(Ipv4Addr::new(192, 0, 0, 192), 32),
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    v6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128),
    v6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128),
];

const fn v4(address: Ipv4Addr, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(address, prefix))
}

const fn v6(address: Ipv6Addr, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, prefix))
}

/// The networks that branches may be in.
///
/// By default all but link-local addresses and those of the clouds' metadata services. A list such as `10.0.0.0/8,
/// 192.168.7.0/24, ::1` allows only the networks in it. It allows the refused ranges above only by an entry that is
/// such a range or part of one: `0.0.0.0/0` does not open them, `169.254.7.0/24` does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    allowed: Option<Vec<IpNet>>,
}

/// A text that is not a list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network: write `10.0.0.0/8` or `::1`, several separated by commas")]
pub struct InvalidNetwork(String);

impl FromStr for Networks {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network = |word: &str| match (word.parse(), word.parse::<IpAddr>()) {
            (Ok(network), _) => Ok(network),
            (_, Ok(address)) => Ok(address.into()),
            _ => Err(InvalidNetwork(word.to_owned())),
        };
        let allowed: Vec<IpNet> = text.split(',').map(|word| network(word.trim())).collect::<Result<_, _>>()?;
        Ok(Self { allowed: Some(allowed) })
    }
}

impl Networks {
    /// Whether a call may go to this address.
    pub fn allow(&self, address: IpAddr) -> bool {
        // One address can have several forms, all of which lead to the same host.
        forms(address).into_iter().flatten().all(|address| self.allow_form(address))
    }

    fn allow_form(&self, address: IpAddr) -> bool {
        let refused = REFUSED.iter().find(|network| network.contains(&address));
        match (&self.allowed, refused) {
            (None, refused) => refused.is_none(),
            (Some(allowed), None) => allowed.iter().any(|network| network.contains(&address)),
            (Some(allowed), Some(refused)) => {
                allowed.iter().any(|network| network.contains(&address) && refused.contains(network))
            }
        }
    }

    /// Whether a call may go to this URL, as far as that is known before its name is resolved.
    pub(super) fn allow_url(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.allow(address.into()),
            Some(Host::Ipv6(address)) => self.allow(address.into()),
            Some(Host::Domain(_)) | None => true,
        }
    }
}

/// The addresses to check: for an IPv6 address that stands for an IPv4 one, the IPv4 address; also the IPv6 address
/// itself, if it leads there through a gateway.
fn forms(address: IpAddr) -> [Option<IpAddr>; 2] {
    let IpAddr::V6(v6) = address else { return [Some(address), None] };
    let v4 = |octets: [u8; 4]| Some(IpAddr::from(octets));
    match v6.octets() {
        // IPv4-mapped: the system makes an IPv4 connection.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, octets @ ..] => [v4(octets), None],
        // IPv4-compatible, except `::` and `::1`.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, octets @ ..] if octets[..2] != [0, 0] => [v4(octets), Some(address)],
        // NAT64, and 6to4.
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, octets @ ..] => [v4(octets), Some(address)],
        [0x20, 0x02, a, b, c, d, ..] => [v4([a, b, c, d]), Some(address)],
        _ => [Some(address), None],
    }
}

/// The system's resolver; returns only addresses that may be called.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Networks);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            // The caller sets the port.
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = all.filter(|address| networks.allow(address.ip())).collect();
            if allowed.is_empty() {
                let refused: Box<dyn StdError + Send + Sync> = Refused.into();
                return Err(refused);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A call that was not made because its address is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("calls to this address are not allowed")]
pub(super) struct Refused;

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(networks: &Networks, address: &str) -> bool {
        networks.allow(address.parse().unwrap())
    }

    #[test]
    fn by_default_branches_may_be_anywhere_but_where_machines_keep_their_credentials() {
        let networks = Networks::default();
        for address in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd00::1", "8.8.8.8", "2001:db8::1", "0.0.0.0"] {
            assert!(allow(&networks, address), "{address}");
        }
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!allow(&networks, address), "{address}");
        }
    }

    #[test]
    fn an_allow_list_shuts_out_everything_else() {
        let networks: Networks = "10.0.0.0/8, 192.168.7.9,fd00::/8".parse().unwrap();
        for address in ["10.255.0.1", "192.168.7.9", "::ffff:10.0.0.1", "fd12::1"] {
            assert!(allow(&networks, address), "{address}");
        }
        for address in ["127.0.0.1", "::1", "::", "192.168.7.8", "11.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254"] {
            assert!(!allow(&networks, address), "{address}");
        }
    }

    #[test]
    fn a_refused_range_is_opened_by_its_own_name_only() {
        let all: Networks = "0.0.0.0/0,::/0".parse().unwrap();
        assert!(allow(&all, "8.8.8.8") && allow(&all, "::1"));
        assert!(!allow(&all, "169.254.169.254") && !allow(&all, "fe80::1"));
        let named: Networks = "169.254.7.0/24".parse().unwrap();
        assert!(allow(&named, "169.254.7.1") && !allow(&named, "169.254.169.254"));
    }

    #[test]
    fn an_invalid_list_of_networks_is_refused() {
        for text in ["", "10.0.0.0/33", "bank-b", "10.0.0.0/8,,::1", "10.0.0.0/8;::1"] {
            text.parse::<Networks>().unwrap_err();
        }
    }

    #[test]
    fn every_way_to_write_an_address_into_a_url_is_seen_through() {
        for host in [
            "169.254.169.254",
            "169.254.169.254.",
            "2852039166",
            "0xA9FEA9FE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "%31%36%39.254.169.254",
            "\u{ff11}69.254.169.254",
        ] {
            let url = Url::parse(&format!("http://{host}/latest/meta-data")).unwrap();
            assert!(!Networks::default().allow_url(&url), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_is_checked_by_the_addresses_that_it_resolves_to() {
        let resolve = |networks: Networks| Resolver(networks).resolve("localhost".parse().unwrap());
        assert!(resolve(Networks::default()).await.unwrap().all(|address| address.ip().is_loopback()));
        assert!(resolve("10.0.0.0/8".parse().unwrap()).await.is_err());
    }
}
