//! Addresses of the web, as an item names them: for a browser to be sent to.

/// Which addresses are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// `https://` alone.
    Https,
    /// `http://` too.
    Http,
}

impl Schemes {
    /// Whether the text is an address that a browser can be sent to: one of these schemes, a host, perhaps a port, and only
    /// characters that an address may hold. A user is refused.
    pub fn admit(self, text: &str) -> bool {
        let rest = match (self, text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (_, Some(rest), _) | (Self::Http, None, Some(rest)) => rest,
            _ => return false,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let named = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
        let host_is_one =
            host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && host.bytes().all(named);
        let mut parts = path.split('%');
        let plain = |part: &str| {
            part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&b))
        };
        let escaped =
            |part: &str| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        host_is_one
            && port.parse::<u16>().is_ok()
            && parts.next().is_none_or(plain)
            && parts.all(|part| escaped(part) && plain(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_browser_can_be_sent_to() {
        for address in [
            "https://a",
            "https://cdn.shop.example/a.jpg",
            "https://a.b:8443/x%20y?size=2&c=(1)",
            "https://1.2.3.4/?",
            "https://a/b#red",
        ] {
            assert!(Schemes::Https.admit(address) && Schemes::Http.admit(address), "{address}");
        }
        assert!(Schemes::Http.admit("http://a/b") && !Schemes::Https.admit("http://a/b"));
        for other in [
            "",
            "https://",
            "https:///a",
            "http://",
            "HTTPS://a",
            "https://ñ",
            "https://a b",
            "https://a/%",
            "https://a/%2",
            "https://a/%zz",
            "https://a:x/",
            "https://a:99999/",
            "https://user@a/",
            "https://a/\r\nSet-Cookie: x",
            "https://-a/",
            "javascript:alert(1)",
        ] {
            assert!(!Schemes::Http.admit(other) && !Schemes::Https.admit(other), "{other}");
        }
    }
}
