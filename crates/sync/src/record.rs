//! One entry of a feed, before anything is made of it.

use std::fmt;

/// Where in the feed an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a table or of JSON lines.
    Line(u64),
    /// An element of XML: the how-manieth.
    Entry(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// An entry of a table or of XML: names with their texts, a name perhaps several times.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    fields: Vec<(String, String)>,
}

impl Record {
    /// Of what stands at this place.
    pub(crate) fn new(place: Place, fields: Vec<(String, String)>) -> Self {
        Self { place, fields }
    }

    /// The first text of the name that is not empty, less spaces around it.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let named = self.fields.iter().filter(|(key, _)| key == name);
        named.map(|(_, text)| text.trim()).find(|text| !text.is_empty())
    }

    /// All texts of the name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(key, _)| key == name);
        named.map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
    }
}
