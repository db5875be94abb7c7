//! Energy: counters of the processor and its memory (RAPL), or what the batteries give.
//!
//! The counters are Intel's and AMD's, and since 2020 most systems let only root read them: they tell
//! others what a process computes. A battery powers the whole machine, its screen included.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{held::Held, names, number, power::Supplies, text};

/// What tells how much was used.
#[derive(Debug)]
pub(crate) struct Meter {
    zones: Vec<Zone>,
    refused: bool,
    supplies: Supplies,
}

/// A counter of microjoules.
#[derive(Debug)]
struct Zone {
    name: String,
    counter: Held,
    /// The last number before it begins anew at 0.
    last: u64,
}

/// A moment, and what the counters said then.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// Before the counters were read, which takes its time.
    before: Instant,
    counters: Vec<u64>,
    /// And after.
    after: Instant,
}

impl Meter {
    /// Of this machine.
    pub(crate) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    /// Of the one whose files are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        let mut found = Self { zones: Vec::new(), refused: false, supplies: Supplies::at(root) };
        let folder = root.join("sys/class/powercap");
        for zone in names(&folder) {
            let Some(name) = text(&folder.join(&zone).join("name")) else { continue };
            if !counts(&zone, &name) {
                continue;
            }
            let path = folder.join(&zone).join("energy_uj");
            let last = number(&folder.join(&zone).join("max_energy_range_uj"));
            match (Held::open(&path), last) {
                (Some(counter), Some(last)) => found.zones.push(Zone { name, counter, last }),
                (None, _) => found.refused |= path.exists(),
                (Some(_), None) => {}
            }
        }
        // What some of them tell is not what all take.
        if found.refused {
            found.zones.clear();
        }
        found
    }

    /// Whether there are counters that this process may not read.
    fn is_refused(&self) -> bool {
        self.refused && self.zones.is_empty()
    }

    /// What to do where nothing tells, though something could.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        self.is_refused().then_some(
            "only root may read the processor's counters (RAPL): run it with `sudo`, or let your \
             group read `/sys/class/powercap/intel-rapl:*/energy_uj`",
        )
    }

    /// What tells, and of what: nothing where nothing does.
    pub(crate) fn source(&self) -> Option<String> {
        if self.zones.is_empty() {
            return self.supplies.watts().map(|_| "battery: the whole machine".to_owned());
        }
        let names: Vec<_> = self.zones.iter().map(|it| it.name.as_str()).collect();
        Some(format!("RAPL: {}", names.join(", ")))
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        self.mark_at(Instant::now())
    }

    /// Now, where what is measured ended `before`.
    pub(crate) fn mark_at(&self, before: Instant) -> Mark {
        let counters = self.zones.iter().map(|it| it.counter.number::<u64>());
        // One that cannot be read any more makes all of them worthless.
        let counters = counters.collect::<Option<Vec<_>>>().unwrap_or_default();
        Mark { before, counters, after: Instant::now() }
    }

    /// Joules that were used from `from` to `to`, which was a moment ago: a battery says only what
    /// it gives now.
    pub(crate) fn joules(&self, from: &Mark, to: &Mark) -> Option<f64> {
        if self.zones.is_empty() {
            return Some(self.supplies.watts()? * from.until(to).as_secs_f64());
        }
        let both = from.counters.iter().zip(&to.counters);
        let used: u64 = self.zones.iter().zip(both).map(|(zone, (a, b))| zone.used(*a, *b)).sum();
        // They move once in a millisecond.
        (used > 0).then(|| used as f64 / 1e6)
    }
}

impl Zone {
    fn used(&self, from: u64, to: u64) -> u64 {
        if to >= from { to - from } else { to.saturating_add(self.last.saturating_sub(from)) }
    }
}

impl Mark {
    /// How long it was from here to `end`.
    pub(crate) fn until(&self, end: &Self) -> Duration {
        end.before.saturating_duration_since(self.after)
    }
}

