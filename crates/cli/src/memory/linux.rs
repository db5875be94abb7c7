//! Free memory on Linux: `/proc/meminfo` and the limits of control groups; and what may be locked.
//!
//! Pages of files that a group has read count as used, but the kernel gives them back when asked:
//! they are free here, as in `MemAvailable`.

use std::{fs, path::Path};

use crate::groups::{self, Group, Version};

/// Free bytes of the machine whose files are below `root`.
pub(crate) fn free(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let kib = value(&meminfo, "MemAvailable:")?;
    let left = groups::of(root, "memory").iter().filter_map(left).min();
    Some(kib.saturating_mul(1024).min(left.unwrap_or(u64::MAX)))
}

/// The most bytes that control groups let this process have, where they have a limit.
pub(crate) fn limit(root: &Path) -> Option<u64> {
    groups::of(root, "memory").iter().filter_map(limit_of).min()
}

/// The most bytes that this process may lock in memory, where it has a limit.
pub(crate) fn lock_limit(root: &Path) -> Option<u64> {
    let limits = fs::read_to_string(root.join("proc/self/limits")).ok()?;
    let limit = limits.lines().find_map(|it| it.strip_prefix("Max locked memory"))?;
    // Of two: up to the second it may raise the first by itself.
    limit.split_whitespace().nth(1)?.parse().ok()
}

/// The number in the line that begins with the word `name`.
pub(crate) fn value(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

fn limit_of(group: &Group) -> Option<u64> {
    let limit = group.read(match group.version {
        Version::One => "memory.limit_in_bytes",
        Version::Two => "memory.max",
    });
    // Without a limit this is the word `max`, or in version 1 a number larger than any machine.
    limit?.parse().ok().filter(|&it: &u64| it < 1 << 60)
}

/// What a group may still take.
fn left(group: &Group) -> Option<u64> {
    let limit = limit_of(group)?;
    // The name of what is used, and the lines of `memory.stat` that tell the pages of files.
    let (used, files) = match group.version {
        Version::One => ("memory.usage_in_bytes", ["total_active_file", "total_inactive_file"]),
        Version::Two => ("memory.current", ["active_file", "inactive_file"]),
    };
    let used: u64 = group.read(used)?.parse().ok()?;
    let stat = group.read("memory.stat").unwrap_or_default();
    let files: u64 = files.iter().filter_map(|it| value(&stat, it)).sum();
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::lay;

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  16000 kB\nMemAvailable:    8000 kB\nSwapFree: 1 kB\n");

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        assert_eq!(free(lay(files).path()), expected);
    }

    #[test]
    fn without_limits_it_is_what_the_machine_has() {
        check(&[MEMINFO], Some(8_192_000));
        check(&[("proc/meminfo", "MemTotal: 1 kB\n")], None);
        check(&[], None);
    }

    #[test]
    fn version_two_has_limits_on_every_level() {
        let group = ("proc/self/cgroup", "0::/a.slice/b.scope\n");
        let above = [
            ("sys/fs/cgroup/a.slice/memory.max", "5000000\n"),
            ("sys/fs/cgroup/a.slice/memory.current", "3000000\n"),
            (
                "sys/fs/cgroup/a.slice/memory.stat",
                "anon 1\nfile 9\nactive_file 600000\ninactive_file 400000\n",
            ),
        ];
        let own = [
            ("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"),
            ("sys/fs/cgroup/a.slice/b.scope/memory.current", "1000000\n"),
        ];
        check(&[&[MEMINFO, group], &above[..], &own[..]].concat(), Some(3_000_000));
        let full = ("sys/fs/cgroup/a.slice/memory.current", "7000000\n");
        check(&[&[MEMINFO, group], &above[..], &[full]].concat(), Some(0));
    }

    #[test]
    fn version_one_in_a_container_has_the_limit_at_the_root_of_the_mount() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "5:devices:/docker/1\n4:memory:/docker/1\n0::/docker/1\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "active_file 7\ntotal_inactive_file 500000\n"),
        ];
        check(&files, Some(3_500_000));
        let unlimited = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        check(&[&files[..2], &[unlimited], &files[3..]].concat(), Some(8_192_000));
    }

    #[test]
    fn what_may_be_locked_is_the_higher_of_two_limits() {
        let of = |limit: &str| {
            let text = format!("Max processes  9  9\nMax locked memory  {limit}  bytes\n");
            lock_limit(lay(&[("proc/self/limits", text.as_str())]).path())
        };
        assert_eq!(of("65536  8388608"), Some(8 << 20));
        assert_eq!(of("65536  unlimited"), None);
        assert_eq!(of("0  0"), Some(0));
        assert_eq!(lock_limit(lay(&[]).path()), None);
    }
}
