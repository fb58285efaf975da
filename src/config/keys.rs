//! API keys: held as digests, compared in constant time, never written anywhere.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// All that a shop's pages ask for.
    Read,
    /// The operator's part too.
    Admin,
}

/// The keys a server knows. None at all means that it asks for none.
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<Known>);

#[derive(Clone)]
struct Known {
    role: Role,
    /// `read-1`: what logs call it.
    name: String,
    digest: [u8; 32],
}

/// Why keys are not taken. No key is ever quoted.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// The file.
    #[error("cannot read the keys in {}: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A text that is no key.
    #[error(
        "key {place} of {origin} is not one: a key has {} to {} visible ASCII characters and no comma",
        ApiKeys::SHORTEST,
        ApiKeys::LONGEST
    )]
    NotAKey {
        /// The how many-th it is.
        place: usize,
        /// Where it stands.
        origin: String,
    },
    /// A place for keys without keys: it would leave the server open.
    #[error("{0} holds no key")]
    Empty(String),
    /// One key twice, so that it is not clear what it opens.
    #[error("key {place} of {origin} is given twice")]
    Twice {
        /// The how many-th it is.
        place: usize,
        /// Where it stands.
        origin: String,
    },
}

impl ApiKeys {
    /// The fewest characters of a key: less could be guessed.
    pub const SHORTEST: usize = 16;
    /// The most.
    pub const LONGEST: usize = 256;

    /// Adds the keys in a text, separated by commas; `origin` is what an error calls the place they come from.
    pub fn add(&mut self, role: Role, text: &str, origin: &str) -> Result<(), BadKeys> {
        self.add_all(role, text.split(',').map(str::trim), origin)
    }

    /// Adds the keys in a file, one a line; empty lines and those that begin with `#` are none.
    pub fn add_file(&mut self, role: Role, path: &Path) -> Result<(), BadKeys> {
        let refuse = |reason| BadKeys::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(refuse)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        self.add_all(role, lines, &path.display().to_string())
    }

    fn add_all<'a>(
        &mut self,
        role: Role,
        keys: impl Iterator<Item = &'a str>,
        origin: &str,
    ) -> Result<(), BadKeys> {
        let (before, of_role) = (self.0.len(), if role == Role::Admin { "admin" } else { "read" });
        for (place, key) in (1..).zip(keys) {
            let origin = origin.to_owned();
            let visible = key.bytes().all(|b| b.is_ascii_graphic() && b != b',');
            if !visible || !(Self::SHORTEST..=Self::LONGEST).contains(&key.len()) {
                return Err(BadKeys::NotAKey { place, origin });
            }
            if self.find(key).is_some() {
                return Err(BadKeys::Twice { place, origin });
            }
            let number = self.0.iter().filter(|known| known.role == role).count() + 1;
            let digest = Sha256::digest(key).into();
            self.0.push(Known { role, name: format!("{of_role}-{number}"), digest });
        }
        if self.0.len() == before { Err(BadKeys::Empty(origin.to_owned())) } else { Ok(()) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there is one of this role.
    pub fn has(&self, role: Role) -> bool {
        self.0.iter().any(|known| known.role == role)
    }

    /// What a key opens and what logs call it. Takes the same time whichever key it is, and whether it is one.
    pub fn find(&self, key: &str) -> Option<(Role, &str)> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut found = None;
        for known in &self.0 {
            if bool::from(known.digest.ct_eq(&digest)) {
                found = Some((known.role, known.name.as_str()));
            }
        }
        found
    }
}

impl fmt::Debug for ApiKeys {
    /// How many there are; a digest is nobody's business either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "one-key-of-the-shop";
    const OTHER: &str = "another-key-of-the-shop";

    #[test]
    fn a_key_opens_what_it_was_given_for() {
        let mut keys = ApiKeys::default();
        keys.add(Role::Read, &format!("{ONE}, {OTHER}"), "here").unwrap();
        keys.add(Role::Admin, "the-key-of-the-operator", "here").unwrap();
        assert_eq!(keys.find(OTHER), Some((Role::Read, "read-2")));
        assert_eq!(keys.find("the-key-of-the-operator"), Some((Role::Admin, "admin-1")));
        for no in ["", "one-key-of-the-sho", "one-key-of-the-shop ", "ONE-KEY-OF-THE-SHOP"] {
            assert_eq!(keys.find(no), None, "{no}");
        }
        assert_eq!(format!("{keys:?}"), "ApiKeys(3)");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        for bad in ["", "short", "with space in the key", "umlauts-are-nö-good-key", &"x".repeat(257)] {
            let e = ApiKeys::default().add(Role::Read, bad, "LOOKALIKE_READ_KEYS").unwrap_err().to_string();
            assert!(
                e.contains("key 1 of LOOKALIKE_READ_KEYS") && (bad.is_empty() || !e.contains(bad)),
                "{e}"
            );
        }
        let mut keys = ApiKeys::default();
        keys.add(Role::Read, ONE, "here").unwrap();
        assert!(matches!(keys.add(Role::Admin, ONE, "there"), Err(BadKeys::Twice { place: 1, .. })));
    }

    #[test]
    fn a_file_has_a_key_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::fs::write(&path, format!("# the shop's pages\n{ONE}\n\n  {OTHER}  \n")).unwrap();
        let mut keys = ApiKeys::default();
        keys.add_file(Role::Read, &path).unwrap();
        assert_eq!(keys.find(OTHER), Some((Role::Read, "read-2")));
        std::fs::write(&path, "# none\n").unwrap();
        assert!(matches!(ApiKeys::default().add_file(Role::Read, &path), Err(BadKeys::Empty(_))));
        assert!(matches!(ApiKeys::default().add_file(Role::Read, dir.path()), Err(BadKeys::File { .. })));
    }
}
