//! Where an IP address leads: to the whole internet, into a network of one's own, or to nothing that serves photos. By IANA's
//! registries of special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who is reached at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A host that everybody reaches.
    Everywhere,
    /// This machine, or one of the network it is in.
    Inside,
    /// Nobody who keeps photos: link-local (a cloud's metadata are there), multicast, documentation, addresses within
    /// addresses, what is reserved.
    Nowhere,
}

const INSIDE_V4: [(Ipv4Addr, u32); 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

const NOWHERE_V4: [(Ipv4Addr, u32); 9] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// All that is given out as global unicast. What lies outside of it is special: IPv4-mapped, NAT64, link-local, multicast.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const INSIDE_V6: [(Ipv6Addr, u32); 2] =
    [(Ipv6Addr::LOCALHOST, 128), (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)];

/// Within global unicast: protocols (Teredo and ORCHID among them), documentation twice, 6to4.
const NOWHERE_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Who is reached there.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => {
            let within = |(net, bits): &(Ipv4Addr, u32)| (v4.to_bits() ^ net.to_bits()) >> (32 - bits) == 0;
            match () {
                () if INSIDE_V4.iter().any(within) => Reach::Inside,
                () if NOWHERE_V4.iter().any(within) => Reach::Nowhere,
                () => Reach::Everywhere,
            }
        }
        IpAddr::V6(v6) => {
            let within = |(net, bits): &(Ipv6Addr, u32)| (v6.to_bits() ^ net.to_bits()) >> (128 - bits) == 0;
            match () {
                () if INSIDE_V6.iter().any(within) => Reach::Inside,
                () if within(&GLOBAL_V6) && !NOWHERE_V6.iter().any(within) => Reach::Everywhere,
                () => Reach::Nowhere,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::{Host, Url};

    use super::*;

    fn of(text: &str) -> Reach {
        reach(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_known_by_where_they_lead() {
        for everywhere in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "3ffe::1",
        ] {
            assert_eq!(of(everywhere), Reach::Everywhere, "{everywhere}");
        }
        for inside in [
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.1",
            "::1",
            "fc00::1",
            "fdff:ffff::1",
        ] {
            assert_eq!(of(inside), Reach::Inside, "{inside}");
        }
        for nowhere in [
            "0.0.0.0",
            "0.255.255.255",
            "169.254.169.254",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:93.184.216.34",
            "::93.184.216.34",
            "64:ff9b::5db8:d822",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert_eq!(of(nowhere), Reach::Nowhere, "{nowhere}");
        }
    }

    fn not_public() -> impl Strategy<Value = Ipv4Addr> {
        let nets: Vec<_> = INSIDE_V4.into_iter().chain(NOWHERE_V4).collect();
        let any = (proptest::sample::select(nets), any::<u32>());
        any.prop_map(|((net, bits), host)| Ipv4Addr::from_bits(net.to_bits() | (host & (u32::MAX >> bits))))
    }

    proptest! {
        /// However it is written, and in whatever it is wrapped: what an address's host is read as leads nowhere public.
        #[test]
        fn no_spelling_of_an_address_that_is_not_public_passes(v4 in not_public()) {
            let [a, b, c, d] = v4.octets();
            let (n, low) = (v4.to_bits(), u16::from_be_bytes([c, d]));
            let spellings = [
                format!("{v4}"),
                format!("{n}"),
                format!("{n:#x}"),
                format!("0{n:o}"),
                format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
                format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
                format!("{a}.{b}.{low}"),
                format!("{v4}."),
                format!("%{:02x}{}", format!("{v4}").as_bytes()[0], &format!("{v4}")[1..]),
                format!("[::ffff:{v4}]"),
                format!("[::{v4}]"),
                format!("[::ffff:0:{v4}]"),
                format!("[64:ff9b::{v4}]"),
                format!("[64:ff9b:1::{v4}]"),
                format!("[2002:{:x}:{low:x}::1]", u16::from_be_bytes([a, b])),
                format!("[2001:0:{:x}:{low:x}::1]", u16::from_be_bytes([a, b])),
            ];
            for spelling in spellings {
                let url = Url::parse(&format!("https://{spelling}/"));
                let address = match url.as_ref().map(Url::host) {
                    Ok(Some(Host::Ipv4(v4))) => IpAddr::V4(v4),
                    Ok(Some(Host::Ipv6(v6))) => IpAddr::V6(v6),
                    other => panic!("{spelling} is no IP address: {other:?}"),
                };
                prop_assert_ne!(reach(address), Reach::Everywhere, "{}", spelling);
            }
        }

        #[test]
        fn nothing_outside_of_global_unicast_is_public(bits in any::<u128>()) {
            let v6 = Ipv6Addr::from_bits(bits);
            prop_assert!(reach(v6.into()) != Reach::Everywhere || v6.segments()[0] >> 13 == 1);
        }
    }
}
