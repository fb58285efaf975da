//! What a kept photo is called.

use lookalike_common::hex;
use sha2::{Digest, Sha256};

/// Before the name of a kept photo, where an item says where its photo is.
const SCHEME: &str = "photo:";

/// What a kept photo is called: the sha256 of the bytes that came, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhotoName(String);

impl PhotoName {
    /// Of the bytes as they came.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// From an item's `image`, where that is a kept photo.
    pub fn from_image(image: &str) -> Option<Self> {
        Self::from_hex(image.strip_prefix(SCHEME)?)
    }

    /// From its file, below the folder of photos; none where no photo is called so.
    pub fn from_relative(relative: &str) -> Option<Self> {
        let (folder, file) = relative.split_once('/')?;
        let name = Self::from_hex(file.strip_suffix(".jpg")?)?;
        (name.folder() == folder).then_some(name)
    }

    fn from_hex(name: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (name.len() == 64 && name.bytes().all(is_hex)).then(|| Self(name.to_owned()))
    }

    /// As an item's `image`.
    pub fn image(&self) -> String {
        format!("{SCHEME}{}", self.0)
    }

    /// Its file, below the folder of photos.
    pub fn relative(&self) -> String {
        format!("{}/{}", self.folder(), self.file())
    }

    /// The folder of its file.
    pub(super) fn folder(&self) -> &str {
        &self.0[..2]
    }

    /// Its file within that folder.
    pub(super) fn file(&self) -> String {
        format!("{}.jpg", self.0)
    }

    /// In hexadecimal.
    pub(super) fn hex(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_and_others_are_none() {
        let name = PhotoName::of(b"as it came");
        assert_eq!(PhotoName::from_image(&name.image()), Some(name.clone()));
        assert_eq!(PhotoName::from_relative(&name.relative()), Some(name.clone()));
        for other in ["photo:", "photo:../../etc/passwd", "photo:ABC", "img/a.jpg"] {
            assert_eq!(PhotoName::from_image(other), None);
        }
        let elsewhere = format!("zz/{}", name.file());
        for other in ["", "ab", "ab/cd.jpg", &name.file(), &elsewhere, &format!("{}.part", name.relative())] {
            assert_eq!(PhotoName::from_relative(other), None, "{other}");
        }
    }
}
