//! Where a request comes from: from whoever opened the connection, or from where a trusted proxy says.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
};

use crate::config::{Network, first_bits};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many bits of an IPv6 address say who it is: the rest is a customer's own to choose.
const V6_BITS: u8 = 64;

/// The address that a request comes from; IPv4 is never written as IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

impl Client {
    /// Whose request it is; of one without a connection nobody knows.
    pub(crate) fn of(request: &Request, trusted: &[Network]) -> Option<Self> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(Self(client(peer.ip().to_canonical(), request.headers(), trusted)))
    }

    /// What is counted as one caller: an IPv4 address, or a network of 2^64 IPv6 addresses.
    pub(crate) fn counted(self) -> IpAddr {
        counted(self.0)
    }
}

/// The same of an address; IPv4 is not written as IPv6.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    if address.is_ipv6() { first_bits(address, V6_BITS) } else { address }
}

/// What a header says is not an address.
struct Malformed;

/// The last address that no trusted proxy has, counted from the peer backwards. Where the two headers do not say the same, or where one
/// of them cannot be read, the peer: a proxy writes one of them, and whoever sends the other one chooses what stands in it.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    if !is_trusted(peer) {
        return peer;
    }
    let told = [(header::FORWARDED, forwarded as fn(&str) -> _), (X_FORWARDED_FOR, address)];
    let told = told.map(|(name, read)| last_untrusted(headers, &name, read, is_trusted));
    match told {
        [Ok(None), Ok(Some(told))] | [Ok(Some(told)), Ok(None)] => told,
        [Ok(Some(one)), Ok(Some(other))] if one == other => one,
        _ => peer,
    }
}

/// Reads a header from its end. What stands left of the first untrusted address was sent by a stranger, and is not looked at. Where
/// all are trusted it is the leftmost; `None` where there is no such header.
fn last_untrusted(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, Malformed> {
    let mut last = None;
    let values = headers.get_all(name).iter().rev().map(HeaderValue::as_bytes);
    for entry in values.flat_map(|value| value.rsplit(|byte| *byte == b',')) {
        let address = std::str::from_utf8(entry).ok().and_then(read).ok_or(Malformed)?;
        last = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    Ok(last)
}

/// An element of `Forwarded` (RFC 7239): `for="[2001:db8::1]:4711";proto=https`.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    let value = found?;
    address(value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?)
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// Who calls, by the peer and by lines of headers.
    fn who(peer: &str, lines: &[(&str, &str)]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_who_calls() {
        for header in [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")] {
            assert_eq!(who("192.0.2.1", &[header]), "192.0.2.1");
            assert_eq!(who(PROXY, &[header]), "203.0.113.9");
        }
        assert_eq!(who(PROXY, &[]), PROXY);
    }

    #[test]
    fn the_last_address_counts_that_is_no_proxys() {
        for (value, expected) in [
            ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9, 10.2.3.4, fd00::7", "203.0.113.9"),
            ("nonsense, \"for=, 203.0.113.9", "203.0.113.9"),
            ("10.9.9.9, 10.8.8.8", "10.9.9.9"),
            ("203.0.113.9:51234", "203.0.113.9"),
            ("2001:db8::5", "2001:db8::5"),
            ("[2001:db8::5]", "2001:db8::5"),
            ("[2001:db8::5]:443", "2001:db8::5"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(who(PROXY, &[("x-forwarded-for", value)]), expected, "{value}");
        }
        for (value, expected) in [
            ("for=198.51.100.1, For=\"[2001:db8:cafe::17]:4711\";proto=https", "2001:db8:cafe::17"),
            ("for=\"unbalanced, for=203.0.113.9;by=10.0.0.1;host=shop.example", "203.0.113.9"),
            ("for=203.0.113.9;proto=http, for=10.7.7.7", "203.0.113.9"),
        ] {
            assert_eq!(who(PROXY, &[("forwarded", value)]), expected, "{value}");
        }
        let lines = [("x-forwarded-for", "198.51.100.1, 203.0.113.9"), ("x-forwarded-for", "10.1.1.1")];
        assert_eq!(who(PROXY, &lines), "203.0.113.9", "lines of one header are one list");
    }

    #[test]
    fn what_cannot_be_read_is_the_peers() {
        for value in ["", "unknown", "203.0.113.9,", "203.0.113.9, 10.1.1.1, _hidden", "203.0.113.256", "a b"]
        {
            assert_eq!(who(PROXY, &[("x-forwarded-for", value)]), PROXY, "{value}");
        }
        for value in [
            "203.0.113.9",
            "for=_hidden",
            "for=unknown",
            "by=203.0.113.9",
            "for=\"203.0.113.9",
            "for=1.1.1.1;for=2.2.2.2",
        ] {
            assert_eq!(who(PROXY, &[("forwarded", value)]), PROXY, "{value}");
        }
    }

    #[test]
    fn a_header_that_the_proxy_does_not_write_forges_nothing() {
        let both =
            |forwarded: &str| who(PROXY, &[("forwarded", forwarded), ("x-forwarded-for", "203.0.113.9")]);
        assert_eq!(both("for=203.0.113.9"), "203.0.113.9");
        assert_eq!(both("for=198.51.100.1"), PROXY);
        assert_eq!(both("nonsense"), PROXY);
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let counted = |text: &str| Client(text.parse().unwrap()).counted().to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("203.0.113.9"), "203.0.113.9");
    }

    proptest! {
        /// Whatever stands left of what the proxy appended, the caller is who the proxy saw.
        #[test]
        fn nothing_sent_before_it_changes_who_calls(sent in "[ -~]{0,60}", quoted in any::<bool>()) {
            let appended = format!("{sent}, 203.0.113.9");
            prop_assert_eq!(who(PROXY, &[("x-forwarded-for", &appended)]), "203.0.113.9");
            let appended = format!("{sent}, for={}", if quoted { "\"203.0.113.9:80\"" } else { "203.0.113.9" });
            prop_assert_eq!(who(PROXY, &[("forwarded", &appended)]), "203.0.113.9");
        }
    }
}
