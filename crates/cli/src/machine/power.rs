//! Power: where it comes from, and how fast the system lets the processor run for it.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;

use super::{names, number, text};

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

/// What a folder of `power_supply` says.
#[derive(Default)]
struct Supplies {
    mains: bool,
    discharging: bool,
    /// Of each battery, in percent.
    full: Vec<u64>,
}

impl Power {
    pub(super) fn at(root: &Path) -> Self {
        let supplies = Supplies::at(&root.join("sys/class/power_supply"));
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
        let full = (!supplies.full.is_empty())
            .then(|| supplies.full.iter().sum::<u64>() / supplies.full.len() as u64);
        Self {
            source: supplies.source(),
            battery: full,
            governors: governors.into_iter().collect(),
            driver: first("scaling_driver"),
            preference: first("energy_performance_preference"),
            boost: turbo_is_off.map(|it| it == 0).or(boost.map(|it| it == 1)),
            profile: text(&root.join("sys/firmware/acpi/platform_profile")),
        }
    }
}

impl Supplies {
    fn at(folder: &Path) -> Self {
        let mut found = Self::default();
        for supply in names(folder).iter().map(|it| folder.join(it)) {
            let of = |name: &str| text(&supply.join(name)).unwrap_or_default();
            match of("type").as_str() {
                "Mains" | "USB" => found.mains |= of("online") == "1",
                // That of a mouse or a pen powers nothing here.
                "Battery" if of("scope") != "Device" => {
                    found.discharging |= of("status") == "Discharging";
                    found.full.extend(number::<u64>(&supply.join("capacity")));
                }
                _ => {}
            }
        }
        found
    }

    fn source(&self) -> Option<Source> {
        match (self.mains, self.discharging) {
            (true, _) => Some(Source::Mains),
            (false, true) => Some(Source::Battery),
            // Full or charging: something feeds it.
            (false, false) => (!self.full.is_empty()).then_some(Source::Mains),
        }
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
}
