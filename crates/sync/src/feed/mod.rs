//! A feed of any format → [`Feed`]: what its entries come to.

pub(crate) mod bounds;
pub(crate) mod encoding;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod source;
pub(crate) mod table;
pub(crate) mod xml;

use std::{
    cell::RefCell,
    io::{BufReader, Cursor, Read},
};

use encoding_rs::Encoding;
use jiff::Timestamp;

use crate::{
    draft::Parts,
    entries::{Collector, Feed},
    feed::{
        bounds::{Mark, Marked},
        encoding::{head_of, utf8},
        format::{Format, Reader, reader},
        table::Shape,
    },
    google,
    map::MapFile,
    money::Currency,
    record::Record,
};

/// How much of it is looked at to tell its format.
const HEAD: usize = 64 << 10;

/// How a feed is read.
pub(crate) struct Reading<'a> {
    pub(crate) format: Option<Format>,
    pub(crate) map: &'a MapFile,
    pub(crate) encoding: Option<&'static Encoding>,
    pub(crate) currency: Option<Currency>,
    pub(crate) now: Timestamp,
    /// The most entries that are held.
    pub(crate) most: u64,
}

/// Reads all of it. `told` hears how many entries there were so far.
///
/// # Errors
/// Where it cannot be read to its end, in words.
pub(crate) fn read<'a>(raw: impl Read + 'a, how: &Reading<'_>, told: &dyn Fn(u64)) -> Result<Feed, String> {
    let mut text = utf8(raw, how.encoding).map_err(|e| e.to_string())?;
    let head = head_of(&mut text, HEAD).map_err(|e| e.to_string())?;
    let chosen = reader(&String::from_utf8_lossy(&head), how.format, how.map.names_ids())?;
    let mark = Mark::default();
    let input = Marked::new(Cursor::new(head).chain(text), mark.clone());
    let categories = how.map.categories();
    let collector = RefCell::new(Collector::new(how.currency));
    let enter = |record: Record, mut parts: Parts, against: Option<String>| {
        how.map.apply(&record, &mut parts);
        let id = parts.id.clone();
        let draft = against.map_or_else(|| parts.draft(&categories), Err);
        collector.borrow_mut().take(record.place, Some(&id), draft);
        told(collector.borrow().count());
    };
    let google = |record: Record, against| {
        let parts = google::parts(&record, how.map.decimal(), how.now);
        enter(record, parts, against);
    };
    let full = || collector.borrow().count() > how.most;
    let read = match chosen {
        Reader::Xml => xml::read(BufReader::new(input), &mark, |record| {
            if !full() {
                google(record, None)
            }
        }),
        Reader::GoogleTable(delimiter) => {
            let mut needed = vec!["id", "image_link"];
            needed.extend(how.map.columns());
            let shape = shape(how.map, delimiter, true);
            table::read(input, shape, &needed, &mark, |row, against| {
                if !full() {
                    google(row, against)
                }
            })
        }
        Reader::Csv(delimiter) => {
            let shape = shape(how.map, delimiter, false);
            table::read(input, shape, &how.map.columns(), &mark, |row, against| {
                if !full() {
                    enter(row, Parts::default(), against);
                }
            })
        }
        Reader::Lines => lines::read(BufReader::new(input), &mark, |place, line| {
            if full() {
                return;
            }
            let (id, parts) = line.map_or_else(|why| (None, Err(why)), json::parts);
            let draft = parts.and_then(|parts| parts.draft(&categories));
            collector.borrow_mut().take(place, id.as_deref(), draft);
            told(collector.borrow().count());
        }),
    };
    read?;
    if full() {
        return Err(format!("it has more than {} entries (--max-entries)", how.most));
    }
    Ok(collector.into_inner().finish())
}

fn shape(map: &MapFile, delimiter: u8, google: bool) -> Shape {
    let byte = |sign: Option<char>| sign.and_then(|sign| u8::try_from(sign).ok());
    Shape {
        delimiter: byte(map.table.delimiter).unwrap_or(delimiter),
        quote: byte(map.table.quote).unwrap_or(b'"'),
        google,
    }
}
