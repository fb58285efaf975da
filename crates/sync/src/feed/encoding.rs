//! Bytes of any encoding → UTF-8.
//!
//! A byte-order mark is believed first, then `--encoding`, then what NULs between the first bytes tell of UTF-16, then what XML
//! declares. Without any of these it is UTF-8, and whatever bytes are none are windows-1252: shops mix the two in one file.

use std::io::{self, Cursor, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// How many bytes are looked at.
const HEAD: usize = 1_024;

/// The same as UTF-8, without a byte-order mark.
pub(crate) fn utf8<'a>(
    mut raw: impl Read + 'a,
    told: Option<&'static Encoding>,
) -> io::Result<Box<dyn Read + 'a>> {
    let head = head_of(&mut raw, HEAD)?;
    let (encoding, mark) = match Encoding::for_bom(&head) {
        Some((encoding, length)) => (encoding, length),
        None => (told.or_else(|| by_nuls(&head)).or_else(|| declared(&head)).unwrap_or(UTF_8), 0),
    };
    let rest = Cursor::new(head.get(mark..).unwrap_or_default().to_vec()).chain(raw);
    Ok(if encoding == UTF_8 {
        Box::new(Mixed::new(rest))
    } else {
        let mut builder = DecodeReaderBytesBuilder::new();
        Box::new(builder.encoding(Some(encoding)).bom_sniffing(false).build(rest))
    })
}

/// The first bytes, fewer only where there are no more.
pub(crate) fn head_of(raw: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    raw.take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// UTF-16 without a mark: every other of the first bytes is NUL, for what a feed begins with is ASCII.
fn by_nuls(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(UTF_16LE),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// What `<?xml … encoding="…"?>` says. It does not say UTF-16 in single bytes, whatever it claims.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let text: String = head.iter().map(|&b| char::from(b)).collect();
    let declaration = text.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value.split(quote).nth(1)?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    (encoding != UTF_16LE && encoding != UTF_16BE).then_some(encoding)
}

/// UTF-8 as it is; what is none as windows-1252.
struct Mixed<R> {
    inner: R,
    /// Read and not looked at yet: the beginning of a character.
    begun: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Mixed<R> {
    fn new(inner: R) -> Self {
        Self { inner, begun: Vec::new(), ready: Vec::new(), given: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        let mut piece = [0; 16 << 10];
        let read = loop {
            match self.inner.read(&mut piece) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = read == 0;
        self.begun.extend_from_slice(piece.get(..read).unwrap_or_default());
        let mut kept = 0;
        for chunk in self.begun.utf8_chunks() {
            self.ready.extend_from_slice(chunk.valid().as_bytes());
            kept += chunk.valid().len();
            let bad = chunk.invalid();
            // The end of a piece may be within a character.
            let cut = kept + bad.len() == self.begun.len() && !self.ended && may_go_on(bad);
            if cut {
                break;
            }
            kept += bad.len();
            self.ready.extend_from_slice(WINDOWS_1252.decode_without_bom_handling(bad).0.as_bytes());
        }
        self.begun.drain(..kept);
        Ok(())
    }
}

/// Whether more bytes may make a character of these.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

impl<R: Read> Read for Mixed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !self.ended {
            self.fill()?;
        }
        let left = self.ready.get(self.given..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn read(bytes: &[u8]) -> String {
        io::read_to_string(utf8(bytes, None).unwrap()).unwrap()
    }

    #[test]
    fn marks_declarations_and_guesses() {
        let utf16 = |text: &str, le: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if le { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        let xml = "<?xml version='1.0' encoding='UTF-16'?><a>ä€</a>";
        assert_eq!(read(&[b"\xFF\xFE".as_slice(), &utf16(xml, true)].concat()), xml);
        assert_eq!(read(&[b"\xFE\xFF".as_slice(), &utf16(xml, false)].concat()), xml);
        assert_eq!((read(&utf16(xml, true)), read(&utf16(xml, false))), (xml.into(), xml.into()));
        assert_eq!(read(xml.as_bytes()), xml);
        assert_eq!(read("\u{feff}id\tä".as_bytes()), "id\tä");
        assert_eq!(
            read(b"<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?>\xe4"),
            "<?xml version=\"1.0\" encoding = \"ISO-8859-1\"?>ä"
        );
        assert_eq!(read(b"\xe4 \xc3\xa4 \x80 \xf0\x9f\x91\x97"), "ä ä € 👗");
        assert_eq!(read(b"end \xe4"), "end ä");
        assert_eq!(read(b""), "");
        let told = io::read_to_string(utf8(&b"\xe1"[..], Encoding::for_label(b"windows-1251")).unwrap());
        assert_eq!(told.unwrap(), "б");
    }

    /// Gives so many bytes at once.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            let (now, rest) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = rest;
            Ok(length)
        }
    }

    proptest! {
        #[test]
        fn utf8_comes_through_in_any_pieces(text in "\\PC{0,60}", size in 1usize..7) {
            let text = text.trim_start_matches('\u{feff}').to_owned();
            let read = io::read_to_string(Mixed::new(Slow(text.as_bytes(), size))).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn any_bytes_come_through_as_text(bytes in vec(any::<u8>(), 0..80), size in 1usize..7) {
            let whole = io::read_to_string(Mixed::new(bytes.as_slice())).unwrap();
            let slow = io::read_to_string(Mixed::new(Slow(&bytes, size))).unwrap();
            prop_assert_eq!(whole, slow);
        }
    }
}
