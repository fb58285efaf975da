//! Addresses as feeds write them → addresses that an item may have.

use std::path::{Component, Path, PathBuf};

use lookalike_items::Schemes;
use url::Url;

/// The most characters of an address.
pub(crate) const LONGEST: usize = 2_048;

/// Where a photo is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PhotoPlace {
    /// An http or https address.
    Address(String),
    /// A file, relative to the photos' folder.
    File(PathBuf),
}

/// Why a text names no photo.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BadPlace {
    /// No http or https address.
    #[error("'{0}' is no http or https address")]
    Address(String),
    /// A path that leads elsewhere.
    #[error("'{0}' is no path below the photos' folder: absolute paths and '..' are refused")]
    Path(String),
}

impl std::fmt::Display for PhotoPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl PhotoPlace {
    /// Reads an address or a relative path.
    pub(crate) fn parse(text: &str) -> Result<Self, BadPlace> {
        let text = text.trim();
        let shown = || text.chars().filter(|c| !c.is_control()).take(120).collect::<String>();
        if text.contains("://") || text.starts_with("//") || text.starts_with("data:") {
            return web(text).map(Self::Address).ok_or_else(|| BadPlace::Address(shown()));
        }
        let path = Path::new(text);
        let below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let named = path.file_name().is_some() && text.chars().count() <= LONGEST;
        if below && named && !text.contains('\0') {
            Ok(Self::File(path.to_owned()))
        } else {
            Err(BadPlace::Path(shown()))
        }
    }
}

/// The address with all escaped that must be, if it is one that a browser can be sent to.
pub(crate) fn web(text: &str) -> Option<String> {
    let text = text.trim().replace("&amp;", "&");
    let text = if text.starts_with("//") { format!("https:{text}") } else { text };
    let url = Url::parse(&text).ok()?;
    let escaped: String = url.as_str().chars().map(escape).collect();
    let right = Schemes::Http.admit(&escaped) && escaped.len() <= LONGEST;
    right.then_some(escaped)
}

/// What an address may hold and `Url` does not escape: `|` and its like.
fn escape(c: char) -> String {
    if matches!(c, '|' | '[' | ']' | '{' | '}' | '^' | '\\' | '`' | '"' | '<' | '>') {
        format!("%{:02X}", u32::from(c))
    } else {
        c.to_string()
    }
}

/// The addresses of a list: cut at a comma that another address follows, for an address may hold commas itself.
pub(crate) fn split_list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begun = 0;
    for (at, _) in text.match_indices(',') {
        let rest = text.get(at + 1..).unwrap_or_default().trim_start();
        if ["http://", "https://", "//"].iter().any(|scheme| rest.starts_with(scheme)) {
            parts.push(text.get(begun..at).unwrap_or_default());
            begun = at + 1;
        }
    }
    parts.push(text.get(begun..).unwrap_or_default());
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_escaped_or_refused() {
        for (text, read) in [
            (" https://cdn.example/a b.jpg ", Some("https://cdn.example/a%20b.jpg")),
            ("https://cdn.example/ä.jpg?x=1&amp;y=2", Some("https://cdn.example/%C3%A4.jpg?x=1&y=2")),
            ("//cdn.example/a.jpg", Some("https://cdn.example/a.jpg")),
            ("HTTP://CDN.example/a|b.jpg", Some("http://cdn.example/a%7Cb.jpg")),
            ("ftp://cdn.example/a.jpg", None),
            ("https://user:pass@cdn.example/a.jpg", None),
            ("https://", None),
            ("javascript:alert(1)", None),
            ("https://a/%zz", None),
        ] {
            assert_eq!(web(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn photos_are_addresses_or_files_below() {
        let file = |text: &str| PhotoPlace::parse(text);
        assert_eq!(file("photos/a b.jpg"), Ok(PhotoPlace::File("photos/a b.jpg".into())));
        for text in
            ["../a.jpg", "/etc/passwd", "", "a/../../b", "file:///etc/passwd", "data:image/png;base64,x"]
        {
            assert!(file(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_cut_where_an_address_begins() {
        let list = "https://a/w_3,h_4/1.jpg, https://a/2.jpg,//a/3.jpg,";
        assert_eq!(split_list(list), ["https://a/w_3,h_4/1.jpg", "https://a/2.jpg", "//a/3.jpg,"]);
        assert!(split_list(" ").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_read_is_admitted_and_stays(text in "https?://[a-z.]{1,9}/[ -~ä|&;]{0,20}") {
            if let Some(address) = web(&text) {
                prop_assert!(Schemes::Http.admit(&address));
                if !address.contains("&amp;") {
                    prop_assert_eq!(web(&address), Some(address.clone()));
                }
            }
        }
    }
}
