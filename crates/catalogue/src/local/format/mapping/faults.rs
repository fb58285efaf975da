//! What becomes of a page that its file no longer has. Reading one is a SIGBUS, which ends a program: a file that was cut short under a
//! mapping, or that the disk cannot read, would take the server down.
//!
//! `unsafe` is here because a signal's handler is installed, which maps zeros where the file was. It does nothing but what a handler may: it
//! reads atomics, and calls the system. A fault of other memory is what it was before.

use std::{
    io, ptr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    },
};

/// So many mappings are watched at once. A server has two for each generation that is served or still asked.
const SLOTS: usize = 1024;

/// A piece of memory that a file is mapped to. It is never freed, so that the handler may look at it whenever it comes: a generation leaves
/// some fifty bytes behind.
#[derive(Debug)]
pub(super) struct Range {
    start: usize,
    bytes: usize,
    damaged: AtomicBool,
    told: AtomicBool,
}

impl Range {
    /// Whether a page of it could not be read: all of it is zeros since.
    #[inline]
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// It is damaged, for whatever reason; whether that is said for the first time.
    pub fn tell(&self) -> bool {
        self.damaged.store(true, Ordering::Release);
        !self.told.swap(true, Ordering::AcqRel)
    }
}

static SLOTS_TAKEN: [AtomicPtr<Range>; SLOTS] = [const { AtomicPtr::new(ptr::null_mut()) }; SLOTS];
/// So many slots were taken at once at most: the handler looks at no others.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Held while slots are taken and freed; the handler never waits for it.
static CHANGING: Mutex<()> = Mutex::new(());
/// What a SIGBUS did before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// A range that is watched until this is dropped. Nothing may read the memory after that.
#[derive(Debug)]
pub(super) struct Watched {
    range: &'static Range,
    slot: usize,
}

impl Watched {
    /// Watches memory that a file is mapped to, from its first byte to its last; none where there are too many already, or where the
    /// system lets nobody watch.
    pub fn over(memory: &[u8]) -> Option<Self> {
        install().ok()?;
        let _alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = SLOTS_TAKEN.iter().position(|slot| slot.load(Ordering::Relaxed).is_null())?;
        let (start, bytes) = (memory.as_ptr() as usize, memory.len());
        let (damaged, told) = (AtomicBool::new(false), AtomicBool::new(false));
        let range = Box::leak(Box::new(Range { start, bytes, damaged, told }));
        SLOTS_TAKEN[slot].store(ptr::from_mut(range), Ordering::Release);
        USED.fetch_max(slot + 1, Ordering::AcqRel);
        Some(Self { range, slot })
    }

    /// What is watched.
    #[inline]
    pub fn range(&self) -> &'static Range {
        self.range
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        SLOTS_TAKEN[self.slot].store(ptr::null_mut(), Ordering::Release);
    }
}

/// Installs the handler, once.
fn install() -> io::Result<()> {
    let _alone = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    if BEFORE.get().is_some() {
        return Ok(());
    }
    let mut before = nothing_special();
    // SAFETY: a null pointer asks without changing anything; `before` is one to write to.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut before) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut action = nothing_special();
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    action.sa_sigaction = handler as libc::sighandler_t;
    // On the thread's stack for signals where it has one.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    let _ = BEFORE.set(before);
    // SAFETY: the action is whole, and its handler does only what a handler may.
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What a signal does that nobody has asked for.
fn nothing_special() -> libc::sigaction {
    // SAFETY: all zeros are SIG_DFL, no flags and an empty mask.
    unsafe { std::mem::zeroed() }
}

/// A page could not be read. If it is one of ours, all of its mapping is zeros from now on, and whoever was reading goes on; every other thread
/// that may read a zero finds the mark, since it is made first. Otherwise the fault happens again as it did before this handler was there.
extern "C" fn on_fault(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system hands over what it knows of the fault.
    let at = unsafe { (*info).si_addr() } as usize;
    let used = USED.load(Ordering::Acquire);
    let ranges = SLOTS_TAKEN.iter().take(used).map(|slot| slot.load(Ordering::Acquire));
    // SAFETY: a range is whole before its slot has it, and is never freed.
    let mut ranges = ranges.filter_map(|range| unsafe { range.as_ref() });
    if let Some(range) =
        ranges.find(|range| at.checked_sub(range.start).is_some_and(|from| from < range.bytes))
    {
        range.damaged.store(true, Ordering::SeqCst);
        // SAFETY: whoever reads the range holds it mapped, so that nothing else lies there; it was readable and stays so.
        let zeros = unsafe {
            let errno = *libc::__errno_location();
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let there = range.start as *mut libc::c_void;
            let zeros = libc::mmap(there, range.bytes, libc::PROT_READ, flags, -1, 0);
            *libc::__errno_location() = errno;
            zeros
        };
        if zeros != libc::MAP_FAILED {
            return;
        }
    }
    let default = nothing_special();
    // SAFETY: it is what there was before, or what there is without a handler.
    unsafe { libc::sigaction(libc::SIGBUS, BEFORE.get().unwrap_or(&default), ptr::null_mut()) };
}
