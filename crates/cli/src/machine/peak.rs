//! The most memory that this process had at once, mapped files included.
//!
//! Linux can be told to forget it; elsewhere what was measured apart may hide what follows.

use std::{fs::File, io::Write, path::Path};

use super::held::Held;
use crate::memory::linux::value;

/// What tells.
#[derive(Debug)]
pub(crate) struct Peak {
    status: Option<Held>,
    /// Takes the word that makes the kernel forget.
    forget: Option<File>,
    /// The most so far, in bytes.
    most: Option<u64>,
    /// What the system counts that does not count here.
    hidden: u64,
}

impl Peak {
    /// Of this process.
    pub(crate) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    /// Of the one whose files are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        let folder = root.join("proc/self");
        Self {
            status: Held::open(&folder.join("status")),
            forget: File::options().write(true).open(folder.join("clear_refs")).ok(),
            most: None,
            hidden: 0,
        }
    }

    /// The most that it had so far; nothing where the system does not say.
    pub(crate) fn note(&mut self) -> Option<u64> {
        let high = self.high().filter(|&it| it > self.hidden);
        // Where the most is hidden, it was at least what is taken now.
        self.most = self.most.max(high.or_else(|| self.value("VmRSS:")));
        self.most
    }

    /// Does `other`, whose memory does not count.
    pub(crate) fn apart<T>(&mut self, other: impl FnOnce() -> T) -> T {
        self.note();
        let done = other();
        // `proc(5)`: this sets the most to what is taken now.
        let forgot = self.forget.as_ref().is_some_and(|mut it| it.write_all(b"5").is_ok());
        self.hidden = if forgot { 0 } else { self.high().unwrap_or(0) };
        done
    }

    fn high(&self) -> Option<u64> {
        self.value("VmHWM:").or_else(used)
    }

    fn value(&self, name: &str) -> Option<u64> {
        let kib = value(&self.status.as_ref()?.text()?, name)?;
        Some(kib.saturating_mul(1024))
    }
}

/// What other systems say.
#[cfg(all(unix, not(target_os = "linux")))]
fn used() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let most = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    u64::try_from(most).ok().filter(|&it| it > 0)?.checked_mul(unit)
}

#[cfg(any(not(unix), target_os = "linux"))]
fn used() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::fixture::lay;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_needs_memory() {
        let mut peak = Peak::here();
        assert!(peak.note().is_some_and(|it| it > 100_000));
    }

    #[test]
    fn what_is_done_apart_does_not_count() {
        let status =
            |high: u64, now: u64| format!("Name:\ta\nVmHWM:\t{high} kB\nVmRSS:\t{now} kB\n");
        for can_forget in [false, true] {
            let root = lay(&[("proc/self/status", status(100, 90).as_str())]);
            let path = root.path().join("proc/self/status");
            if can_forget {
                fs::write(root.path().join("proc/self/clear_refs"), "").unwrap();
            }
            let set = |high, now| fs::write(&path, status(high, now)).unwrap();
            let mut peak = Peak::at(root.path());
            assert_eq!(peak.note(), Some(100 << 10));
            peak.apart(|| set(900, 95));
            if can_forget {
                let word = fs::read_to_string(root.path().join("proc/self/clear_refs")).unwrap();
                assert_eq!(word, "5");
                set(95, 95);
            }
            assert_eq!(peak.note(), Some(100 << 10));
            set(if can_forget { 120 } else { 900 }, 120);
            assert_eq!(peak.note(), Some(120 << 10));
            set(1000, 120);
            assert_eq!(peak.note(), Some(1000 << 10));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_is_said_where_nothing_is_known() {
        assert_eq!(Peak::at(lay(&[]).path()).note(), None);
    }
}
