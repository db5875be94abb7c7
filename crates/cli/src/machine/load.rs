//! How busy the machine is, and how much of that is this process.

use std::path::Path;

use super::{held::Held, text};

/// In so many ticks, half a second, there is enough to tell.
const ENOUGH: u64 = 50;

/// The kernel's counters.
#[derive(Debug)]
pub(super) struct Counters {
    all: Option<Held>,
    own: Option<Held>,
}

/// Time that processors spent, in ticks of a hundredth of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// With work of this machine, all together.
    busy: u64,
    /// That the host of a virtual machine gave to others.
    stolen: u64,
    /// With work and without.
    all: u64,
    /// With this process.
    own: u64,
    /// How many hardware threads count.
    processors: u64,
}

/// How many threads were at work or waited for it, as a mean of about the last minute.
pub(super) fn average(root: &Path) -> Option<f64> {
    let text = text(&root.join("proc/loadavg"))?;
    let average: f64 = text.split_whitespace().next()?.parse().ok()?;
    (average.is_finite() && average >= 0.0).then_some(average)
}

impl Counters {
    pub(super) fn at(root: &Path) -> Self {
        let proc = root.join("proc");
        Self { all: Held::open(&proc.join("stat")), own: Held::open(&proc.join("self/stat")) }
    }

    /// What they say now.
    pub(super) fn read(&self) -> Option<Load> {
        let own = of_process(&self.own.as_ref()?.text()?)?;
        Some(Load { own, ..of_machine(&self.all.as_ref()?.text()?)? })
    }
}

impl Load {
    /// What part of the processors' time others took since `before`: 0 to 1. Nothing where that was
    /// too short to tell.
    pub(crate) fn others_since(&self, before: &Self) -> Option<f64> {
        let busy = self.busy.saturating_sub(before.busy);
        let own = self.own.saturating_sub(before.own);
        self.part_since(before, busy.saturating_sub(own))
    }

    /// What part of it the host took from this machine, if it is a virtual one.
    pub(crate) fn stolen_since(&self, before: &Self) -> Option<f64> {
        self.part_since(before, self.stolen.saturating_sub(before.stolen))
    }

    /// How many hardware threads there are.
    pub(crate) fn processors(&self) -> u64 {
        self.processors
    }

    fn part_since(&self, before: &Self, ticks: u64) -> Option<f64> {
        let passed = self.all.saturating_sub(before.all);
        let enough = passed >= ENOUGH.saturating_mul(self.processors);
        enough.then(|| ticks as f64 / passed as f64)
    }
}

/// What `/proc/stat` says; nothing of this process.
fn of_machine(text: &str) -> Option<Load> {
    // cpu  user nice system idle iowait irq softirq steal guest guest_nice; guests are in user.
    let line = text.lines().find_map(|it| it.strip_prefix("cpu "))?;
    let times = line.split_whitespace().take(8).map(|it| it.parse::<u64>().ok());
    let times: Vec<u64> = times.collect::<Option<_>>()?;
    let all: u64 = times.iter().sum();
    let time = |field: usize| times.get(field).copied().unwrap_or(0);
    let (idle, stolen) = (times.get(3)? + time(4), time(7));
    let is_one = |line: &&str| {
        let number = line.strip_prefix("cpu");
        number.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
    };
    let processors = text.lines().filter(is_one).count() as u64;
    let busy = all - idle - stolen;
    (processors > 0).then_some(Load { busy, stolen, all, own: 0, processors })
}

/// What `/proc/self/stat` says: time in the program, and in the kernel for it.
fn of_process(text: &str) -> Option<u64> {
    // The program's name may have blanks and brackets in it; the state follows, the third field.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(|it| it.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::lay;

    const OWN: &str = "7 (a ) b) R 1 7 7 0 -1 4194304 100 0 0 0 30 12 5 6 20 0 3 0 99 0 0\n";

    #[test]
    fn counters_are_read() {
        let all = "cpu  100 10 30 800 60 1 2 7 50 0\ncpu0 50 5 15 400 30 0 1 3 25 0\n\
                   cpu1 50 5 15 400 30 1 1 4 25 0\nintr 1 2 3\n";
        let root = lay(&[("proc/stat", all), ("proc/self/stat", OWN)]);
        let expected = Load { busy: 143, stolen: 7, all: 1010, own: 42, processors: 2 };
        assert_eq!(Counters::at(root.path()).read(), Some(expected));
        assert_eq!(Counters::at(lay(&[("proc/stat", all)]).path()).read(), None);
        for nonsense in ["", "cpu  1 2 3\ncpu0 1 2 3\n", "cpu  a b c d\ncpu0\n", "cpu  1 2 3 4\n"] {
            assert_eq!(of_machine(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn the_average_is_that_of_a_minute() {
        let of = |text: &str| average(lay(&[("proc/loadavg", text)]).path());
        assert_eq!(of("4.13 2.50 1.00 5/1234 99\n"), Some(4.13));
        for nonsense in ["", "x 1 2", "-1 0 0", "inf 0 0", "NaN"] {
            assert_eq!(of(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn others_are_what_is_busy_beside_this_process() {
        let before = Load { busy: 1000, stolen: 10, all: 5000, own: 200, processors: 4 };
        let after = |busy, own, all| Load {
            busy: before.busy + busy,
            all: before.all + all,
            own: before.own + own,
            ..before
        };
        let others = |busy, own, all| after(busy, own, all).others_since(&before);
        assert_eq!(others(300, 200, 400), Some(0.25));
        assert_eq!(others(200, 200, 400), Some(0.0));
        // What counts this process and what counts all do not agree to the tick.
        assert_eq!(others(200, 203, 400), Some(0.0));
        assert_eq!(others(100, 0, 199), None);
        let stolen = Load { stolen: before.stolen + 40, ..after(200, 200, 400) };
        assert_eq!(stolen.stolen_since(&before), Some(0.1));
        assert_eq!(stolen.others_since(&before), Some(0.0));
    }
}
