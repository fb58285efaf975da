//! How much memory a decoder holds, told by the allocator, so that a file whose claims were believed wrongly is given up.
//!
//! A header tells what the pixels take. It does not tell what a decoder takes beside them while it reads: the code tables of a
//! lossless WebP of 3 MB may have 1.3 GB. So the decoders read through [`Metered`], which hands out no more of the file once the
//! thread holds more than was granted.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::{self, BufRead, Read, Seek, SeekFrom},
    rc::Rc,
};

/// The system's allocator, which counts for each thread the bytes that the thread took and did not give back.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// Memory that a thread gives back after another one took it makes a thread's number meaningless by itself: only the difference
/// between two moments of one computation on one thread says something.
fn held() -> i64 {
    HELD.with(Cell::get)
}

fn count(bytes: i64) {
    HELD.with(|held| held.set(held.get().wrapping_add(bytes)));
}

// SAFETY: every call goes on to the system's allocator with the arguments it came with; counting neither allocates nor unwinds (the
// counter needs neither a constructor nor a destructor).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A file's bytes, handed out in small pieces while the thread that reads them holds no more than was granted.
pub(crate) struct Metered<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What the thread may hold, in bytes, as [`held`] counts.
    most: i64,
    exceeded: Exceeded,
}

/// Whether the reader had to refuse.
#[derive(Clone, Default)]
pub(crate) struct Exceeded(Rc<Cell<bool>>);

impl Exceeded {
    pub(crate) fn is_set(&self) -> bool {
        self.0.get()
    }
}

/// Bytes of the file between two looks at what is held.
const PIECE: usize = 4096;

/// What so few bytes can make a decoder take: four hundred code tables.
const BETWEEN: u64 = 2 << 20;

impl<'a> Metered<'a> {
    /// `granted` bytes may be taken from now on, by this thread: 2 MiB or more.
    pub(crate) fn new(bytes: &'a [u8], granted: u64) -> (Self, Exceeded) {
        let exceeded = Exceeded::default();
        let most = held().saturating_add(i64::try_from(granted.saturating_sub(BETWEEN)).unwrap_or(i64::MAX));
        (Self { bytes, at: 0, most, exceeded: exceeded.clone() }, exceeded)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if held() > self.most {
            self.exceeded.0.set(true);
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        Ok(&rest[..rest.len().min(PIECE)])
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(into.len());
        into[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => (self.at as u64).checked_add_signed(by),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
        };
        let place = place.and_then(|place| usize::try_from(place).ok());
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn whoever_holds_more_than_was_granted_gets_no_more_of_the_file() {
        let file = vec![7; 3 * PIECE];
        let (mut reader, exceeded) = Metered::new(&file, 3 << 20);
        let mut piece = [0; PIECE];
        reader.read_exact(&mut piece).unwrap();
        let taken = black_box(vec![0u8; 2 << 20]);
        assert_eq!(reader.read(&mut piece).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        assert!(exceeded.is_set());
        drop(taken);
        reader.read_exact(&mut piece).unwrap();
        assert_eq!(piece, [7; PIECE]);
    }

    #[test]
    fn what_another_thread_takes_does_not_count() {
        let before = held();
        std::thread::spawn(|| drop(black_box(vec![0u8; 1 << 20]))).join().unwrap();
        assert!((held() - before).abs() < 100_000);
        let taken = black_box(vec![0u8; 1 << 20]);
        assert!(held() - before >= 1 << 20);
        drop(taken);
    }

    #[test]
    fn seeking_is_as_in_a_file() {
        let file: Vec<u8> = (0..100).collect();
        let (mut reader, _) = Metered::new(&file, 4 << 20);
        let mut byte = [0];
        for (to, expected) in [
            (SeekFrom::Start(40), 40),
            (SeekFrom::Current(9), 50),
            (SeekFrom::End(-1), 99),
            (SeekFrom::Current(-50), 50),
        ] {
            reader.seek(to).unwrap();
            reader.read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], expected);
        }
        assert!(reader.seek(SeekFrom::Current(-100)).is_err());
        reader.seek(SeekFrom::Start(1 << 40)).unwrap();
        assert_eq!(reader.read(&mut byte).unwrap(), 0);
    }
}
