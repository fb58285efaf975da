//! Memory that is read at random, in huge pages: a reader is then not slowed by looking up where in memory each of its steps
//! is, nor by a page cache that gave the page away.

use std::{fmt, io, ops::Range};

use memmap2::MmapMut;

/// The size of a huge page, on x86-64 and mostly on aarch64.
pub const HUGE_PAGE: usize = 2 << 20;

/// Bytes in memory of their own, at a multiple of 64; in huge pages where the system has them and they are worth one.
pub struct HugePages {
    map: MmapMut,
    bytes: Range<usize>,
}

impl HugePages {
    /// A copy.
    ///
    /// # Errors
    /// Where the system has no such memory.
    pub fn copy(bytes: &[u8]) -> io::Result<Self> {
        let large = bytes.len() >= HUGE_PAGE;
        // Room to start at a huge page, and to end with one.
        let room =
            if large { bytes.len().next_multiple_of(HUGE_PAGE) + HUGE_PAGE } else { bytes.len().max(1) };
        let mut map = MmapMut::map_anon(room)?;
        let mut start = 0;
        if large {
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage); // a system without them is only slower
            start = map.as_ptr().align_offset(HUGE_PAGE);
        }
        let place = start..start + bytes.len();
        let room = map.get_mut(place.clone()).ok_or(io::ErrorKind::OutOfMemory)?;
        room.copy_from_slice(bytes);
        Ok(Self { map, bytes: place })
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.map.get(self.bytes.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for HugePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HugePages({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_what_was_copied_and_aligned() {
        for len in [0, 1, 4096, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 5 * HUGE_PAGE / 2] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let copy = HugePages::copy(&bytes).expect("there is memory");
            assert!(copy.bytes() == bytes);
            assert!(len == 0 || copy.bytes().as_ptr().align_offset(64) == 0);
            assert!(len < HUGE_PAGE || copy.bytes().as_ptr().align_offset(HUGE_PAGE) == 0);
        }
    }
}
