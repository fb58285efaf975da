//! Who is answered, and below which path: proxies that are believed, hosts that the server is known by, where it is mounted.

use std::{fmt, net::IpAddr, str::FromStr};

use clap::Args;

/// What lies between the server and those who call it.
#[derive(Clone, Debug, Args)]
pub struct CallersConfig {
    /// Proxies that are believed when they say who calls, in Forwarded or X-Forwarded-For: 10.0.0.0/8, fd00::/8, 192.0.2.7. None
    /// is where none is named: then the caller is whoever opened the connection.
    #[arg(
        long = "trusted-proxy",
        env = "LOOKALIKE_TRUSTED_PROXY",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<Network>,
    /// Names that the server is asked by, besides localhost and its addresses: find.shop.example; * is every name. A server on a
    /// loopback address answers no others; one on another address answers all, unless this is given.
    #[arg(long = "allowed-host", env = "LOOKALIKE_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    pub allowed_hosts: Vec<HostName>,
    /// The path below which a proxy shows this server, e.g. /shop/find; / is none.
    #[arg(long, env = "LOOKALIKE_BASE_PATH", value_name = "PATH", default_value = "/")]
    pub base_path: BasePath,
}

/// Addresses that have their first bits in common: `10.0.0.0/8`, `2001:db8::/32`; one address alone: `192.0.2.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether the address is one of them; an IPv4 address that is written as IPv6 is the IPv4 address.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && first_bits(address, self.bits) == self.first
    }
}

/// The address with all but its first bits at 0.
pub(crate) fn first_bits(address: IpAddr, bits: u8) -> IpAddr {
    let left = |width: u32| width.saturating_sub(bits.into());
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(left(32)).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(left(128)).unwrap_or(0)).into()),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is no network: 10.0.0.0/8, fd00::/8 and 192.0.2.7 are");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| refuse())?;
        if first.to_canonical() != first {
            return Err(format!(
                "'{text}' is an IPv4 network written as IPv6: write {}",
                first.to_canonical()
            ));
        }
        let all: u8 = if first.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &str| bits.bytes().all(|b| b.is_ascii_digit());
        let bits = match bits {
            None => all,
            Some(bits) => bits.parse().ok().filter(|n| digits(bits) && *n <= all).ok_or_else(refuse)?,
        };
        let network = first_bits(first, bits);
        if network != first {
            return Err(format!("'{text}' is an address within a network: write {network}/{bits}"));
        }
        Ok(Self { first, bits })
    }
}

/// A name that a server is asked by, in lower case; or every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Whether a request for this name (without its port) is one for the server.
    pub fn is(&self, name: &str) -> bool {
        self.0 == "*" || self.0.eq_ignore_ascii_case(name)
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let v6 = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok();
        if name == "*" || (!name.is_empty() && name.chars().all(plain)) || v6(&name).is_some() {
            return Ok(Self(name));
        }
        Err(format!("'{text}' is no host's name: find.shop.example is, without scheme, port and path"))
    }
}

/// The path that a proxy puts before all of the server's own, without a slash at its end; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// As it is written before a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left of a path below it, with its slash; `None` where the path is not below it.
    pub fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.0).filter(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let part = |part: &str| !part.is_empty() && ![".", ".."].contains(&part) && part.chars().all(plain);
        match path.strip_prefix('/') {
            None if text == "/" => Ok(Self::default()),
            Some(parts) if parts.split('/').all(part) => Ok(Self(path.to_owned())),
            _ => Err(format!("'{text}' is no path that a server can be below: /shop/find is")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        for (text, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["11.0.0.0", "::10.0.0.1"],
            ),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "::c000:207"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::", "::1"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::", "10.0.0.1"]),
            ("::/0", &["::1", "ffff::"], &["::ffff:1.2.3.4", "10.0.0.1"]),
            ("::1", &["::1"], &["::2", "0.0.0.1"]),
        ] {
            let network = network(text);
            for (addresses, held) in [(inside, true), (outside, false)] {
                for address in addresses {
                    assert_eq!(network.holds(address.parse().unwrap()), held, "{address} in {text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_would_do() {
        for (bad, hint) in [
            ("", "10.0.0.0/8"),
            ("10.0.0.0/33", "10.0.0.0/8"),
            ("10.0.0.0/-1", "10.0.0.0/8"),
            ("10.0.0.0/+8", "10.0.0.0/8"),
            ("10.0.0.0/", "10.0.0.0/8"),
            ("fd00::/129", "fd00::/8"),
            ("proxy.local", "192.0.2.7"),
            ("10.1.0.0/8", "10.0.0.0/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0"),
        ] {
            let why = bad.parse::<Network>().unwrap_err();
            assert!(why.contains(hint), "{bad}: {why}");
        }
    }

    #[test]
    fn hosts_have_neither_port_nor_path() {
        let name: HostName = "Find.Shop.example.".parse().unwrap();
        assert!(
            name.is("find.shop.EXAMPLE") && !name.is("shop.example") && !name.is("find.shop.example.evil")
        );
        assert!("*".parse::<HostName>().unwrap().is("anything"));
        assert!("[2001:db8::1]".parse::<HostName>().unwrap().is("[2001:db8::1]"));
        for bad in
            ["", ".", "shop.example:80", "https://shop.example", "shop.example/", "a b", "*.shop.example"]
        {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_path_is_whole_parts() {
        let base: BasePath = "/shop/find/".parse().unwrap();
        assert_eq!((base.as_str(), base.is_root()), ("/shop/find", false));
        assert_eq!(base.below("/shop/find/similar"), Some("/similar"));
        assert_eq!(base.below("/shop/find/"), Some("/"));
        for outside in ["/shop/find", "/shop/finder/similar", "/similar", "/"] {
            assert_eq!(base.below(outside), None, "{outside}");
        }
        assert!("/".parse::<BasePath>().unwrap().is_root());
        for bad in
            ["", "shop", "//", "/a//b", "/a/../b", "/a b", "/{id}", "https://shop.example/find", "/a?b"]
        {
            assert!(bad.parse::<BasePath>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in ".*") {
            let _ = (text.parse::<Network>(), text.parse::<HostName>(), text.parse::<BasePath>());
        }

        /// By the bits, one after the other.
        #[test]
        fn a_network_is_its_first_bits(first in any::<u128>(), other in any::<u128>(), bits in 0u8..=128, same in 0u32..=128) {
            let other = first ^ (other.checked_shr(same).unwrap_or(0));
            let first = first_bits(IpAddr::V6(first.into()), bits);
            prop_assume!(first.to_canonical() == first && IpAddr::V6(other.into()).to_canonical().is_ipv6());
            let IpAddr::V6(v6) = first else { unreachable!() };
            let agree = (0..bits).all(|bit| (v6.to_bits() ^ other) >> (127 - u32::from(bit)) & 1 == 0);
            let network: Network = format!("{first}/{bits}").parse().unwrap();
            prop_assert_eq!(network.holds(IpAddr::V6(other.into())), agree);
        }
    }
}
