//! What the processor took, as it counts by itself (RAPL). Most systems let only root read that.

use std::{fs, path::Path};

/// Counters of all sockets at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Joules {
    /// In millionths.
    counted: u64,
    /// Where counters begin anew.
    range: u64,
}

impl Joules {
    /// Joules since an earlier moment; nothing where counters began anew.
    pub(super) fn since(self, before: Self) -> Option<f64> {
        let same = self.range == before.range;
        let spent = self.counted.checked_sub(before.counted).filter(|&it| same && it > 0);
        spent.map(|it| it as f64 / 1e6)
    }
}

/// What the counters of this machine say.
pub(super) fn joules() -> Option<Joules> {
    at(Path::new("/"))
}

fn at(root: &Path) -> Option<Joules> {
    let zones = fs::read_dir(root.join("sys/class/powercap")).ok()?.flatten();
    let mut all = Joules { counted: 0, range: 0 };
    let mut found = false;
    for zone in zones {
        let name = zone.file_name();
        // A socket; `intel-rapl:0:0` is a part of one, `intel-rapl-mmio:0` counts the same again.
        let socket = name.to_str().and_then(|it| it.strip_prefix("intel-rapl:"));
        if socket.is_none_or(|it| it.contains(':')) {
            continue;
        }
        let number = |file: &str| {
            fs::read_to_string(zone.path().join(file)).ok()?.trim().parse::<u64>().ok()
        };
        all.counted = all.counted.checked_add(number("energy_uj")?)?;
        all.range = all.range.checked_add(number("max_energy_range_uj").unwrap_or(0))?;
        found = true;
    }
    found.then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::lay;

    #[test]
    fn sockets_count_and_their_parts_do_not() {
        let files = [
            ("sys/class/powercap/intel-rapl:0/energy_uj", "5000000\n"),
            ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "100\n"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "7\n"),
            ("sys/class/powercap/intel-rapl-mmio:0/energy_uj", "5000000\n"),
            ("sys/class/powercap/intel-rapl:1/energy_uj", "2000000\n"),
        ];
        assert_eq!(at(lay(&files).path()), Some(Joules { counted: 7_000_000, range: 100 }));
        assert_eq!(at(lay(&[]).path()), None);
        assert_eq!(at(lay(&files[1..2]).path()), None);
    }

    #[test]
    fn a_counter_that_began_anew_tells_nothing() {
        let at = |counted| Joules { counted, range: 100 };
        assert_eq!(at(3_500_000).since(at(1_000_000)), Some(2.5));
        assert_eq!((at(1).since(at(9)), at(9).since(at(9))), (None, None));
    }
}
