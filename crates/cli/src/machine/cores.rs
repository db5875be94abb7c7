//! The processor: what it is called, its cores and which of them are slow, what it can compute, and
//! how much of it this process may use.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;

use super::{field, text};
use crate::groups::{self, Group, Version};

/// Features that kernels here are written for.
const USED: &[&str] = &[
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512dq",
    "avx512_vnni",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
];

/// Features that products of matrices could be faster with.
const UNUSED: &[&str] = &["avx512_bf16", "avx512_fp16", "amx_bf16", "bf16", "sve", "sve2", "sme"];

/// A core is slow if it is less than this beside the fastest. The best cores of one kind differ by a
/// few hundredths.
const SLOW: f64 = 0.8;

/// The processor, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Processor {
    /// What its maker calls it.
    pub(crate) model: Option<String>,
    /// Its cores by kind, fast ones first; one kind where they are alike.
    pub(crate) kinds: Vec<Kind>,
    /// Hardware threads.
    pub(crate) threads: Option<usize>,
    /// Hardware threads that this process may run on.
    pub(crate) allowed: Option<usize>,
    /// How many hardware threads' time control groups let this process have.
    pub(crate) quota: Option<f64>,
    /// What it can do that kernels here are written for, by Linux's names.
    pub(crate) features: Vec<&'static str>,
    /// What else it can do that could speed up such kernels.
    pub(crate) unused: Vec<&'static str>,
}

/// Cores that are alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Kind {
    /// Whether others are much faster.
    pub(crate) slow: bool,
    pub(crate) cores: usize,
    /// Their hardware threads, by Linux's numbers: `0-7,16`.
    pub(crate) threads: String,
    /// The highest frequency of the fastest.
    pub(crate) max_mhz: Option<u64>,
}

/// A hardware thread.
struct Thread {
    number: usize,
    /// Names its core.
    siblings: String,
    capacity: Option<u64>,
    max_khz: Option<u64>,
}

impl Processor {
    pub(super) fn at(root: &Path) -> Self {
        let info = text(&root.join("proc/cpuinfo")).unwrap_or_default();
        let status = text(&root.join("proc/self/status")).unwrap_or_default();
        let threads = threads(root);
        let allowed = field(&status, "Cpus_allowed_list", ':').and_then(numbers);
        let can = field(&info, "flags", ':').or_else(|| field(&info, "Features", ':'));
        let can: BTreeSet<_> = can.unwrap_or_default().split_whitespace().collect();
        let is_there = |it: &&str| can.contains(it);
        let is_on = |number: &usize| threads.iter().any(|it| it.number == *number);
        Self {
            model: model(root),
            kinds: kinds(root, &threads),
            threads: (!threads.is_empty()).then_some(threads.len()),
            // The mask may name threads that are not there.
            allowed: allowed.map(|it| it.iter().filter(|it| is_on(it)).count()).filter(|&n| n > 0),
            quota: groups::of(root, "cpu").iter().filter_map(quota).min_by(f64::total_cmp),
            features: USED.iter().copied().filter(is_there).collect(),
            unused: UNUSED.iter().copied().filter(is_there).collect(),
        }
    }

    /// How many cores there are, where the system tells.
    pub(crate) fn cores(&self) -> Option<usize> {
        Some(self.kinds.iter().map(|it| it.cores).sum()).filter(|&n| n > 0)
    }
}

