//! Lists as text, whoever wrote them.

use std::{fs, path::Path};

use crate::dataset::DatasetError;

/// The text of a list: UTF-8, or UTF-16 where its byte order mark says so, as Windows' shell writes it. The mark is left out.
///
/// # Errors
/// Where the file cannot be read, and by line where it is in no such coding.
pub(crate) fn read(path: &Path) -> Result<String, DatasetError> {
    let bytes = fs::read(path).map_err(DatasetError::io(path))?;
    let malformed = |line, reason: &str| DatasetError::Malformed {
        path: path.to_owned(),
        line,
        reason: reason.to_owned(),
    };
    let wide = |read: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes[2..].as_chunks::<2>();
        let units = pairs.iter().map(|pair| read(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if rest.is_empty() => Ok(text),
            _ => Err(malformed(1, "it begins as UTF-16 does and is none; write it as UTF-8")),
        }
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes).map_err(|e| {
                let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
                let line = good.iter().filter(|b| **b == b'\n').count() + 1;
                malformed(line, "a character is not UTF-8; write the file as UTF-8")
            })?;
            Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
        }
    }
}
