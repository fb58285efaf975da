//! Google Merchant's XML, RSS 2.0 or Atom, element by element.

use std::io::BufRead;

use quick_xml::{
    NsReader,
    events::{BytesRef, BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use crate::{
    feed::bounds::Mark,
    record::{Place, Record},
    text::decoded,
};

/// Google's own namespace, however it ends.
const GOOGLE: &str = "://base.google.com/ns/1.0";
/// What a feed's outermost element may be.
const ROOTS: [&str; 4] = ["rss", "feed", "rdf", "channel"];

/// Hands on each `item` or `entry` as a record.
///
/// # Errors
/// Where it is no XML, ends too soon, or is no feed: in words, with the place.
pub(crate) fn read(input: impl BufRead, mark: &Mark, mut take: impl FnMut(Record)) -> Result<(), String> {
    let mut reader = NsReader::from_reader(input);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let (mut buffer, mut tree) = (Vec::new(), Tree::default());
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let place = |why: String, entries: u64| format!("{why}, at byte {at}, after {entries} entries");
        let (namespace, event) =
            reader.read_resolved_event_into(&mut buffer).map_err(|e| place(e.to_string(), tree.entries))?;
        match event {
            Event::Start(start) => {
                let kind = kind(&namespace, &start);
                tree.start(&start, kind).map_err(|why| place(why, tree.entries))?;
            }
            Event::End(_) => {
                if let Some(record) = tree.end() {
                    take(record);
                }
                if tree.text_is_done() {
                    mark.reset();
                }
            }
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::CData(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(reference) => tree.text(&resolved(&reference)),
            Event::Eof if tree.depth > 0 => {
                return Err(place("it ends before its elements do: it may be cut off".into(), tree.entries));
            }
            Event::Eof if tree.rooted => return Ok(()),
            Event::Eof => return Err("it has no elements".into()),
            _ => {}
        }
    }
}

/// Whose vocabulary an element is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Google's.
    Google,
    /// RSS's or Atom's: its `id` is another one than Google's.
    Plain,
    /// Another one, which a feed may hold beside these.
    Other,
}

fn kind(namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Kind {
    let prefix = start.name().prefix().map(|prefix| prefix.as_ref().to_owned());
    match (prefix.as_deref(), namespace) {
        (_, ResolveResult::Bound(Namespace(name))) if name.contains(GOOGLE) => Kind::Google,
        (Some("g"), _) => Kind::Google,
        (None, _) => Kind::Plain,
        _ => Kind::Other,
    }
}

/// What a reference stands for: a character, or what HTML calls so. No other entity is expanded.
fn resolved(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(c)) => c.to_string(),
        Ok(None) => decoded(&format!("&{};", &**reference)),
        Err(_) => String::new(),
    }
}

/// Where in the document the reader is.
#[derive(Default)]
struct Tree {
    depth: usize,
    rooted: bool,
    entries: u64,
    entry: Option<Entry>,
}

struct Entry {
    /// That of the element itself.
    depth: usize,
    /// Google's, which count before the others.
    google: Vec<(String, String)>,
    plain: Vec<(String, String)>,
    /// The field that is open, where it is of one of these.
    field: Option<(String, String)>,
    kind: Kind,
}