/// What the maker of the processor calls it, on the machine whose files are below `root`; of a small
/// board, what the board is called.
pub(super) fn model(root: &Path) -> Option<String> {
    let info = text(&root.join("proc/cpuinfo")).unwrap_or_default();
    let called = |key: &str| field(&info, key, ':').map(str::to_owned);
    let part = || {
        let (maker, part) = (called("CPU implementer")?, called("CPU part")?);
        Some(format!("ARM, implementer {maker}, part {part}"))
    };
    let model = called("model name")
        .or_else(|| called("Model"))
        .or_else(|| text(&root.join("proc/device-tree/model")))
        .or_else(part)?;
    Some(model.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What the system says that this machine's processor is called, where it has no files that do.
#[cfg(not(target_os = "linux"))]
pub(super) fn brand() -> Option<String> {
    use sysinfo::{CpuRefreshKind, RefreshKind, System};
    let processor = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(processor).ok()?;
    let brand = system.cpus().first()?.brand().split_whitespace().collect::<Vec<_>>().join(" ");
    (!brand.is_empty()).then_some(brand)
}

/// Those that are switched on.
fn threads(root: &Path) -> Vec<Thread> {
    let folder = root.join("sys/devices/system/cpu");
    let online = text(&folder.join("online")).as_deref().and_then(numbers);
    let thread = |number: usize| {
        let of = folder.join(format!("cpu{number}"));
        let siblings = text(&of.join("topology/thread_siblings_list"));
        Thread {
            number,
            siblings: siblings.unwrap_or_else(|| number.to_string()),
            capacity: super::number(&of.join("cpu_capacity")),
            max_khz: super::number(&of.join("cpufreq/cpuinfo_max_freq")),
        }
    };
    online.unwrap_or_default().into_iter().map(thread).collect()
}

fn kinds(root: &Path, threads: &[Thread]) -> Vec<Kind> {
    let is_slow = slow(root, threads);
    let kind = |slow: bool| {
        let these: Vec<_> = threads.iter().filter(|it| is_slow(it) == slow).collect();
        let cores: BTreeSet<_> = these.iter().map(|it| it.siblings.as_str()).collect();
        let numbers: Vec<_> = these.iter().map(|it| it.number).collect();
        let max_khz = these.iter().filter_map(|it| it.max_khz).max();
        (!these.is_empty()).then(|| Kind {
            slow,
            cores: cores.len(),
            threads: ranges(&numbers),
            max_mhz: max_khz.map(|it| it / 1000),
        })
    };
    [false, true].into_iter().filter_map(kind).collect()
}

/// Tells slow threads: by the lists of Intel's hybrid processors, else by what the system thinks that
/// a core is worth, else by the highest frequencies.
fn slow(root: &Path, threads: &[Thread]) -> impl Fn(&Thread) -> bool {
    let list = |name: &str| text(&root.join("sys/devices").join(name)).as_deref().and_then(numbers);
    let fast = list("cpu_core/cpus").filter(|_| list("cpu_atom/cpus").is_some());
    let most = |of: fn(&Thread) -> Option<u64>| {
        let all: Option<Vec<u64>> = threads.iter().map(of).collect();
        let (least, most) = all.and_then(|it| Some((*it.iter().min()?, *it.iter().max()?)))?;
        (least < most).then_some(most)
    };
    let (capacity, max_khz) = (most(|it| it.capacity), most(|it| it.max_khz));
    let is_less =
        |found: Option<u64>, most: u64| found.is_some_and(|it| (it as f64) < SLOW * most as f64);
    move |it: &Thread| match (&fast, capacity, max_khz) {
        (Some(fast), ..) => !fast.contains(&it.number),
        (None, Some(most), _) => is_less(it.capacity, most),
        (None, None, Some(most)) => is_less(it.max_khz, most),
        (None, None, None) => false,
    }
}

/// How many hardware threads' time a group gives, where it has a limit.
fn quota(group: &Group) -> Option<f64> {
    let (quota, period) = match group.version {
        Version::One => (group.read("cpu.cfs_quota_us")?, group.read("cpu.cfs_period_us")?),
        Version::Two => {
            let both = group.read("cpu.max")?;
            let (quota, period) = both.split_once(' ')?;
            (quota.to_owned(), period.to_owned())
        }
    };
    // Without a limit this is the word `max`, or in version 1 a number below 0.
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota as f64 / period as f64)
}

/// The numbers of a list such as `0-3,8`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        all.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(all)
}

