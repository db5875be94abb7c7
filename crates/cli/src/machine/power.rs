//! Power: where it comes from, and how fast the system lets the processor run for it.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;

use super::{held::Held, names, number, text};

/// Where it comes from, and what is made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Power {
    pub(crate) source: Option<Source>,
    /// How full the batteries are, in percent.
    pub(crate) battery: Option<u64>,
    /// What chooses the frequency of each core; several where cores differ.
    pub(crate) governors: Vec<String>,
    /// What sets it, such as `intel_pstate`.
    pub(crate) driver: Option<String>,
    /// What the processor is asked to care for where it chooses itself, such as
    /// `balance_performance`.
    pub(crate) preference: Option<String>,
    /// Whether frequencies above the nominal one are allowed.
    pub(crate) boost: Option<bool>,
    /// The firmware's profile: `low-power`, `balanced`, `performance`, or one of its own.
    pub(crate) profile: Option<String>,
}

/// Where power comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Mains,
    Battery,
}

/// What feeds the machine: files that are read again and again.
#[derive(Debug, Default)]
pub(super) struct Supplies {
    /// Whether each plug gives power.
    plugs: Vec<Held>,
    batteries: Vec<Battery>,
    /// The firmware's profile.
    profile: Option<Held>,
}

/// One of the machine's batteries.
#[derive(Debug)]
struct Battery {
    status: Option<Held>,
    /// How full it is, in percent.
    capacity: Option<Held>,
    /// What it gives, in microwatts.
    power: Option<Held>,
    /// The same as microamperes and microvolts.
    current: Option<Held>,
    voltage: Option<Held>,
}

impl Power {
    pub(super) fn at(root: &Path) -> Self {
        Self::with(root, &Supplies::at(root))
    }

    /// The same now, of supplies that were found before.
    pub(super) fn with(root: &Path, supplies: &Supplies) -> Self {
        let cpus = root.join("sys/devices/system/cpu");
        let policies = names(&cpus.join("cpufreq"));
        let policies: Vec<_> = policies
            .iter()
            .filter(|it| it.starts_with("policy"))
            .map(|it| cpus.join("cpufreq").join(it))
            .collect();
        let first = |name: &str| policies.iter().find_map(|it| text(&it.join(name)));
        let governors: BTreeSet<_> =
            policies.iter().filter_map(|it| text(&it.join("scaling_governor"))).collect();
        let turbo_is_off = number::<u8>(&cpus.join("intel_pstate/no_turbo"));
        let boost = number::<u8>(&cpus.join("cpufreq/boost"));
        Self {
            source: supplies.source(),
            battery: supplies.full(),
            governors: governors.into_iter().collect(),
            driver: first("scaling_driver"),
            preference: first("energy_performance_preference"),
            boost: turbo_is_off.map(|it| it == 0).or(boost.map(|it| it == 1)),
            profile: supplies.profile.as_ref().and_then(Held::text),
        }
    }
}

impl Supplies {
    pub(super) fn at(root: &Path) -> Self {
        let folder = root.join("sys/class/power_supply");
        let profile = Held::open(&root.join("sys/firmware/acpi/platform_profile"));
        let mut found = Self { profile, ..Self::default() };
        for supply in names(&folder).iter().map(|it| folder.join(it)) {
            let of = |name: &str| text(&supply.join(name)).unwrap_or_default();
            let held = |name: &str| Held::open(&supply.join(name));
            match of("type").as_str() {
                "Mains" | "USB" => found.plugs.extend(held("online")),
                // That of a mouse or a pen powers nothing here.
                "Battery" if of("scope") != "Device" => found.batteries.push(Battery {
                    status: held("status"),
                    capacity: held("capacity"),
                    power: held("power_now"),
                    current: held("current_now"),
                    voltage: held("voltage_now"),
                }),
                _ => {}
            }
        }
        found
    }

    fn source(&self) -> Option<Source> {
        let mains = self.plugs.iter().any(|it| it.text().as_deref() == Some("1"));
        match (mains, self.batteries.iter().any(Battery::gives)) {
            (true, _) => Some(Source::Mains),
            (false, true) => Some(Source::Battery),
            // Full or charging: something feeds it.
            (false, false) => self.full().map(|_| Source::Mains),
        }
    }

