//! The caches of the processor.

use std::{collections::BTreeMap, path::Path};

use super::{names, number, text};

/// Bytes of all caches of the last level together, where the system tells. A guest may be told of a
/// cache that it shares with others.
pub(crate) fn last_level(root: &Path) -> Option<u64> {
    let cpus = root.join("sys/devices/system/cpu");
    // Of each cache, by the hardware threads that share it: its level and its bytes.
    let mut found: BTreeMap<(u8, String), u64> = BTreeMap::new();
    for cpu in names(&cpus).iter().filter(|it| is_cpu(it)) {
        let caches = cpus.join(cpu).join("cache");
        for cache in names(&caches).iter().map(|it| caches.join(it)) {
            let holds_data = text(&cache.join("type")).is_some_and(|it| it != "Instruction");
            let level = number(&cache.join("level")).filter(|_| holds_data);
            let bytes = text(&cache.join("size")).as_deref().and_then(bytes);
            if let (Some(level), Some(bytes)) = (level, bytes) {
                let shared = text(&cache.join("shared_cpu_list")).unwrap_or_else(|| cpu.clone());
                found.insert((level, shared), bytes);
            }
        }
    }
    let last = found.keys().map(|it| it.0).max()?;
    Some(found.iter().filter(|it| it.0.0 == last).map(|it| it.1).sum())
}

/// Whether this is the folder of a hardware thread: `cpu7`.
fn is_cpu(name: &str) -> bool {
    let digits = name.strip_prefix("cpu").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Bytes of `2048K` or `32M`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::lay;

    #[track_caller]
    fn check(caches: &[(&str, &str, &str, &str)], expected: Option<u64>) {
        let file = |(folder, level, size, shared): &(&str, &str, &str, &str)| {
            let at = format!("sys/devices/system/cpu/{folder}");
            [("level", *level), ("size", *size), ("shared_cpu_list", *shared), ("type", "Unified")]
                .map(|(name, text)| (format!("{at}/{name}"), text.to_owned()))
        };
        let files: Vec<_> = caches.iter().flat_map(file).collect();
        let files: Vec<_> = files.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
        assert_eq!(last_level(lay(&files).path()), expected, "{caches:?}");
    }

    #[test]
    fn what_is_shared_counts_once() {
        check(&[], None);
        let l2 = ("cpu0/cache/index2", "2", "2048K", "0");
        check(&[l2], Some(2 << 20));
        let first = ("cpu0/cache/index3", "3", "32M", "0-1");
        let same = ("cpu1/cache/index3", "3", "32M", "0-1");
        check(&[l2, first, same], Some(32 << 20));
        let other = ("cpu2/cache/index3", "3", "32768K", "2-3");
        check(&[l2, first, same, other], Some(64 << 20));
    }

    #[test]
    fn nonsense_is_no_cache() {
        check(&[("cpu0/cache/index3", "3", "-1K", "0")], None);
        check(&[("cpu0/cache/index3", "x", "1K", "0")], None);
        check(&[("cpufreq/cache/index3", "3", "1K", "0")], None);
    }
}
