//! A file or an address → bytes, unpacked where they are gzip.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use flate2::read::MultiGzDecoder;

use crate::{
    SyncError,
    feed::{bounds::Bounded, encoding::head_of},
    http::{Failure, Tries, get},
};

/// Where a feed is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file here.
    File(PathBuf),
    /// An http or https address.
    Address(String),
}

/// A feed's bytes, and whether its host went away within them.
pub(crate) struct Opened {
    pub(crate) bytes: Box<dyn Read>,
    pub(crate) broke: Rc<Cell<bool>>,
}

/// Remembers that a read failed.
struct Watched<R> {
    inner: R,
    broke: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if read.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted) {
            self.broke.set(true);
        }
        read
    }
}

impl Source {
    /// An address where it is written as one, else a path.
    pub(crate) fn of(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            Self::Address(text.to_owned())
        } else {
            Self::File(PathBuf::from(text))
        }
    }

    /// The folder that a feed's own files are in; an address has none, and names no files.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Address(_) => None,
        }
    }

    /// Its bytes, at most so many when they are unpacked.
    ///
    /// # Errors
    /// Where there is none, or its host does not give it.
    pub(crate) fn open(&self, agent: &ureq::Agent, most: u64, tries: Tries) -> Result<Opened, SyncError> {
        let feed = self.to_string();
        let broke = Rc::new(Cell::new(false));
        let raw: Box<dyn Read> = match self {
            Self::File(path) => {
                let file = File::open(path).and_then(|file| {
                    if file.metadata()?.is_dir() { Err(io::Error::other("it is a folder")) } else { Ok(file) }
                });
                Box::new(file.map_err(|e| SyncError::Feed { feed: feed.clone(), why: e.to_string() })?)
            }
            Self::Address(address) => match tries.make(|| get(agent, address, None)) {
                // A little more than what is taken, so that our own bound speaks.
                Ok(answer) => {
                    let body =
                        answer.into_body().into_with_config().limit(most.saturating_add(1 << 20)).reader();
                    Box::new(Watched { inner: body, broke: Rc::clone(&broke) })
                }
                Err(Failure { why, passing: true, .. }) => return Err(SyncError::FeedAway { feed, why }),
                Err(Failure { why, .. }) => return Err(SyncError::Feed { feed, why }),
            },
        };
        let bytes =
            unpacked(Bounded::new(raw, most), most).map_err(|e| self.failed(e.to_string(), &broke))?;
        Ok(Opened { bytes, broke })
    }

    /// What it means that it could not be read to its end: somebody must see to a feed that is wrong, and a host that went away may be
    /// back.
    pub(crate) fn failed(&self, why: String, broke: &Cell<bool>) -> SyncError {
        let feed = self.to_string();
        if broke.get() { SyncError::FeedAway { feed, why } } else { SyncError::Feed { feed, why } }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            // A password or a token in an address is nobody's to read in a log.
            Self::Address(address) => {
                let shown = address.split(['?', '#']).next().unwrap_or(address);
                match (shown.split_once("://"), shown.rsplit_once('@')) {
                    (Some((scheme, _)), Some((_, rest))) => write!(f, "{scheme}://{rest}"),
                    _ => f.write_str(shown),
                }
            }
        }
    }
}

/// The same, unpacked where it begins as gzip does.
fn unpacked(raw: impl Read + 'static, most: u64) -> io::Result<Box<dyn Read>> {
    let mut raw = BufReader::with_capacity(64 << 10, raw);
    let head = head_of(&mut raw, 2)?;
    let gzip = head == [0x1f, 0x8b];
    let whole = Cursor::new(head).chain(raw);
    Ok(if gzip { Box::new(Bounded::new(MultiGzDecoder::new(whole), most)) } else { Box::new(whole) })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gzip_is_unpacked_and_bounded() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&[b'x'; 10_000]).unwrap();
        let packed = packed.finish().unwrap();
        let read = |bytes: &[u8], most| io::read_to_string(unpacked(Cursor::new(bytes.to_vec()), most)?);
        assert_eq!(read(&packed, 10_000).unwrap().len(), 10_000);
        assert!(read(&packed, 9_999).is_err());
        assert!(read(&packed[..packed.len() - 3], 10_000).is_err(), "a file that was cut off");
        assert_eq!((read(b"x", 9).unwrap(), read(b"", 9).unwrap()), ("x".into(), String::new()));
    }

    #[test]
    fn addresses_and_paths() {
        assert_eq!(Source::of("HTTPS://a/b?key=1").to_string(), "HTTPS://a/b");
        assert_eq!(Source::of("https://user:secret@a/b?key=1").to_string(), "https://a/b");
        assert_eq!(Source::of("feeds/a.xml").folder(), Some(Path::new("feeds")));
        assert!(Source::of("http://a/b").folder().is_none());
    }
}
