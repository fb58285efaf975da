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