    /// How full the batteries are together, in percent.
    fn full(&self) -> Option<u64> {
        let all = self.batteries.iter().filter_map(|it| it.capacity.as_ref()?.number::<u64>());
        let all: Vec<_> = all.collect();
        (!all.is_empty()).then(|| all.iter().sum::<u64>() / all.len() as u64)
    }

    /// Watts that the batteries give; nothing while something else feeds the machine, and where
    /// they do not tell.
    pub(super) fn watts(&self) -> Option<f64> {
        if self.source() != Some(Source::Battery) {
            return None;
        }
        let giving = self.batteries.iter().filter(|it| it.gives());
        let watts: Option<f64> = giving.map(Battery::watts).sum();
        watts.filter(|&it| it > 0.0)
    }
}

impl Battery {
    fn gives(&self) -> bool {
        let status = self.status.as_ref().and_then(Held::text);
        status.as_deref() == Some("Discharging")
    }

    fn watts(&self) -> Option<f64> {
        // Some drivers count what is given below zero.
        let of = |file: &Option<Held>| {
            let number: i64 = file.as_ref()?.number()?;
            Some(number.unsigned_abs() as f64 / 1e6)
        };
        of(&self.power).or_else(|| Some(of(&self.current)? * of(&self.voltage)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{self, lay};

    #[test]
    fn a_laptop_says_what_it_runs_on_and_how_fast_it_may() {
        let expected = Power {
            source: Some(Source::Battery),
            battery: Some(63),
            governors: vec!["powersave".to_owned()],
            driver: Some("intel_pstate".to_owned()),
            preference: Some("power".to_owned()),
            boost: Some(true),
            profile: Some("balanced".to_owned()),
        };
        assert_eq!(Power::at(lay(fixture::LAPTOP).path()), expected);
    }

    #[test]
    fn cores_may_have_governors_of_their_own() {
        let found = Power::at(lay(fixture::BOARD).path());
        assert_eq!(found.governors, ["performance", "schedutil"]);
        assert_eq!((found.source, found.boost), (None, Some(false)));
    }

    #[test]
    fn a_full_battery_is_fed() {
        let check = |files: &[(&str, &str)], expected: Option<Source>| {
            let files: Vec<_> =
                files.iter().map(|it| (format!("sys/class/power_supply/{}", it.0), it.1)).collect();
            let files: Vec<_> = files.iter().map(|it| (it.0.as_str(), it.1)).collect();
            assert_eq!(Power::at(lay(&files).path()).source, expected, "{files:?}");
        };
        let battery = ("B/type", "Battery\n");
        let capacity = ("B/capacity", "100\n");
        check(&[battery, capacity, ("B/status", "Full\n")], Some(Source::Mains));
        check(&[battery, capacity, ("B/status", "Discharging\n")], Some(Source::Battery));
        let plug = [("A/type", "Mains\n"), ("A/online", "1\n")];
        let both = [&plug[..], &[battery, capacity, ("B/status", "Discharging\n")]].concat();
        check(&both, Some(Source::Mains));
        check(&[("A/type", "USB\n"), ("A/online", "0\n")], None);
    }

    #[test]
    fn a_battery_tells_what_it_gives() {
        let check = |files: &[(&str, &str)], expected: Option<f64>| {
            let usual = [("type", "Battery\n"), ("status", "Discharging\n"), ("capacity", "50\n")];
            let files = usual.iter().chain(files);
            let files: Vec<_> =
                files.map(|it| (format!("sys/class/power_supply/B/{}", it.0), it.1)).collect();
            let files: Vec<_> = files.iter().map(|it| (it.0.as_str(), it.1)).collect();
            assert_eq!(Supplies::at(lay(&files).path()).watts(), expected, "{files:?}");
        };
        check(&[("power_now", "12500000\n")], Some(12.5));
        check(&[("power_now", "-12500000\n")], Some(12.5));
        check(&[("current_now", "1000000\n"), ("voltage_now", "11500000\n")], Some(11.5));
        check(&[("current_now", "1000000\n")], None);
        check(&[("power_now", "0\n")], None);
        check(&[("power_now", "12500000\n"), ("status", "Charging\n")], None);
    }
}
