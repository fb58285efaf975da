//! Which format a feed is in.

use clap::ValueEnum;

use crate::feed::table::{column, delimiter};

/// A feed's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Google Merchant: XML (RSS 2.0 or Atom), or a table with its columns.
    Google,
    /// A table of the shop's own columns, with a map.
    Csv,
    /// JSON lines: an item a line, with its photo.
    Jsonl,
}

/// What reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Google's elements.
    Xml,
    /// Google's columns, so separated.
    GoogleTable(u8),
    /// Columns that the map names.
    Csv(u8),
    /// A line at a time.
    Lines,
}

/// What reads a feed that begins so.
///
/// # Errors
/// Where that cannot be told, or is not what was asked for, in words.
pub(crate) fn reader(head: &str, asked: Option<Format>, mapped: bool) -> Result<Reader, String> {
    let text = head.trim_start();
    let header = text.lines().next().unwrap_or_default();
    let sign = delimiter(header);
    let google = || {
        let names: Vec<String> =
            header.split(char::from(sign)).map(|name| column(name.trim_matches('"'), true)).collect();
        ["id", "image_link"].iter().all(|needed| names.iter().any(|name| name == needed))
    };
    match (asked, text.chars().next()) {
        (_, None) => Err("it is empty".into()),
        (None | Some(Format::Google), Some('<')) => Ok(Reader::Xml),
        (Some(Format::Google), Some(_)) => Ok(Reader::GoogleTable(sign)),
        (Some(Format::Csv), Some('<')) => Err("it is XML, and --format is csv".into()),
        (Some(Format::Csv), _) if mapped => Ok(Reader::Csv(sign)),
        (Some(Format::Csv), _) => Err("a table of the shop's own columns takes --map with [fields] id".into()),
        (None, Some('{')) | (Some(Format::Jsonl), Some(_)) => Ok(Reader::Lines),
        (None, Some(_)) if mapped => Ok(Reader::Csv(sign)),
        (None, Some(_)) if google() => Ok(Reader::GoogleTable(sign)),
        (None, Some(_)) => Err(
            "its format cannot be told: say --format; a table of the shop's own columns takes --map with [fields] id"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_from_their_beginnings() {
        let told = |head: &str, mapped| reader(head, None, mapped);
        assert_eq!(told(" <?xml ?>", true), Ok(Reader::Xml));
        assert_eq!(told("{\"id\"", false), Ok(Reader::Lines));
        assert_eq!(told("ID\tTitle\timage link\n", false), Ok(Reader::GoogleTable(b'\t')));
        assert_eq!(told("\"id\",\"image_link\"\n", false), Ok(Reader::GoogleTable(b',')));
        assert_eq!(told("id;image_link\n", true), Ok(Reader::Csv(b';')));
        assert!(told("sku;photo\n", false).is_err() && told("  ", false).is_err());
        assert!(reader("sku;photo", Some(Format::Csv), false).is_err());
        assert!(reader("<rss>", Some(Format::Csv), true).is_err());
    }
}
