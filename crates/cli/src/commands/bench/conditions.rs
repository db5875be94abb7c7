//! What the machine did while something was measured, and what of that makes the figures doubtful.

use serde::Serialize;

use crate::{
    commands::doctor,
    machine::{Note, Source},
    numbers::grouped,
};

/// Others that take more than this part of the processors' time make a machine busy.
const QUIET: f64 = 0.05;

/// So do those that keep so much of one processor busy: all threads of a step wait for the last.
const QUIET_CORE: f64 = 0.5;

/// What is said of figures where nobody could tell whether others took the processors' time.
pub(super) const UNTOLD: &str =
    "nothing told how busy the machine was: a larger `-r` may take long enough to tell";

/// How it was before and after.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Conditions {
    power_source: Option<Source>,
    power_source_after: Option<Source>,
    battery_percent: Option<u64>,
    battery_percent_after: Option<u64>,
    /// Several by commas where cores differ.
    governor: Option<String>,
    governor_after: Option<String>,
    preference: Option<String>,
    preference_after: Option<String>,
    /// The firmware's.
    profile: Option<String>,
    profile_after: Option<String>,
    /// Whether frequencies above the nominal one are allowed.
    boost: Option<bool>,
    boost_after: Option<bool>,
    /// Of the fastest core.
    mhz: Option<u64>,
    mhz_after: Option<u64>,
    /// Of the processor.
    celsius: Option<f64>,
    celsius_after: Option<f64>,
    /// How often cores, and then the whole processor, were slowed down because they were hot.
    throttled_cores: Option<u64>,
    throttled_package: Option<u64>,
    /// What other processes took of the processors' time.
    others_percent: Option<f64>,
    /// What the host of a virtual machine took of it.
    stolen_percent: Option<f64>,
}

impl Conditions {
    pub(super) fn between(before: &Note, after: &Note) -> Self {
        let governor = |it: &Note| {
            let all = it.power.governors.join(", ");
            (!all.is_empty()).then_some(all)
        };
        let throttled = before.throttled.zip(after.throttled).map(|(before, after)| {
            let cores = after.cores.saturating_sub(before.cores);
            (cores, after.package.saturating_sub(before.package))
        });
        Self {
            power_source: before.power.source,
            power_source_after: after.power.source,
            battery_percent: before.power.battery,
            battery_percent_after: after.power.battery,
            governor: governor(before),
            governor_after: governor(after),
            preference: before.power.preference.clone(),
            preference_after: after.power.preference.clone(),
            profile: before.power.profile.clone(),
            profile_after: after.power.profile.clone(),
            boost: before.power.boost,
            boost_after: after.power.boost,
            mhz: before.mhz,
            mhz_after: after.mhz,
            celsius: before.celsius,
            celsius_after: after.celsius,
            throttled_cores: throttled.map(|it| it.0),
            throttled_package: throttled.map(|it| it.1),
            others_percent: others_percent(before, after),
            stolen_percent: stolen(before, after).map(|it| 100.0 * it),
        }
    }

