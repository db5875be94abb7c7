//! Free memory on Linux: `/proc/meminfo` and the limits of control groups, versions 1 and 2.
//!
//! A limit of a group holds for those below it, too. Pages of files that a group has read count
//! as used, but the kernel gives them back when asked: they are free here, as in `MemAvailable`.

use std::{fs, path::Path};

/// Names of one version's files.
struct Version {
    /// Where its groups are mounted.
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// Lines of `memory.stat` that tell the pages of files.
    files: [&'static str; 2],
}

const ONE: Version = Version {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    files: ["total_active_file", "total_inactive_file"],
};

const TWO: Version = Version {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    files: ["active_file", "inactive_file"],
};

/// Free bytes of the machine whose files are below `root`.
pub(super) fn free(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let kib = value(&meminfo, "MemAvailable:")?;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let left = groups.lines().filter_map(|line| left_in_group(root, line)).min();
    Some(kib.saturating_mul(1024).min(left.unwrap_or(u64::MAX)))
}

/// What the group of this line of `/proc/self/cgroup` and those above it may still take.
fn left_in_group(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let version = match controllers {
        "" => TWO,
        some if some.split(',').any(|it| it == "memory") => ONE,
        _ => return None,
    };
    let mount = root.join(version.mount);
    // In a container the path may be the host's: then only the root of the mount is there.
    let group = mount.join(path.trim_start_matches('/'));
    let groups = group.ancestors().take_while(|it| it.starts_with(&mount));
    groups.filter_map(|it| left(it, &version)).min()
}

fn left(group: &Path, version: &Version) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    // Without a limit this is the word `max`, or in version 1 a number larger than any machine.
    let limit: u64 = read(version.limit)?.trim().parse().ok()?;
    let used: u64 = read(version.used)?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let files: u64 = version.files.iter().filter_map(|it| value(&stat, it)).sum();
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

/// The number in the line that begins with the word `name`.
fn value(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  16000 kB\nMemAvailable:    8000 kB\nSwapFree: 1 kB\n");

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        assert_eq!(free(root.path()), expected);
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
}
