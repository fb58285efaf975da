//! Memory that a build took and no longer needs, given back: the allocator keeps it otherwise, in the arenas of threads that are gone,
//! and every compaction would leave some hundred megabytes more.

/// Gives free memory back to the system, where the allocator is glibc's.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            /// Of <malloc.h>; it may be called at any time, from any thread.
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: it touches nothing but memory that nobody holds.
        unsafe { malloc_trim(0) };
    }
}
