//! How hot the processor is.

use std::path::Path;

use super::{held::Held, names, text};

/// The drivers of sensors that are in processors.
const CHIPS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

/// How the zones of processors are called, from the beginning. `acpitz` is anywhere, and often says
/// the same for years.
const ZONES: [&str; 5] = ["x86_pkg_temp", "cpu", "soc", "bigcore", "littlecore"];

/// The sensors of the processor.
#[derive(Debug)]
pub(super) struct Sensors(Vec<Held>);

impl Sensors {
    pub(super) fn at(root: &Path) -> Self {
        let chips = chips(root);
        Self(if chips.is_empty() { zones(root) } else { chips })
    }

    /// What the hottest says now, in degrees Celsius.
    pub(super) fn hottest(&self) -> Option<f64> {
        let all = self.0.iter().filter_map(Held::number::<i64>);
        // One that is broken says what cannot be.
        let hottest = all.filter(|it| (1_000..150_000).contains(it)).max();
        hottest.map(|it| it as f64 / 1000.0)
    }
}

fn chips(root: &Path) -> Vec<Held> {
    let folder = root.join("sys/class/hwmon");
    let all = names(&folder).into_iter().map(|it| folder.join(it));
    let ours =
        all.filter(|it| text(&it.join("name")).is_some_and(|it| CHIPS.contains(&it.as_str())));
    let sensors = ours.flat_map(|chip| {
        let is_sensor = |it: &String| it.starts_with("temp") && it.ends_with("_input");
        names(&chip).into_iter().filter(is_sensor).map(move |it| chip.join(it))
    });
    sensors.filter_map(|it| Held::open(&it)).collect()
}

fn zones(root: &Path) -> Vec<Held> {
    let folder = root.join("sys/class/thermal");
    let all = names(&folder).into_iter().filter(|it| it.starts_with("thermal_zone"));
    let all = all.map(|it| folder.join(it));
    let is_ours = |kind: String| ZONES.iter().any(|it| kind.starts_with(it));
    let ours = all.filter(|it| text(&it.join("type")).is_some_and(is_ours));
    ours.filter_map(|it| Held::open(&it.join("temp"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{Files, lay};

    #[track_caller]
    fn check(files: Files<'_>, expected: Option<f64>) {
        assert_eq!(Sensors::at(lay(files).path()).hottest(), expected);
    }

    #[test]
    fn the_hottest_sensor_of_the_processor_counts() {
        let disk = [
            ("sys/class/hwmon/hwmon0/name", "nvme\n"),
            ("sys/class/hwmon/hwmon0/temp1_input", "99000\n"),
        ];
        let chip = [
            ("sys/class/hwmon/hwmon1/name", "coretemp\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "61000\n"),
            ("sys/class/hwmon/hwmon1/temp2_input", "63500\n"),
            ("sys/class/hwmon/hwmon1/temp2_max", "100000\n"),
            ("sys/class/hwmon/hwmon1/temp3_input", "-128000\n"),
        ];
        let zones = [
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/thermal_zone0/temp", "80000\n"),
            ("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone1/temp", "70000\n"),
        ];
        check(&[&disk[..], &chip, &zones].concat(), Some(63.5));
        check(&[&disk[..], &zones].concat(), Some(70.0));
        check(&zones[..2], None);
    }
}