/// Whether a zone is a whole processor, or memory beside it. What lies in a processor is in its
/// count, and `psys` counts the rest of the machine as well.
fn counts(zone: &str, name: &str) -> bool {
    let Some(number) = zone.strip_prefix("intel-rapl:") else { return false };
    match number.contains(':') {
        false => name.starts_with("package"),
        true => name == "dram",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::fixture::{self, Files, lay};

    const COUNTED: Files<'static> = &[
        ("sys/class/powercap/intel-rapl/enabled", "1\n"),
        ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
        ("sys/class/powercap/intel-rapl:0/energy_uj", "4000000\n"),
        ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "5000000\n"),
        ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
        ("sys/class/powercap/intel-rapl:0:0/energy_uj", "1000000\n"),
        ("sys/class/powercap/intel-rapl:0:0/max_energy_range_uj", "5000000\n"),
        ("sys/class/powercap/intel-rapl:0:1/name", "dram\n"),
        ("sys/class/powercap/intel-rapl:0:1/energy_uj", "100000\n"),
        ("sys/class/powercap/intel-rapl:0:1/max_energy_range_uj", "5000000\n"),
        ("sys/class/powercap/intel-rapl:1/name", "psys\n"),
        ("sys/class/powercap/intel-rapl:1/energy_uj", "9000000\n"),
        ("sys/class/powercap/intel-rapl-mmio:0/name", "package-0\n"),
        ("sys/class/powercap/intel-rapl-mmio:0/energy_uj", "4000000\n"),
    ];

    #[test]
    fn counters_begin_anew_where_they_end() {
        let root = lay(COUNTED);
        let meter = Meter::at(root.path());
        assert_eq!(meter.source().as_deref(), Some("RAPL: package-0, dram"));
        assert!(!meter.is_refused());
        let count = |zone: &str, number: &str| {
            let path = root.path().join("sys/class/powercap").join(zone).join("energy_uj");
            fs::write(path, number).unwrap();
        };
        let begin = meter.mark();
        count("intel-rapl:0", "4500000\n");
        let middle = meter.mark();
        assert_eq!(meter.joules(&begin, &middle), Some(0.5));
        count("intel-rapl:0", "250000\n");
        count("intel-rapl:0:1", "350000\n");
        let end = meter.mark();
        assert_eq!(meter.joules(&middle, &end), Some(1.0));
        assert_eq!(meter.joules(&end, &end), None);
        // What stands still, or cannot be read, is no measurement.
        count("intel-rapl:0", "\n");
        assert_eq!(meter.joules(&end, &meter.mark()), None);
    }

    #[test]
    fn a_battery_tells_where_there_are_no_counters() {
        let power = [("sys/class/power_supply/BAT0/power_now", "20000000\n")];
        let root = lay(&[fixture::LAPTOP, &power].concat());
        let meter = Meter::at(root.path());
        assert_eq!(meter.source().as_deref(), Some("battery: the whole machine"));
        let begin = meter.mark();
        let end = meter.mark_at(begin.after + Duration::from_millis(500));
        assert_eq!(begin.until(&end), Duration::from_millis(500));
        assert_eq!(meter.joules(&begin, &end), Some(10.0));
    }

    #[test]
    fn nothing_is_guessed() {
        let meter = Meter::at(lay(fixture::BOARD).path());
        let mark = meter.mark();
        assert_eq!((meter.source(), meter.joules(&mark, &mark)), (None, None));
        assert!(!meter.is_refused());
    }

    #[cfg(unix)]
    #[test]
    fn what_only_root_may_read_is_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = lay(&COUNTED[1..3]);
        let refused = root.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
        fs::set_permissions(&refused, fs::Permissions::from_mode(0o0)).unwrap();
        // Root may read everything.
        let may = fs::read(&refused).is_ok();
        assert_eq!(Meter::at(root.path()).is_refused(), !may);
        assert_eq!(Meter::at(root.path()).remedy().is_some(), !may);
    }

    #[cfg(unix)]
    #[test]
    fn a_part_of_the_counters_is_not_told_as_all() {
        use std::os::unix::fs::PermissionsExt as _;
        let second = [
            ("sys/class/powercap/intel-rapl:2/name", "package-1\n"),
            ("sys/class/powercap/intel-rapl:2/energy_uj", "4000000\n"),
            ("sys/class/powercap/intel-rapl:2/max_energy_range_uj", "5000000\n"),
        ];
        let root = lay(&[COUNTED, &second].concat());
        let source = || Meter::at(root.path()).source();
        assert_eq!(source().as_deref(), Some("RAPL: package-0, dram, package-1"));
        let refused = root.path().join("sys/class/powercap/intel-rapl:2/energy_uj");
        fs::set_permissions(&refused, fs::Permissions::from_mode(0o0)).unwrap();
        // Root may read everything.
        if fs::read(&refused).is_err() {
            assert_eq!(source(), None);
            assert!(Meter::at(root.path()).is_refused());
        }
    }
}
