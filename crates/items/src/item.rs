//! What a shop sells, as search sees it: one [`Item`] a photo.

use std::{borrow::Borrow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The name of an item: 1–128 characters of `[A-Za-z0-9._~-]`, so that it needs no escaping in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

/// Why a text is not an [`ItemId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not an item id: 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - are")]
pub struct BadItemId(String);

impl ItemId {
    /// Takes the text as it is, if it is an id.
    pub fn parse(text: &str) -> Result<Self, BadItemId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadItemId(text.chars().take(140).collect()))
        }
    }

    /// The default id of a photo: its path less a leading `img/` and the extension, `/` written as `~`, and
    /// whatever else an id cannot hold as `_`.
    ///
    /// Two paths may so come to one id; whoever gathers items must refuse that.
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
        Self::parse(&stem.chars().map(tame).collect::<String>())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// One photo of one product, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, unique in a catalogue.
    pub id: ItemId,
    /// What is sold: several items may show the same product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The category's name, e.g. `Hoodie`.
    pub category: String,
    /// Where its photo is: a path under the server's `--images` folder, or an https URL.
    pub image: String,
    /// What else a shop may filter by, e.g. `colour: [red, white]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
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

    proptest! {
        #[test]
        fn whatever_the_path_the_id_parses_again(path in ".*") {
            if let Ok(id) = ItemId::from_path(&path) {
                prop_assert_eq!(ItemId::parse(id.as_str()), Ok(id));
            }
        }
    }
}
