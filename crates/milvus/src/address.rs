//! Where a collection is, and who asks for it.

use std::{fmt, str::FromStr};

use url::Url;

/// The longest name of a collection or an alias.
const LONGEST: usize = 200;

/// Where a collection is: `milvus://HOST:PORT/COLLECTION`, or `milvus+tls://HOST:PORT/COLLECTION` where the way there is encrypted. The port
/// is 19530 where none is named. COLLECTION is a collection or an alias. Who asks is told apart, in [`Credentials`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MilvusAddress {
    host: String,
    port: u16,
    tls: bool,
    collection: String,
}

/// Why a text is no [`MilvusAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the address of a Milvus collection: {why}")]
pub struct BadAddress {
    text: String,
    why: String,
}

impl MilvusAddress {
    /// The port where none is named.
    pub const PORT: u16 = 19_530;

    /// The collection's name, or an alias of it.
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The same server's collection of another name.
    ///
    /// # Errors
    /// Where that is no name.
    pub fn with_collection(&self, collection: &str) -> Result<Self, BadAddress> {
        let other = Self { collection: collection.to_owned(), ..self.clone() };
        named(collection).map_err(|why| BadAddress { text: other.to_string(), why })?;
        Ok(other)
    }

    /// What the client connects to.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for MilvusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "milvus+tls" } else { "milvus" };
        write!(f, "{scheme}://{}:{}/{}", self.host, self.port, self.collection)
    }
}

impl FromStr for MilvusAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        // A password that was put there against the rules is not told on.
        let told = || match text.rsplit_once('@') {
            Some((_, rest)) => format!("milvus://...@{rest}"),
            None => text.chars().take(300).collect(),
        };
        let bad = |why: &str| BadAddress { text: told(), why: why.to_owned() };
        let url = Url::parse(text).map_err(|e| bad(&format!("{e}; milvus://HOST:PORT/COLLECTION is one")))?;
        let tls = match url.scheme() {
            "milvus" => false,
            "milvus+tls" => true,
            _ => return Err(bad("it begins with milvus:// or milvus+tls://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("user and password are given apart from it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("nothing comes after the collection's name"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        let port = url.port().unwrap_or(Self::PORT);
        if port == 0 {
            return Err(bad("0 is no port"));
        }
        let collection = url.path().strip_prefix('/').unwrap_or_default();
        named(collection).map_err(|why| bad(&why))?;
        Ok(Self { host: host.to_owned(), port, tls, collection: collection.to_owned() })
    }
}

/// Whether a collection may be called so, as Milvus has it.
fn named(name: &str) -> Result<(), String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.is_empty() {
        Err("it names no collection: milvus://HOST:PORT/COLLECTION is one".into())
    } else if name.len() > LONGEST {
        Err(format!("the collection's name has {} characters, {LONGEST} at most are right", name.len()))
    } else if begins && goes_on {
        Ok(())
    } else {
        Err("a collection's name has letters, digits and '_', and does not begin with a digit".into())
    }
}

/// Who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody: a Milvus without users.
    #[default]
    None,
    /// A user of Milvus.
    Password {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
    /// A token, as hosted Milvus gives them out.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password { .. } => "Password(..)",
            Self::Token(_) => "Token(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, endpoint, written) in [
            ("milvus://localhost:19540/shop", "http://localhost:19540", None),
            ("milvus+tls://m.example:443/_a1", "https://m.example:443", None),
            ("milvus://10.0.0.1/shop", "http://10.0.0.1:19530", Some("milvus://10.0.0.1:19530/shop")),
            ("milvus://[::1]:5/shop", "http://[::1]:5", None),
        ] {
            let address: MilvusAddress = text.parse().unwrap();
            assert_eq!(
                (address.endpoint().as_str(), address.to_string().as_str()),
                (endpoint, written.unwrap_or(text))
            );
        }
        let address: MilvusAddress = "milvus://h/shop".parse().unwrap();
        assert_eq!(address.with_collection("shop_gen_1").unwrap().collection(), "shop_gen_1");
        assert!(address.with_collection("a b").is_err());
    }

    #[test]
    fn what_is_no_address_is_told_in_words() {
        for (text, why) in [
            ("http://h/c", "begins with"),
            ("milvus:///c", "host"),
            ("milvus://h", "names no collection"),
            ("milvus://h/", "names no collection"),
            ("milvus://h/1a", "does not begin with a digit"),
            ("milvus://h/a/b", "letters, digits"),
            ("milvus://h/a?tls=true", "nothing comes after"),
            ("milvus://u:p@h/a", "apart"),
            ("milvus://h:0/a", "0 is no port"),
            ("milvus://h:99999/a", "port"),
            ("shop", "milvus://HOST:PORT/COLLECTION"),
            (&format!("milvus://h/{}", "a".repeat(201)), "201 characters"),
        ] {
            let told = text.parse::<MilvusAddress>().unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
        let told = "milvus://u:secret@h/a".parse::<MilvusAddress>().unwrap_err();
        assert!(!format!("{told} {told:?}").contains("secret"));
        let who = Credentials::Password { user: "u".into(), password: "secret".into() };
        assert!(!format!("{who:?} {:?}", Credentials::Token("secret".into())).contains("secret"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(milvus://)?.{0,40}") {
            if let Ok(address) = text.parse::<MilvusAddress>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
