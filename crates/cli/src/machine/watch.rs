//! What the machine is doing: noted before and after something is measured.
//!
//! A process in the sandbox opens few files any more; those that lie elsewhere are opened when a
//! [`Watch`] is made, and held. What is below `/sys/devices/system` it may open.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    field,
    load::{Counters, Load},
    names, number,
    power::{Power, Supplies},
    sensors::Sensors,
    text,
};

/// What tells it.
#[derive(Debug)]
pub(crate) struct Watch {
    root: PathBuf,
    supplies: Supplies,
    sensors: Sensors,
    counters: Counters,
}

/// What it was doing at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    pub(crate) power: Power,
    /// How fast the fastest core ran.
    pub(crate) mhz: Option<u64>,
    /// How hot the processor was, in degrees.
    pub(crate) celsius: Option<f64>,
    pub(crate) throttled: Option<Throttled>,
    pub(crate) load: Option<Load>,
}

/// How often the processor was slowed down because it was hot, since the machine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// Its cores, together.
    pub(crate) cores: u64,
    /// All of it; of several packages, all of each.
    pub(crate) package: u64,
}

impl Watch {
    /// Of this machine.
    pub(crate) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    /// Of the one whose files are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            supplies: Supplies::at(root),
            sensors: Sensors::at(root),
            counters: Counters::at(root),
        }
    }

    /// What it is doing now.
    pub(crate) fn note(&self) -> Note {
        Note {
            power: Power::with(&self.root, &self.supplies),
            mhz: mhz(&self.root),
            celsius: self.sensors.hottest(),
            throttled: throttled(&self.root),
            load: self.counters.read(),
        }
    }
}

/// How fast the fastest core runs: by what sets the frequencies, else by what the processor says.
fn mhz(root: &Path) -> Option<u64> {
    let folder = root.join("sys/devices/system/cpu/cpufreq");
    let policies = names(&folder).into_iter().map(|it| folder.join(it).join("scaling_cur_freq"));
    let set = policies.filter_map(|it| number::<u64>(&it)).max().map(|khz| khz / 1000);
    set.or_else(|| {
        let info = text(&root.join("proc/cpuinfo"))?;
        let told = info.lines().filter_map(|it| field(it, "cpu MHz", ':')?.parse::<f64>().ok());
        told.max_by(f64::total_cmp).map(|it| it.round() as u64)
    })
}

fn throttled(root: &Path) -> Option<Throttled> {
    let folder = root.join("sys/devices/system/cpu");
    let (mut cores, mut packages) = (None::<u64>, BTreeMap::<u64, u64>::new());
    for thread in names(&folder).iter().map(|it| folder.join(it)) {
        let of = |name: &str| number::<u64>(&thread.join("thermal_throttle").join(name));
        let Some(core) = of("core_throttle_count") else { continue };
        *cores.get_or_insert(0) += core;
        // Each of its threads counts for all of it.
        let package = number::<u64>(&thread.join("topology/physical_package_id")).unwrap_or(0);
        let count = packages.entry(package).or_default();
        *count = (*count).max(of("package_throttle_count").unwrap_or(0));
    }
    Some(Throttled { cores: cores?, package: packages.into_values().sum() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::{
        Source,
        fixture::{self, lay},
    };

    #[test]
    fn a_laptop_gets_hot_and_is_unplugged() {
        let cpu = "sys/devices/system/cpu";
        let [first, second] = [0, 1].map(|it| format!("{cpu}/cpu{it}/thermal_throttle"));
        let [core, core_1] = [&first, &second].map(|it| format!("{it}/core_throttle_count"));
        let [package, package_1] =
            [&first, &second].map(|it| format!("{it}/package_throttle_count"));
        let policy = format!("{cpu}/cpufreq/policy0/scaling_cur_freq");
        let more = [
            (policy.as_str(), "4300123\n"),
            (core.as_str(), "3\n"),
            (core_1.as_str(), "4\n"),
            (package.as_str(), "9\n"),
            (package_1.as_str(), "8\n"),
            ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone0/temp", "45000\n"),
            ("sys/class/power_supply/ADP1/online", "1\n"),
        ];
        let root = lay(&[fixture::LAPTOP, &more].concat());
        let watch = Watch::at(root.path());
        let before = watch.note();
        assert_eq!((before.power.source, before.mhz), (Some(Source::Mains), Some(4300)));
        assert_eq!(before.celsius, Some(45.0));
        assert_eq!(before.throttled, Some(Throttled { cores: 7, package: 9 }));
        for (name, text) in [
            (policy.as_str(), "1900000\n"),
            (core.as_str(), "5\n"),
            ("sys/class/thermal/thermal_zone0/temp", "97000\n"),
            ("sys/class/power_supply/ADP1/online", "0\n"),
        ] {
            fs::write(root.path().join(name), text).unwrap();
        }
        let after = watch.note();
        assert_eq!((after.power.source, after.mhz), (Some(Source::Battery), Some(1900)));
        assert_eq!(after.celsius, Some(97.0));
        assert_eq!(after.throttled, Some(Throttled { cores: 9, package: 9 }));
    }

    #[test]
    fn packages_are_slowed_down_one_by_one() {
        let cpu = "sys/devices/system/cpu";
        let mut files = Vec::new();
        for (thread, package, count) in [(0, 0, 9), (1, 0, 8), (2, 1, 3), (3, 1, 4)] {
            let of = format!("{cpu}/cpu{thread}");
            files.push((format!("{of}/topology/physical_package_id"), format!("{package}\n")));
            files.push((format!("{of}/thermal_throttle/core_throttle_count"), "1\n".to_owned()));
            let name = format!("{of}/thermal_throttle/package_throttle_count");
            files.push((name, format!("{count}\n")));
        }
        let files: Vec<_> = files.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
        let note = Watch::at(lay(&files).path()).note();
        assert_eq!(note.throttled, Some(Throttled { cores: 4, package: 13 }));
    }

    #[test]
    fn what_is_not_told_is_not_noted() {
        assert_eq!(Watch::at(lay(&[]).path()).note(), Note::default());
        let info = "cpu MHz\t\t: 2095.078\n\nprocessor\t: 1\ncpu MHz\t\t: 2699.6\n";
        let told = [("proc/cpuinfo", info)];
        assert_eq!(Watch::at(lay(&told).path()).note().mhz, Some(2700));
    }
}
