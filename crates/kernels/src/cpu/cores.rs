//! How many cores we may use.

use std::{collections::BTreeSet, fs, thread};

/// How many threads are worth starting: the physical cores that this process may run on, or fewer
/// if a control group limits its processor time. At least 1.
///
/// Looks at the scheduler's affinity mask and at the quotas of cgroup v1 and v2. Two hardware
/// threads of one core count once: they would share the units that kernels keep busy.
pub fn available_cores() -> usize {
    // Knows affinity and quotas, but counts hardware threads.
    let allowed = thread::available_parallelism().map_or(1, |n| n.get());
    physical_cores().map_or(allowed, |cores| cores.min(allowed)).max(1)
}

/// Distinct cores among the hardware threads that we may run on, where the system tells.
fn physical_cores() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let siblings = |cpu| {
        let topology = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        fs::read_to_string(topology).ok()
    };
    distinct_cores(&parse_list(allowed)?, siblings)
}

/// How many different groups of siblings `cpus` belong to; none if one's group is unknown.
fn distinct_cores(cpus: &[u32], siblings: impl Fn(u32) -> Option<String>) -> Option<usize> {
    let groups: Option<BTreeSet<String>> = cpus.iter().map(|&cpu| siblings(cpu)).collect();
    groups.map(|groups| groups.len()).filter(|&n| n > 0)
}

/// The numbers of a kernel list such as `0-3,8`.
fn parse_list(list: &str) -> Option<Vec<u32>> {
    let mut all = Vec::<u32>::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        all.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_core() {
        let cores = available_cores();
        assert!(cores >= 1);
        assert!(cores <= thread::available_parallelism().map_or(1, |n| n.get()));
    }

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(parse_list("\t0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("5"), Some(vec![5]));
        assert_eq!(parse_list(""), None);
        assert_eq!(parse_list("0-x"), None);
    }

    #[test]
    fn siblings_count_once() {
        let pairs = |cpu: u32| Some(format!("{},{}", cpu % 4, cpu % 4 + 4));
        assert_eq!(distinct_cores(&[0, 1, 4, 5, 6], pairs), Some(3));
        assert_eq!(distinct_cores(&[0, 1], |_| None), None);
        assert_eq!(distinct_cores(&[], pairs), None);
    }
}