impl Tree {
    fn start(&mut self, start: &BytesStart<'_>, kind: Kind) -> Result<(), String> {
        self.depth += 1;
        let local = start.local_name();
        let name: &str = local.as_ref();
        if self.depth == 1 {
            if !ROOTS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!("it begins with <{name}>, and a feed with <rss> or <feed>"));
            }
            self.rooted = true;
        }
        match &mut self.entry {
            None if matches!(name, "item" | "entry") && self.depth > 1 => {
                self.entries += 1;
                let (google, plain, field) = (Vec::new(), Vec::new(), None);
                self.entry = Some(Entry { depth: self.depth, google, plain, field, kind });
            }
            Some(entry) if entry.depth + 1 == self.depth => {
                entry.kind = kind;
                entry.field = (kind != Kind::Other).then(|| (name.to_ascii_lowercase(), String::new()));
                if kind == Kind::Plain && name == "link" {
                    entry.plain.extend(page(start).map(|page| ("link".to_owned(), page)));
                }
            }
            // Markup within a text: what it joins is not one word.
            Some(Entry { field: Some((_, text)), .. }) => text.push(' '),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(Entry { field: Some((_, so_far)), .. }) = &mut self.entry {
            so_far.push_str(text);
        }
    }

    /// The record of an entry that ends here.
    fn end(&mut self) -> Option<Record> {
        let depth = self.depth;
        self.depth = depth.saturating_sub(1);
        match &mut self.entry {
            Some(entry) if entry.depth == depth => {
                let Entry { mut google, mut plain, .. } = self.entry.take()?;
                google.append(&mut plain);
                Some(Record::new(Place::Entry(self.entries), google))
            }
            Some(entry) if entry.depth + 1 == depth => {
                let fields = if entry.kind == Kind::Google { &mut entry.google } else { &mut entry.plain };
                fields.extend(entry.field.take());
                None
            }
            Some(Entry { field: Some((_, text)), .. }) => {
                text.push(' ');
                None
            }
            _ => None,
        }
    }

    /// Whether nothing of an entry is open.
    fn text_is_done(&self) -> bool {
        self.entry.is_none()
    }
}

/// Atom's `<link href="…"/>` to the page, and none of its others.
fn page(start: &BytesStart<'_>) -> Option<String> {
    let attribute = |name: &str| {
        let mut all = start.attributes().flatten();
        all.find(|a| a.key.as_ref() == name).map(|a| decoded(&a.value))
    };
    let alternate = attribute("rel").is_none_or(|rel| rel == "alternate");
    attribute("href").filter(|_| alternate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(xml: &str) -> Result<Vec<Record>, String> {
        let mut all = Vec::new();
        read(xml.as_bytes(), &Mark::default(), |record| all.push(record)).map(|()| all)
    }

    #[test]
    fn entries_with_all_that_feeds_do() {
        let xml = r#"<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY bomb "boom">]>
            <rss xmlns:g="http://base.google.com/ns/1.0" xmlns:c="http://other.example/"><channel>
            <title>Shop</title><link>https://shop.example</link>
            <item><g:id> 1 </g:id><title><![CDATA[A & <b>B</b>]]></title><c:title>no</c:title>
              <g:price>1 EUR</g:price><g:shipping><g:price>9 EUR</g:price></g:shipping>
              <description>x<p>y</p>z &eacute;&#233;&bomb; R&D</description><g:empty/></item>
            <item/></channel></rss>"#;
        let all = records(xml).unwrap();
        assert_eq!(all.len(), 2);
        let first = &all[0];
        assert_eq!((first.first("id"), first.first("title")), (Some("1"), Some("A & <b>B</b>")));
        assert_eq!(first.all("title").count(), 1);
        assert_eq!(first.all("price").collect::<Vec<_>>(), ["1 EUR"]);
        assert_eq!(first.first("description"), Some("x y z éé&bomb; R&D"));
        assert!(all[1].first("id").is_none() && all[1].place == Place::Entry(2));
    }

    #[test]
    fn atom_and_other_prefixes() {
        let xml = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="http://base.google.com/ns/1.0/">
            <entry><id>tag:shop.example,2026:1</id><x:id>1</x:id><link rel="self" href="https://no"/><link href="https://shop.example/1?a=1&amp;b=2"/></entry></feed>"#;
        let all = records(xml).unwrap();
        assert_eq!(all[0].first("id"), Some("1"));
        assert_eq!(all[0].all("link").collect::<Vec<_>>(), ["https://shop.example/1?a=1&b=2"]);
    }

    #[test]
    fn what_is_no_feed_is_refused() {
        for xml in ["", "text", "<html><body/></html>", "<rss><item>", "<rss><item></rss>", "<rss></rss"] {
            assert!(records(xml).is_err(), "{xml}");
        }
        assert_eq!(records("<rss><channel/></rss>").map(|all| all.len()), Ok(0));
    }
}
