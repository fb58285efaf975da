//! How much memory this process may take: what the machine has, or what its control group may have of it.

use std::{fs, path::Path};

/// Where even the machine's memory is not told, in bytes: what small machines have.
const UNTOLD: u64 = 1 << 30;

/// In bytes: the machine's memory, or the least that a control group (v1 or v2) over this process may have, if that is less.
pub fn available_memory() -> u64 {
    of_system(Path::new("/"))
}

/// The same of a system whose files are below `root`.
fn of_system(root: &Path) -> u64 {
    let machine =
        fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total(&text)).unwrap_or(UNTOLD);
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.fold(machine, u64::min)
}

/// `MemTotal:       24636420 kB`
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Of `0::/path` (v2) or `4:memory:/path` (v1): the limits of that group and of all above it. A container sees its own group at the
/// root, whatever path it is told.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (base, file) = match controllers {
        "" => (root.join("sys/fs/cgroup"), "memory.max"),
        some if some.split(',').any(|name| name == "memory") => {
            (root.join("sys/fs/cgroup/memory"), "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let own = base.join(path.trim_start_matches('/'));
    let limit = |group: &Path| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    own.ancestors().take_while(|group| group.starts_with(&base)).filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        of_system(root.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       2000000 kB\nMemFree: 5 kB\n");
    const MACHINE: u64 = 2_000_000 * 1024;

    #[test]
    fn a_machine_without_groups_has_its_memory() {
        assert_eq!(system(&[MEMINFO]), MACHINE);
        assert_eq!(system(&[MEMINFO, ("proc/self/cgroup", "0::/\n")]), MACHINE);
        assert_eq!(system(&[]), UNTOLD);
        assert_eq!(system(&[("proc/meminfo", "MemTotal: many\n")]), UNTOLD);
    }

    #[test]
    fn the_least_of_the_groups_above_holds() {
        let in_slice = ("proc/self/cgroup", "0::/shop.slice/server.service\n");
        let slice = ("sys/fs/cgroup/shop.slice/memory.max", "500000000\n");
        let service = ("sys/fs/cgroup/shop.slice/server.service/memory.max", "max\n");
        assert_eq!(system(&[MEMINFO, in_slice, slice, service]), 500_000_000);
        let less = ("sys/fs/cgroup/shop.slice/server.service/memory.max", "300000000\n");
        assert_eq!(system(&[MEMINFO, in_slice, slice, less]), 300_000_000);
        let more = ("sys/fs/cgroup/shop.slice/memory.max", "900000000000\n");
        assert_eq!(system(&[MEMINFO, in_slice, more, service]), MACHINE);
    }

    #[test]
    fn a_container_finds_its_limit_at_the_root() {
        assert_eq!(
            system(&[MEMINFO, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "1073741824\n")]),
            1 << 30
        );
        let v1 = ("proc/self/cgroup", "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/\n");
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
        assert_eq!(system(&[MEMINFO, v1, limit]), 1 << 30);
        // No limit, as v1 writes it.
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(system(&[MEMINFO, v1, none]), MACHINE);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available_memory() > 100 << 20);
    }
}
