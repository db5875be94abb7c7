//! How much memory is free.

use std::fs;

/// Bytes that can be taken without anything being swapped out; `None` where the system does not
/// say in a way that we read.
pub(crate) fn free() -> Option<u64> {
    let machine = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(machine.min(left_in_group().unwrap_or(u64::MAX)))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|it| it.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What the control group that we are in may still take.
fn left_in_group() -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_available_memory_is_read() {
        let text = "MemTotal:  16000 kB\nMemAvailable:    8000 kB\nSwapFree: 1 kB\n";
        assert_eq!(available(text), Some(8000 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }
}
