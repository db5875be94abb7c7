//! What this machine is: facts that its system tells in files, read once; and what it is doing,
//! which `watch`, `energy` and `peak` read again and again.
//!
//! The files lie below a root, so that tests can lay out machines of their own. What a system does
//! not tell is `None`, or an empty list, and nothing is guessed in its place. Other systems than
//! Linux tell little.

mod caches;
mod cores;
mod energy;
#[cfg(test)]
pub(crate) mod fixture;
mod graphics;
mod held;
mod load;
mod memory;
mod peak;
mod power;
mod sensors;
mod system;
mod watch;

use std::{fs, path::Path, str::FromStr};

use serde::Serialize;

pub(crate) use caches::last_level;
pub(crate) use cores::{Kind, Processor};
pub(crate) use energy::{Mark, Meter};
pub(crate) use graphics::Graphics;
pub(crate) use memory::Memory;
pub(crate) use peak::Peak;
pub(crate) use power::{Power, Source};
pub(crate) use system::{System, host};
pub(crate) use watch::{Note, Watch};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) system: System,
    pub(crate) processor: Processor,
    pub(crate) memory: Memory,
    /// How many threads were at work or waited for it in the last minute.
    pub(crate) load: Option<f64>,
    pub(crate) power: Power,
    pub(crate) graphics: Vec<Graphics>,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let found = Self::at(Path::new("/"));
        #[cfg(not(target_os = "linux"))]
        let found = Self {
            processor: Processor { model: model(), ..found.processor },
            memory: Memory {
                total: crate::memory::total(),
                free: crate::memory::free(),
                ..found.memory
            },
            ..found
        };
        found
    }

    /// The one whose files are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            system: System::at(root),
            processor: Processor::at(root),
            memory: Memory::at(root),
            load: load::average(root),
            power: Power::at(root),
            graphics: graphics::all(root),
        }
    }
}

/// What the maker of this machine's processor calls it.
pub(crate) fn model() -> Option<String> {
    let found = cores::model(Path::new("/"));
    #[cfg(not(target_os = "linux"))]
    let found = found.or_else(cores::brand);
    found
}

/// The text of a file of the kernel, without what is around it; nothing where it is empty or not
/// there.
fn text(path: &Path) -> Option<String> {
    trimmed(&fs::read(path).ok()?)
}

/// What [`text`] makes of the bytes of a file.
fn trimmed(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    // Texts of a device tree end with a zero.
    let text = text.trim_matches(|it: char| it.is_whitespace() || it == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// The number in a file of the kernel.
fn number<T: FromStr>(path: &Path) -> Option<T> {
    text(path)?.parse().ok()
}

/// The names in a folder of the kernel, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// What follows `key` and `between` in a line of its own: of the forms `KEY=value` and
/// `key<TAB>: value`.
fn field<'a>(text: &'a str, key: &str, between: char) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(between)?;
        let value = value.trim();
        (name.trim() == key && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_files_is_unknown_and_not_an_error() {
        assert_eq!(Machine::at(fixture::lay(&[]).path()), Machine::default());
    }

    #[test]
    fn files_that_hold_nonsense_tell_nothing() {
        let names = [
            "proc/cpuinfo",
            "proc/meminfo",
            "proc/self/status",
            "proc/self/limits",
            "proc/self/cgroup",
            "proc/sys/kernel/osrelease",
            "etc/os-release",
            "sys/devices/system/cpu/online",
            "sys/devices/system/cpu/cpufreq/boost",
            "sys/devices/system/cpu/cpu0/cpu_capacity",
            "sys/class/power_supply/BAT0/type",
            "sys/class/drm/card0/device/uevent",
            "sys/kernel/mm/transparent_hugepage/enabled",
        ];
        for nonsense in ["", "\0\u{fffd}:=\n::\n==", "9-1,x", "-"] {
            let files: Vec<_> = names.iter().map(|it| (*it, nonsense)).collect();
            let found = Machine::at(fixture::lay(&files).path());
            assert_eq!(found.memory, Memory::default(), "{nonsense:?}");
            assert_eq!(found.power, Power::default(), "{nonsense:?}");
            assert_eq!(found.processor, Processor::default(), "{nonsense:?}");
        }
    }
}
