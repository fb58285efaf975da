//! The name of an item.

use std::{
    borrow::Borrow,
    fmt::{self, Write},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many bytes of a path's digest keep ids apart.
const DIGEST: usize = 8;

/// What an address need not escape (RFC 3986, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of an item, as the shop has it: 1 to 128 characters of any script, none of them a control character; not `.` and not
/// `..`, which an address cannot name. Ids are compared and ordered byte by byte: what looks alike may be two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

/// Why a text is not an [`ItemId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not an item id: 1 to 128 characters are, without control characters, and not '.' or '..'")]
pub struct BadItemId(String);

impl ItemId {
    /// The most characters.
    pub const LONGEST: usize = 128;

    /// Takes the text as it is, if it is an id.
    ///
    /// # Errors
    /// Where the text is empty, too long, `.` or `..`, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, BadItemId> {
        // Counting stops where it is too long already.
        let length = text.chars().take(Self::LONGEST + 1).count();
        let names = !matches!(text, "." | "..") && !text.chars().any(char::is_control);
        if (1..=Self::LONGEST).contains(&length) && names {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadItemId(text.chars().filter(|c| !c.is_control()).take(140).collect()))
        }
    }

    /// The default id of a photo: its path less a leading `img/` and the extension, `/` written as `~`, and whatever is not
    /// one of `A-Z a-z 0-9 . _ ~ -` as `_`.
    ///
    /// Where a path holds a character that is not ASCII, such an id says too little: names in another script are all `_`. Then
    /// follow `-` and sixteen hexadecimal digits, the first eight bytes of the sha256 of the path less `img/`, with its extension;
    /// what stands before them is cut so that the id is not too long. So the id depends on the path alone.
    ///
    /// Two paths in ASCII may still come to one id; whoever gathers items must refuse that.
    ///
    /// # Errors
    /// Where nothing is left of the path, or too much of one in ASCII.
    pub fn from_path(path: &str) -> Result<Self, BadItemId> {
        let path = path.strip_prefix("img/").unwrap_or(path);
        let stem = match path.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') && !stem.is_empty() => stem,
            _ => path,
        };
        let tame = |c: char| match c {
            '/' => '~',
            c if c.is_ascii_alphanumeric() || "._~-".contains(c) => c,
            _ => '_',
        };
        let plain = stem.chars().map(tame);
        if path.is_ascii() {
            return Self::parse(&plain.collect::<String>());
        }
        let digest = Sha256::digest(path.as_bytes());
        let mut id: String = plain.take(Self::LONGEST - 1 - 2 * DIGEST).collect();
        id.push('-');
        for byte in &digest[..DIGEST] {
            let _ = write!(id, "{byte:02x}"); // writing to a string cannot fail
        }
        Self::parse(&id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as one segment of an address: its UTF-8, percent-encoded but for letters, digits and `-._~`.
    pub fn in_address(&self) -> impl fmt::Display + '_ {
        utf8_percent_encode(&self.0, ESCAPED)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ItemId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ItemId {
    type Error = BadItemId;

    fn try_from(text: String) -> Result<Self, BadItemId> {
        Self::parse(&text)
    }
}

impl From<ItemId> for String {
    fn from(id: ItemId) -> String {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_becomes_an_id() {
        let id = |path| ItemId::from_path(path).map(String::from);
        assert_eq!(id("img/dress/009b3c31.jpg").as_deref(), Ok("dress~009b3c31"));
        assert_eq!(id("img/Sheer_Pleated Blouse/img_1.jpg").as_deref(), Ok("Sheer_Pleated_Blouse~img_1"));
        assert_eq!(id("img/a.b/photo").as_deref(), Ok("a.b~photo"));
        assert_eq!(id("img/.jpg").as_deref(), Ok(".jpg"));
        assert!(id("img/").is_err());
        assert!(id(&"x".repeat(129)).is_err());
    }

    /// The digits are those of `printf %s 'юбка/красная.jpg' | sha256sum`.
    #[test]
    fn paths_of_another_script_keep_their_ids_apart() {
        let id = |path: &str| ItemId::from_path(path).map(String::from).unwrap();
        assert_eq!(id("img/юбка/красная.jpg"), "____~_______-9740943fc0ec0614");
        assert_eq!(id("img/юбка/зеленая.jpg"), "____~_______-239d2b6505893e11");
        assert_eq!(id("img/dress/été 1.jpg"), "dress~_t__1-7229cac2aa3ad6c7");
        // The same name as macOS writes it, and the same photo in another format.
        assert_eq!(id("img/dress/e\u{301}te\u{301} 1.jpg"), "dress~e_te__1-a565dacbb6b2a6d7");
        assert_ne!(id("img/юбка/красная.jpg"), id("img/юбка/красная.png"));
        let long = format!("img/{}.jpg", "я".repeat(300));
        assert_eq!(id(&long).len(), ItemId::LONGEST);
        assert_ne!(id(&long), id(&long.replace(".jpg", ".png")));
    }

    #[test]
    fn a_shops_own_names_are_ids_and_an_address_can_hold_them() {
        for (name, address) in [
            ("ABC-1", "ABC-1"),
            ("10/20 M", "10%2F20%20M"),
            ("été", "%C3%A9t%C3%A9"),
            ("連衣裙#1", "%E9%80%A3%E8%A1%A3%E8%A3%99%231"),
            ("100%", "100%25"),
            ("...", "..."),
            ("a?b&c", "a%3Fb%26c"),
        ] {
            assert_eq!(ItemId::parse(name).unwrap().in_address().to_string(), address);
        }
        for none in ["", ".", "..", "a\nb", "\u{7f}", "\u{85}", &"é".repeat(129)] {
            assert!(ItemId::parse(none).is_err(), "{none:?}");
        }
        assert!(ItemId::parse(&"é".repeat(128)).is_ok());
        assert!(ItemId::parse("é") != ItemId::parse("e\u{301}"), "compared byte by byte");
    }

    proptest! {
        #[test]
        fn whatever_the_path_the_id_parses_again(path in ".*") {
            if let Ok(id) = ItemId::from_path(&path) {
                prop_assert_eq!(ItemId::parse(id.as_str()), Ok(id));
            }
        }

        #[test]
        fn what_is_in_an_address_is_decoded_as_it_was(text in ".{1,40}") {
            if let Ok(id) = ItemId::parse(&text) {
                let address = id.in_address().to_string();
                prop_assert!(address.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
                let decoded: Vec<u8> = percent_encoding::percent_decode_str(&address).collect();
                prop_assert_eq!(decoded, id.as_str().as_bytes());
            }
        }
    }
}