/// Such a list of numbers that ascend.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let run = |it: &[usize]| match it {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    runs.map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{self, lay};

    fn kind(slow: bool, cores: usize, threads: &str, max_mhz: Option<u64>) -> Kind {
        Kind { slow, cores, threads: threads.to_owned(), max_mhz }
    }

    #[test]
    fn lists_of_the_kernel_are_read_and_written() {
        for (list, all) in
            [("0", vec![0]), ("0-3,8", vec![0, 1, 2, 3, 8]), ("1,3-4", vec![1, 3, 4])]
        {
            assert_eq!((numbers(list), ranges(&all)), (Some(all.clone()), list.to_owned()));
        }
        assert_eq!((numbers(""), numbers("0-x"), ranges(&[])), (None, None, String::new()));
    }

    #[test]
    fn a_hybrid_laptop_has_slow_cores() {
        let found = Processor::at(lay(fixture::LAPTOP).path());
        assert_eq!(found.model.as_deref(), Some("12th Gen Intel(R) Core(TM) i5-1240P"));
        // Two threads a fast core, one a slow one.
        let kinds = [kind(false, 2, "0-3", Some(4400)), kind(true, 4, "4-7", Some(3300))];
        assert_eq!(found.kinds, kinds);
        assert_eq!((found.cores(), found.threads, found.allowed), (Some(6), Some(8), Some(8)));
        assert_eq!(found.features, ["avx2", "fma", "f16c", "avx_vnni"]);
        assert_eq!(found.unused, Vec::<&str>::new());
        assert_eq!(found.quota, None);
    }

    #[test]
    fn a_board_tells_by_the_worth_of_its_cores() {
        let found = Processor::at(lay(fixture::BOARD).path());
        assert_eq!(found.model.as_deref(), Some("Radxa ROCK 5B"));
        assert_eq!(
            found.kinds,
            [kind(false, 2, "2-3", Some(2400)), kind(true, 2, "0-1", Some(1800))]
        );
        assert_eq!(found.features, ["asimd", "asimddp"]);
    }

    #[test]
    fn what_kernels_use_is_told_from_what_they_could() {
        let told = "processor\t: 0\nFeatures\t: fp asimd asimddp sve i8mm bf16\n";
        let found = Processor::at(lay(&[("proc/cpuinfo", told)]).path());
        assert_eq!(found.features, ["asimd", "asimddp", "i8mm"]);
        assert_eq!(found.unused, ["bf16", "sve"]);
        let told = "processor\t: 0\nflags\t: avx512_vnni amx_bf16 amx_tile amx_int8\n";
        let found = Processor::at(lay(&[("proc/cpuinfo", told)]).path());
        assert_eq!(found.features, ["avx512_vnni", "amx_int8"]);
        assert_eq!(found.unused, ["amx_bf16"]);
    }

    #[test]
    fn without_lists_and_worth_frequencies_tell() {
        let cpu = |n: usize, khz: &str| {
            let name = format!("sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq");
            (name, khz.to_owned())
        };
        let check = |khz: [&str; 2], expected: &[Kind]| {
            let mut files = vec![("sys/devices/system/cpu/online".to_owned(), "0-1".to_owned())];
            files.extend([cpu(0, khz[0]), cpu(1, khz[1])]);
            let files: Vec<_> = files.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
            assert_eq!(Processor::at(lay(&files).path()).kinds, expected, "{khz:?}");
        };
        let both = [kind(false, 1, "0", Some(5100)), kind(true, 1, "1", Some(3300))];
        check(["5100000", "3300000"], &both);
        check(["5100000", "4900000"], &[kind(false, 2, "0-1", Some(5100))]);
        check(["5100000", ""], &[kind(false, 2, "0-1", Some(5100))]);
    }

    #[test]
    fn a_container_gives_less_than_the_machine_has() {
        let found = Processor::at(lay(fixture::CONTAINER).path());
        assert_eq!((found.threads, found.allowed, found.quota), (Some(8), Some(4), Some(1.5)));
        let version_one = [
            ("proc/self/cgroup", "3:cpu,cpuacct:/docker/1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(Processor::at(lay(&version_one).path()).quota, Some(2.5));
        let unlimited = ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        let found = Processor::at(lay(&[&version_one[..], &[unlimited]].concat()).path());
        assert_eq!(found.quota, None);
    }
}
