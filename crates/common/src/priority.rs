//! Work that gives way.

/// Lets this thread, and those it starts from now on, run while no core has anything else to do: whoever searches goes first. On
/// Linux that is `SCHED_IDLE`. A system that refuses leaves it as it was.
pub fn lowest_priority() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    }
}

/// Lets this thread, and those it starts from now on, have a tenth of what others have where cores are short: for what must come to
/// an end however busy the machine is. A system that refuses leaves it as it was.
pub fn low_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}
