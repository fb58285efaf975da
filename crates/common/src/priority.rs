//! Work that gives way.

/// Gives this thread, and those it starts from now on, the lowest priority: whoever searches goes first. A system that refuses
/// leaves it as it was.
pub fn lowest_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}
