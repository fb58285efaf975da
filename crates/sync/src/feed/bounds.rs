//! How much of a feed may be read: in all, and without an entry's end.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// The most bytes of one entry, or of what is between two.
pub(crate) const ENTRY: u64 = 8 << 20;

/// Fails where the feed is longer than it may be.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R: Read> Bounded<R> {
    /// At most so many bytes.
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most, most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("it is longer than {} bytes unpacked (--max-feed)", self.most))
        })?;
        Ok(read)
    }
}

/// Counts what was read since the last entry's end.
#[derive(Clone, Default)]
pub(crate) struct Mark(Rc<Cell<u64>>);

impl Mark {
    /// An entry ends here.
    pub(crate) fn reset(&self) {
        self.0.set(0);
    }
}

/// Fails where an entry does not end: what is read must be marked every [`ENTRY`] bytes.
pub(crate) struct Marked<R> {
    inner: R,
    mark: Mark,
}

impl<R: Read> Marked<R> {
    /// Held to this mark.
    pub(crate) fn new(inner: R, mark: Mark) -> Self {
        Self { inner, mark }
    }
}

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let since = self.mark.0.get() + read as u64;
        self.mark.0.set(since);
        if since > ENTRY {
            return Err(io::Error::other(format!(
                "an entry is longer than {ENTRY} bytes: a quote or an element may not be closed"
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_with_an_error() {
        let read = |most| io::read_to_string(Bounded::new(&b"12345"[..], most));
        assert!(read(5).is_ok());
        assert!(read(4).is_err_and(|e| e.to_string().contains("--max-feed")));
        let (mark, endless) = (Mark::default(), io::repeat(b'x').take(3 * ENTRY));
        let mut marked = Marked::new(endless, mark.clone());
        let mut piece = vec![0; 1 << 20];
        for _ in 0..8 {
            assert!(marked.read(&mut piece).is_ok());
        }
        mark.reset();
        assert!(marked.read(&mut piece).is_ok());
        assert!((0..8).any(|_| marked.read(&mut piece).is_err()));
    }
}