    /// For people: of what, and what; nothing of what the system does not tell.
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        let megahertz = |it: u64| format!("{} MHz", grouped(it));
        let degrees = |it: f64| format!("{it:.0} °C");
        let clock = both(self.mhz.map(megahertz), self.mhz_after.map(megahertz));
        let heat = both(self.celsius.map(degrees), self.celsius_after.map(degrees));
        let heat: Vec<_> = heat.into_iter().chain(self.throttled()).collect();
        let share = |it: f64| format!("{it:.1}% of the processors' time");
        // Most machines are not virtual.
        let stolen = self.stolen_percent.filter(|&it| it >= 0.05);
        [
            ("power", self.power()),
            ("clock", clock),
            ("heat", (!heat.is_empty()).then(|| heat.join("; "))),
            ("others", self.others_percent.map(share)),
            ("host", stolen.map(share)),
        ]
        .into_iter()
        .filter_map(|(name, told)| Some((name, told?)))
        .collect()
    }

    /// What the system does not say.
    pub(super) fn untold(&self) -> Vec<&'static str> {
        let [power, governor, clock, heat] = [
            self.power_source.or(self.power_source_after).is_some(),
            self.governor.is_some() || self.governor_after.is_some(),
            self.mhz.or(self.mhz_after).is_some(),
            self.celsius.or(self.celsius_after).is_some() || self.throttled_cores.is_some(),
        ];
        let all = [("power", power), ("governor", governor), ("clock", clock), ("heat", heat)];
        all.into_iter().filter(|it| !it.1).map(|it| it.0).collect()
    }

    /// Whether others' share of the processors' time is known.
    pub(super) fn tells_load(&self) -> bool {
        self.others_percent.is_some()
    }

    /// The same, but for how busy the machine was, which is as in `whole`.
    pub(super) fn with_load_of(self, whole: &Self) -> Self {
        let Self { others_percent, stolen_percent, .. } = *whole;
        Self { others_percent, stolen_percent, ..self }
    }

    fn power(&self) -> Option<String> {
        let source = |source: Option<Source>, percent: Option<u64>| {
            let name = match source? {
                Source::Mains => "mains",
                Source::Battery => "battery",
            };
            let full = percent.map(|it| format!(" ({it}% full)")).unwrap_or_default();
            Some(format!("{name}{full}"))
        };
        let sources = both(
            source(self.power_source, self.battery_percent),
            source(self.power_source_after, self.battery_percent_after),
        );
        let governor = both(self.governor.clone(), self.governor_after.clone());
        let preference = both(self.preference.clone(), self.preference_after.clone());
        let profile = both(self.profile.clone(), self.profile_after.clone());
        let boost = |it: bool| if it { "on" } else { "off" }.to_owned();
        let boost = both(self.boost.map(boost), self.boost_after.map(boost));
        let parts = [
            sources,
            governor.map(|it| format!("governor {it}")),
            preference.map(|it| format!("preference {it}")),
            profile.map(|it| format!("profile {it}")),
            // As it is nearly everywhere.
            boost.filter(|it| it != "on").map(|it| format!("boost {it}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn throttled(&self) -> Option<String> {
        Some(match (self.throttled_cores?, self.throttled_package.unwrap_or(0)) {
            (0, 0) => "not throttled".to_owned(),
            (cores, package) => {
                format!("throttled: cores {}, all of it {}", times(cores), times(package))
            }
        })
    }
}

/// What makes figures that were measured between these two doubtful, each with what to do.
pub(in crate::commands) fn warnings(before: &Note, after: &Note) -> Vec<String> {
    let mut all = of_load(before, after);
    let it = Conditions::between(before, after);
    let throttled = it.throttled_cores.unwrap_or(0).max(it.throttled_package.unwrap_or(0));
    if throttled > 0 {
        all.push(format!(
            "the processor was too hot and slowed down {}: let it cool and measure again, or see \
             with `ingle bench --steady 60s` what it keeps up",
            times(throttled)
        ));
    }
    if it.power_source != it.power_source_after {
        all.push("the power came from elsewhere in the end: measure again".to_owned());
    }
    doctor::of_power(&after.power, &mut |_, what, todo| all.push(format!("{what}: {todo}")));
    all
}

/// Those of how busy the machine was.
pub(super) fn of_load(before: &Note, after: &Note) -> Vec<String> {
    let mut all = Vec::new();
    let processors = after.load.map_or(0, |it| it.processors()) as f64;
    let busy = |&it: &f64| it > QUIET || it * processors > QUIET_CORE;
    if let Some(others) = others(before, after).filter(busy) {
        all.push(format!(
            "other processes took {:.0}% of the processors' time, as much as {:.1} of them: end \
             them, and measure again",
            100.0 * others,
            others * processors
        ));
    }
    if let Some(stolen) = stolen(before, after).filter(|&it| it > QUIET) {
        all.push(format!(
            "the host took {:.0}% of the processors' time from this machine: measure when it is \
             quieter",
            100.0 * stolen
        ));
    }
    all
}

/// What other processes took of the processors' time between these two, in percent.
pub(in crate::commands) fn others_percent(before: &Note, after: &Note) -> Option<f64> {
    others(before, after).map(|it| 100.0 * it)
}

/// What part of the processors' time other processes took.
fn others(before: &Note, after: &Note) -> Option<f64> {
    after.load?.others_since(&before.load?)
}

/// What part of it the host took from a virtual machine.
fn stolen(before: &Note, after: &Note) -> Option<f64> {
    after.load?.stolen_since(&before.load?)
}

/// What it was before and after, where that differs.
fn both(before: Option<String>, after: Option<String>) -> Option<String> {
    match (before, after) {
        (Some(before), Some(after)) if before != after => {
            Some(format!("{before} before, {after} after"))
        }
        (Some(it), _) | (None, Some(it)) => Some(it),
        (None, None) => None,
    }
}

fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        _ => format!("{} times", grouped(n)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::{
        Watch,
        fixture::{self, lay},
    };

    const HOT: &[(&str, &str)] = &[
        ("proc/stat", "cpu  1000 0 0 9000 0 0 0 0\ncpu0 500 0 0 4500\ncpu1 500 0 0 4500\n"),
        ("proc/self/stat", "1 (ingle) R 1 1 1 0 -1 0 0 0 0 0 400 0 0 0\n"),
        ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "4300000\n"),
        ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n"),
        ("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "3\n"),
        ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
        ("sys/class/thermal/thermal_zone0/temp", "45000\n"),
    ];

    /// A laptop before and after `changed` was written.
    fn notes(changed: &[(&str, &str)]) -> (Note, Note) {
        let root = lay(&[fixture::LAPTOP, HOT].concat());
        let watch = Watch::at(root.path());
        let before = watch.note();
        for (name, text) in changed {
            fs::write(root.path().join(name), text).unwrap();
        }
        (before, watch.note())
    }

    fn told((before, after): &(Note, Note)) -> String {
        let told = Conditions::between(before, after).told();
        told.iter().map(|(name, what)| format!("{name}: {what}\n")).collect()
    }

    #[test]
    fn what_changed_is_told_and_what_is_not_known_is_not() {
        let changed = notes(&[
            ("proc/stat", "cpu  1500 0 0 9500 0 0 0 0\ncpu0 750 0 0 4750\ncpu1 750 0 0 4750\n"),
            ("proc/self/stat", "1 (ingle) R 1 1 1 0 -1 0 0 0 0 0 600 0 0 0\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1900000\n"),
            ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "15\n"),
            ("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "4\n"),
            ("sys/class/thermal/thermal_zone0/temp", "97000\n"),
            ("sys/class/power_supply/BAT0/capacity", "61\n"),
        ]);
        expect_test::expect![[r#"
            power: battery (63% full) before, battery (61% full) after; governor powersave; preference power; profile balanced
            clock: 4,300 MHz before, 1,900 MHz after
            heat: 45 °C before, 97 °C after; throttled: cores 12 times, all of it once
            others: 30.0% of the processors' time
        "#]]
        .assert_eq(&told(&changed));
        expect_test::expect![[r#"
            other processes took 30% of the processors' time, as much as 0.6 of them: end them, and measure again
            the processor was too hot and slowed down 12 times: let it cool and measure again, or see with `ingle bench --steady 60s` what it keeps up
            it runs on battery, where most machines are slower: plug it in
            the processor is to save power (its preference is `power`): `powerprofilesctl set performance`"#]]
        .assert_eq(&warnings(&changed.0, &changed.1).join("\n"));
        let untold = |(before, after): &(Note, Note)| Conditions::between(before, after).untold();
        assert_eq!(untold(&changed), [""; 0]);
        let nothing = (Note::default(), Note::default());
        assert_eq!(told(&nothing), "");
        assert_eq!(untold(&nothing), ["power", "governor", "clock", "heat"]);
        assert!(warnings(&nothing.0, &nothing.1).is_empty());
    }

    #[test]
    fn a_busy_core_among_many_is_told_and_so_is_a_busy_host() {
        let stat = |busy: u64, idle: u64, stolen: u64| {
            let cpus: String = (0..32).map(|it| format!("cpu{it} 0 0 0 0\n")).collect();
            format!("cpu  {busy} 0 0 {idle} 0 0 0 {stolen}\n{cpus}")
        };
        let own = ("proc/self/stat", "1 (ingle) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0\n");
        let warned = |later: &str| {
            let begin = stat(0, 0, 0);
            let root = lay(&[own, ("proc/stat", begin.as_str())]);
            let watch = Watch::at(root.path());
            let before = watch.note();
            fs::write(root.path().join("proc/stat"), later).unwrap();
            warnings(&before, &watch.note()).join("\n")
        };
        let core = "other processes took 3% of the processors' time, as much as 1.0 of them: end \
                    them, and measure again";
        assert_eq!(warned(&stat(100, 3100, 0)), core);
        assert_eq!(warned(&stat(40, 3160, 0)), "");
        let host = "the host took 10% of the processors' time from this machine: measure when it is \
                    quieter";
        assert_eq!(warned(&stat(0, 2880, 320)), host);
    }

    #[test]
    fn a_plug_that_is_pulled_is_told() {
        let plugged = ("sys/class/power_supply/ADP1/online", "1\n");
        let (after, before) = notes(&[plugged]);
        let told = told(&(before.clone(), after.clone()));
        let expected = "power: mains (63% full) before, battery (63% full) after; governor";
        assert!(told.starts_with(expected), "{told}");
        let warned = warnings(&before, &after);
        assert!(warned.iter().any(|it| it.contains("from elsewhere")), "{warned:?}");
    }
}
