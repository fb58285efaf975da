//! Every connection is an open file, and shells allow a process 1,024 of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files beside connections: the bundle, photos being read, what the runtime needs, clients being refused.
const BESIDE: u64 = 256;

/// Raises this process's limit of open files as far as `connections` need it and the system allows; returns for how many
/// connections that is enough, one at least.
pub(crate) fn allow_open_files(connections: usize) -> usize {
    let wanted = (connections as u64).saturating_add(BESIDE);
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.current.unwrap_or(u64::MAX);
    if allowed >= wanted {
        return connections;
    }
    let raised = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let new = Rlimit { current: Some(raised), maximum: limit.maximum };
    let allowed = if setrlimit(Resource::Nofile, new).is_ok() { raised } else { allowed };
    let most = usize::try_from(allowed.saturating_sub(BESIDE)).unwrap_or(connections).clamp(1, connections);
    if most < connections {
        tracing::warn!(
            connections = most,
            asked = connections,
            "the system allows too few open files for --max-connections; raise its limit (ulimit -n)"
        );
    }
    most
}
