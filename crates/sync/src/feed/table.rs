//! Tables with a header: CSV, TSV, and whatever separates columns.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use crate::{
    feed::bounds::Mark,
    record::{Place, Record},
};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Between columns.
    pub(crate) delimiter: u8,
    /// Around a text that holds one.
    pub(crate) quote: u8,
    /// Whether `Image Link` and `g:image_link` are `image_link`.
    pub(crate) google: bool,
}

/// Hands on each row as a record; with a reason against it where it has more cells than the header names.
///
/// # Errors
/// Where it has no header, lacks a column of `needed`, cannot be read, or looks cut off: its last row alone is short. In words, with the
/// place.
pub(crate) fn read(
    input: impl Read,
    shape: Shape,
    needed: &[&str],
    mark: &Mark,
    mut take: impl FnMut(Record, Option<String>),
) -> Result<(), String> {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(shape.delimiter).quote(shape.quote).flexible(true).has_headers(false);
    let mut reader = builder.from_reader(input);
    let mut row = StringRecord::new();
    let mut header: Option<Vec<String>> = None;
    let (mut short, mut last): (usize, Option<String>) = (0, None);
    loop {
        let more = reader.read_record(&mut row).map_err(|e| e.to_string())?;
        mark.reset();
        if !more {
            break;
        }
        let place = Place::Line(row.position().map_or(0, csv::Position::line));
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(names) = &header else {
            let names: Vec<String> = row.iter().map(|name| column(name, shape.google)).collect();
            if let Some(missing) = needed.iter().find(|name| !names.iter().any(|n| n == *name)) {
                let there: Vec<&str> = names.iter().map(String::as_str).take(60).collect();
                return Err(format!("it has no column '{missing}'; its columns are {}", there.join(", ")));
            }
            header = Some(names);
            continue;
        };
        last = (row.len() < names.len()).then(|| {
            short += 1;
            format!(
                "its last row ({place}) has {} of {} columns: the file looks cut off",
                row.len(),
                names.len()
            )
        });
        let beyond = row.iter().skip(names.len()).any(|cell| !cell.trim().is_empty());
        let against = beyond.then(|| format!("it has {} columns, and the header {}", row.len(), names.len()));
        let cells = row.iter().map(str::to_owned);
        take(Record::new(place, names.iter().cloned().zip(cells).collect()), against);
    }
    match last.filter(|_| short == 1) {
        Some(cut) => Err(cut),
        None => header.map(|_| ()).ok_or_else(|| "it has no header".into()),
    }
}

/// A column's name as it is asked for.
pub(crate) fn column(name: &str, google: bool) -> String {
    let name = name.trim();
    if !google {
        return name.to_owned();
    }
    let name = name.to_ascii_lowercase().replace([' ', '-'], "_");
    // `shipping(price)` and the like are of other things.
    name.strip_prefix("g:").map_or(name.clone(), str::to_owned)
}

/// What separates the columns of a header: whatever of these is there most often.
pub(crate) fn delimiter(header: &str) -> u8 {
    let count = |sign: u8| header.bytes().filter(|&b| b == sign).count();
    // The last of equals is taken: a header without any separator is a table of one column.
    [b'|', b';', b',', b'\t'].into_iter().max_by_key(|&sign| count(sign)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, shape: Shape, needed: &[&str]) -> Result<Vec<(Record, Option<String>)>, String> {
        let mut all = Vec::new();
        read(text.as_bytes(), shape, needed, &Mark::default(), |row, against| all.push((row, against)))
            .map(|()| all)
    }

    #[test]
    fn rows_by_their_headers() {
        let shape = Shape { delimiter: b'\t', quote: b'"', google: true };
        let text = "\nID\tg:Title\timage link\n1\t\"a\tb\"\thttps://a\n\n2\tc 5\" d\n3\tx\ty\tz\n4\tx\ty\t\n";
        let all = rows(text, shape, &["id"]).unwrap();
        let first = &all[0].0;
        assert_eq!((first.first("title"), first.first("image_link")), (Some("a\tb"), Some("https://a")));
        assert_eq!(first.place, Place::Line(3));
        let short = &all[1].0;
        assert_eq!((short.first("title"), short.first("image_link")), (Some("c 5\" d"), None));
        assert!(all[2].0.place == Place::Line(6) && all[2].1.is_some() && all[3].1.is_none());
        assert!(
            rows(text, shape, &["price"]).is_err_and(|e| e.contains("'price'") && e.contains("image_link"))
        );
        assert!(rows("", shape, &[]).is_err());
    }

    #[test]
    fn separators_are_told_from_the_header() {
        for (header, sign) in
            [("a;b;c,d", b';'), ("a,b", b','), ("a\tb,c\td", b'\t'), ("a|b", b'|'), ("a", b'\t')]
        {
            assert_eq!(delimiter(header), sign, "{header}");
        }
    }

    #[test]
    fn a_last_row_that_alone_is_short_was_cut_off() {
        let shape = Shape { delimiter: b',', quote: b'"', google: false };
        let cut = rows("id,a,b\n1,2,3\n2,3", shape, &["id"]);
        assert!(cut.is_err_and(|why| why.contains("cut off")));
        let trimmed = rows("id,a,b\n1,2\n2,3\n", shape, &["id"]);
        assert_eq!(
            trimmed.map(|rows| rows.len()),
            Ok(2),
            "a program that leaves out what is empty at the end"
        );
    }
}
