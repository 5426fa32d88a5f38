//! The kernel's own count of processes it killed for want of memory, in cgroups of both versions.
//!
//! Pure: texts in, paths and numbers out. A file that is not there or has another form is no evidence.

use std::path::PathBuf;

/// A memory cgroup and how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its directory.
    pub directory: PathBuf,
    /// Name of the file with a line `oom_kill <n>`.
    pub events: &'static str,
    /// Name of the file with the limit.
    pub limit: &'static str,
    /// Name of the file with what is used.
    pub usage: &'static str,
}

/// Where the memory cgroup of a process may be. `cgroup`: its `/proc/<pid>/cgroup`; `mounts`: our `/proc/self/mountinfo`.
/// The likeliest comes first: what is mounted here may be all of a hierarchy or, in a container, a part of it.
pub fn places(cgroup: &str, mounts: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for line in cgroup.lines() {
        // 4:memory:/a/b of version 1, 0::/a/b of version 2
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let version_1 = controllers.split(',').any(|name| name == "memory");
        if !version_1 && !controllers.is_empty() {
            continue;
        }
        let (kind, events, limit, usage) = match version_1 {
            true => ("cgroup", "memory.oom_control", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            false => ("cgroup2", "memory.events", "memory.max", "memory.current"),
        };
        for (root, mount_point) in mounts.lines().filter_map(|line| mount(line, kind)) {
            let inside = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
            let below = |part: &str| PathBuf::from(&mount_point).join(part.trim_start_matches('/'));
            for directory in [below(inside), below("")] {
                let place = Place { directory, events, limit, usage };
                if is_plain(&place.directory) && !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    // A process is in one memory cgroup: of version 1 where that controller is there.
    places.sort_by_key(|place| place.events == "memory.events");
    places
}

/// Root and mount point of a mountinfo line that mounts memory cgroups of this kind.
fn mount(line: &str, kind: &str) -> Option<(String, String)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut after = after.split(' ');
    let has_memory = kind == "cgroup2" || after.clone().nth(2)?.split(',').any(|option| option == "memory");
    (after.next()? == kind && has_memory).then(|| (root.to_owned(), point.to_owned()))
}

fn is_plain(path: &std::path::Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir)
}

/// The count in `memory.events` or `memory.oom_control`: `oom_kill <n>` on a line of its own.
pub fn oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// The limit in bytes; `None` where there is none: `max`, or what version 1 says for it.
pub fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < 1 << 60)
}

/// Whether nobody is in a cgroup but process `us` with its descendants, and those whose descendant it is: what started
/// it there. `processes`: its `cgroup.procs`; `parent`: of a process. Where that cannot be told, somebody is.
pub fn is_own(processes: &str, us: i32, parent: impl Fn(i32) -> Option<i32>) -> bool {
    // Bounded: between two reads parents change, and what is read may go round in circles.
    let above = |pid| std::iter::successors(Some(pid), |pid| parent(*pid)).take(64);
    let related = |pid: i32| pid > 0 && (above(pid).any(|one| one == us) || above(us).any(|one| one == pid));
    let mut lines = processes.lines().peekable();
    lines.peek().is_some() && lines.all(|line| line.trim().parse().is_ok_and(related))
}

/// What may still be used of a limit, in bytes: file pages that nobody has looked at for long make room at once.
/// `stat`: `memory.stat`, which in version 1 has its sums with those below under names of their own.
pub fn room(limit: u64, usage: &str, stat: &str) -> Option<u64> {
    let used: u64 = usage.trim().parse().ok()?;
    let value = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let reclaimable = value("total_inactive_file ").or_else(|| value("inactive_file ")).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "30 26 0:27 / /sys/fs/cgroup/memory rw,relatime shared:10 - cgroup cgroup rw,memory\n\
                      31 26 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
    const V2: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    const CONTAINER: &str =
        "700 600 0:27 /mesos/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n";

    fn check(cgroup: &str, mounts: &str, expect: &[&str]) {
        let found: Vec<_> = places(cgroup, mounts)
            .iter()
            .map(|place| place.directory.join(place.events).display().to_string())
            .collect();
        assert_eq!(found, expect);
    }

    // D45
    #[test]
    fn both_versions_are_found() {
        check(
            "4:memory:/mesos/abc\n0::/\n",
            V1,
            &[
                "/sys/fs/cgroup/memory/mesos/abc/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
            ],
        );
        check(
            "0::/system.slice/mesos.service\n",
            V2,
            &["/sys/fs/cgroup/system.slice/mesos.service/memory.events", "/sys/fs/cgroup/memory.events"],
        );
        // In a container the mount shows a part, while the path is the whole one.
        check("4:cpu,memory:/mesos/abc\n", CONTAINER, &["/sys/fs/cgroup/memory/memory.oom_control"]);
        check(
            "4:memory:/mesos/abc/sub\n",
            CONTAINER,
            &["/sys/fs/cgroup/memory/sub/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"],
        );
        check("3:cpu:/x\nnonsense\n", V1, &[]);
        check("0::/../../etc\n", V2, &["/sys/fs/cgroup/memory.events"]);
    }

    #[test]
    fn counts_and_limits() {
        assert_eq!(oom_kills("low 0\nhigh 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 0\n"), Some(3));
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), Some(2));
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(limit("314572800\n"), Some(314_572_800));
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712\n"), None);
    }

    // D45
    #[test]
    fn a_cgroup_is_our_own_where_all_in_it_are_related() {
        // init 1 → launcher 10 → us 20 → JVM 30 → 31; a stranger 40 below init
        let parent = |pid| match pid {
            10 | 40 => Some(1),
            20 => Some(10),
            30 => Some(20),
            31 => Some(30),
            _ => None,
        };
        let own = |processes| is_own(processes, 20, parent);
        assert!(own("10\n20\n30\n31\n") && own("30\n") && own("20\n"));
        assert!(!own("20\n30\n40\n"), "a stranger");
        assert!(!own("20\n0\n"), "one of another PID namespace");
        assert!(!own("20\n50\n"), "one that nobody knows");
        assert!(!own("") && !own("x\n"), "unreadable");
        assert!(!is_own("7\n", 20, |_| Some(7 ^ 1)), "circles end");
    }

    #[test]
    fn room_is_what_is_neither_used_nor_held_by_old_files() {
        assert_eq!(room(1000, "700\n", "anon 500\ninactive_file 150\nactive_file 50\n"), Some(450));
        assert_eq!(room(1000, "700\n", "inactive_file 1\ntotal_inactive_file 200\n"), Some(500));
        assert_eq!(room(1000, "1200\n", ""), Some(0));
        assert_eq!(room(1000, "100\n", "inactive_file 300\n"), Some(1000));
        assert_eq!(room(1000, "", "inactive_file 300\n"), None);
    }
}
