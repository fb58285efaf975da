//! Bytes as text.

use std::fmt::Write;

/// Bytes in lower-case hexadecimal, two characters for each.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_digits_for_each_byte() {
        assert_eq!(super::hex(&[0, 9, 0xAB, 255]), "0009abff");
        assert_eq!(super::hex(&[]), "");
    }
}
