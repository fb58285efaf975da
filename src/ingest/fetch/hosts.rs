//! Where photos may be fetched from: the hosts that a shop names, by https, and what is read of an address before anything is
//! asked for.

use std::str::FromStr;

use url::{Host, Url};

use super::{
    FetchError,
    addresses::{Reach, reach},
};

/// The longest address, in bytes.
const LONGEST: usize = 2048;

/// A host that photos may be fetched from: `cdn.shop.example`, `*.shop.example`, `images.internal:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageHost {
    name: Name,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// This one.
    Is(Host),
    /// Every name of one or more labels before this one.
    Below(String),
}

impl FromStr for ImageHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "'{text}' is no host of photos: cdn.shop.example, *.shop.example and images.local:8443 are"
            )
        };
        let (wild, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.is_empty() || rest.contains(|c: char| c.is_whitespace() || "/\\?#@*%".contains(c)) {
            return Err(refuse());
        }
        // As addresses are read, so that both are spelled alike.
        let url = Url::parse(&format!("https://{rest}/")).map_err(|_| refuse())?;
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or_else(refuse)?;
        let name = match (wild, url.host()) {
            (true, Some(Host::Domain(name))) => Name::Below(name.to_owned()),
            (false, Some(host)) => Name::Is(host.to_owned()),
            _ => return Err(refuse()),
        };
        Ok(Self { name, port })
    }
}

impl ImageHost {
    fn is(&self, host: &Host<&str>, port: u16) -> bool {
        let named = match (&self.name, host) {
            (Name::Is(name), host) => *name == host.to_owned(),
            (Name::Below(above), Host::Domain(name)) => name
                .strip_suffix(above.as_str())
                .and_then(|below| below.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
            _ => false,
        };
        named && self.port == port
    }
}

/// What an address must be.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) hosts: Vec<ImageHost>,
    /// Addresses of a network of one's own are taken too.
    pub(super) private: bool,
}

impl Rules {
    /// An address as it was sent.
    pub(super) fn read(&self, text: &str) -> Result<Url, FetchError> {
        if text.len() > LONGEST {
            return Err(FetchError::Refused("is longer than 2,048 bytes"));
        }
        let url = Url::parse(text);
        self.check(url.map_err(|_| FetchError::Refused("is none: send https://…, whole"))?)
    }

    /// An address that was read, or that a redirect leads to.
    pub(super) fn check(&self, mut url: Url) -> Result<Url, FetchError> {
        let refuse = |why| Err(FetchError::Refused(why));
        if url.scheme() != "https" {
            return refuse("must begin with https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold a user's name or password");
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refuse("names no host");
        };
        if !self.hosts.iter().any(|known| known.is(&host, port)) {
            return refuse("is of a host that --image-hosts does not name, or of another port of it");
        }
        // A name's addresses are looked at when it is resolved.
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
        };
        if literal.is_some_and(|address| !self.reaches(address)) {
            return Err(FetchError::Private);
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Whether a connection to there may be opened.
    pub(super) fn reaches(&self, address: std::net::IpAddr) -> bool {
        match reach(address) {
            Reach::Everywhere => true,
            Reach::Inside => self.private,
            Reach::Nowhere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(hosts: &str, private: bool) -> Rules {
        Rules { hosts: hosts.split(',').map(|host| host.parse().unwrap()).collect(), private }
    }

    #[test]
    fn hosts_are_read_as_addresses_are() {
        for good in
            ["cdn.shop.example", "*.shop.example", "images.local:8443", "10.0.0.5:8443", "[::1]:1", "Ä.de"]
        {
            assert!(good.parse::<ImageHost>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "a.*",
            "https://a",
            "a/b",
            "a?b",
            "a#b",
            "u@a",
            "a b",
            "a:0",
            "a:99999",
            "a:b",
            "*.10.0.0.5",
            "a%2eb",
            "a\\b",
        ] {
            assert!(bad.parse::<ImageHost>().is_err(), "{bad}");
        }
        assert_eq!("CDN.Shop.example:443".parse::<ImageHost>(), "cdn.shop.example".parse());
        assert_eq!("ä.de".parse::<ImageHost>(), "xn--4ca.de".parse());
    }

    #[test]
    fn only_what_is_named_is_asked() {
        let rules = rules("cdn.shop.example,*.photos.example,images.local:8443,93.184.216.34", false);
        for good in [
            "https://cdn.shop.example/a.jpg?x=1",
            "https://CDN.shop.example:443/",
            "https://cdn.shop.example/a.jpg#part",
            "https://a.photos.example/",
            "https://a.b.photos.example/",
            "https://images.local:8443/a",
            "https://93.184.216.34/a",
        ] {
            let url = rules.read(good).unwrap();
            assert!(url.fragment().is_none(), "{good}");
        }
        for bad in [
            "",
            "a.jpg",
            "//cdn.shop.example/a",
            "http://cdn.shop.example/a.jpg",
            "ftp://cdn.shop.example/a.jpg",
            "file:///etc/passwd",
            "data:image/png;base64,AA==",
            "https://cdn.shop.example:8443/",
            "https://cdn.shop.example:80/",
            "https://cdn.shop.example./",
            "https://evil-cdn.shop.example/",
            "https://cdn.shop.example.evil.example/",
            "https://user@cdn.shop.example/",
            "https://user:word@cdn.shop.example/",
            "https://cdn.shop.example@evil.example/",
            "https://evil.example\\@cdn.shop.example/",
            "https://photos.example/",
            "https://.photos.example/",
            "https://evilphotos.example/",
            "https://images.local/",
            "https://93.184.216.35/",
        ] {
            assert!(matches!(rules.read(bad), Err(FetchError::Refused(_))), "{bad}");
        }
        let long = format!("https://cdn.shop.example/{}", "a".repeat(LONGEST));
        assert!(matches!(rules.read(&long), Err(FetchError::Refused(_))));
    }

    #[test]
    fn an_address_of_ones_own_network_takes_a_setting_and_others_none_does() {
        let hosts = "127.0.0.1,10.0.0.5,[::1],169.254.169.254,[::ffff:127.0.0.1],[64:ff9b::7f00:1]";
        for (private, passing) in [(false, 0), (true, 3)] {
            let rules = rules(hosts, private);
            let asked = ["127.0.0.1", "0x7f.1", "2130706433", "10.0.0.5", "[::1]"];
            let passed = asked.iter().filter(|host| rules.read(&format!("https://{host}/")).is_ok());
            assert_eq!(passed.count(), if private { 5 } else { 0 });
            let listed = hosts.split(',').filter(|host| rules.read(&format!("https://{host}/")).is_ok());
            assert_eq!(listed.count(), passing);
            let never = rules.read("https://169.254.169.254/latest/meta-data");
            assert!(matches!(never, Err(FetchError::Private)));
        }
    }
}
