//! Memory: how much there is, what of it may be had, and in which pages.

use std::path::Path;

use serde::Serialize;

use super::text;
use crate::memory::linux::{free, limit, lock_limit, value};

/// In bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// All of the machine.
    pub(crate) total: Option<u64>,
    /// What can be taken without anything being swapped out, limits included.
    pub(crate) free: Option<u64>,
    /// The most that control groups let this process have, where that is less than all.
    pub(crate) limit: Option<u64>,
    /// Room to swap out to.
    pub(crate) swap: Option<u64>,
    /// What of it is taken.
    pub(crate) swap_used: Option<u64>,
    /// When the kernel makes huge pages by itself: `always`, `madvise`, `never`.
    pub(crate) huge_pages: Option<String>,
    /// Huge pages that were set aside.
    pub(crate) huge_reserved: Option<u64>,
    /// The most that this process may lock (`--mlock`), where there is a limit.
    pub(crate) lock_limit: Option<u64>,
}

impl Memory {
    pub(super) fn at(root: &Path) -> Self {
        let info = text(&root.join("proc/meminfo")).unwrap_or_default();
        let bytes = |name: &str| value(&info, name).map(|kib| kib.saturating_mul(1024));
        let total = bytes("MemTotal:");
        let swap = bytes("SwapTotal:");
        let used = |swap: u64| Some(swap.saturating_sub(bytes("SwapFree:")?));
        let pages = value(&info, "HugePages_Total:");
        let reserved = |pages: u64| Some(pages.saturating_mul(bytes("Hugepagesize:")?));
        Self {
            total,
            free: free(root),
            limit: limit(root).filter(|&it| total.is_none_or(|total| it < total)),
            swap,
            swap_used: swap.and_then(used),
            huge_pages: text(&root.join("sys/kernel/mm/transparent_hugepage/enabled"))
                .as_deref()
                .and_then(chosen)
                .map(str::to_owned),
            huge_reserved: pages.and_then(reserved),
            lock_limit: lock_limit(root),
        }
    }
}

/// The word in brackets: `always [madvise] never`.
fn chosen(text: &str) -> Option<&str> {
    let word = text.split_once('[')?.1.split_once(']')?.0;
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{self, lay};

    #[test]
    fn a_laptop_says_what_it_has_and_swaps() {
        let expected = Memory {
            total: Some(16_072_084 << 10),
            free: Some(9_785_444 << 10),
            limit: None,
            swap: Some(2_097_148 << 10),
            swap_used: Some(1_100_000 << 10),
            huge_pages: Some("madvise".to_owned()),
            huge_reserved: Some(0),
            lock_limit: Some(8 << 20),
        };
        assert_eq!(Memory::at(lay(fixture::LAPTOP).path()), expected);
    }

    #[test]
    fn a_container_has_less_than_the_machine() {
        let found = Memory::at(lay(fixture::CONTAINER).path());
        assert_eq!((found.limit, found.free), (Some(4 << 30), Some(3_584 << 20)));
        assert_eq!(found.swap, Some(0));
        let roomy = ("sys/fs/cgroup/memory.max", "1000000000000\n");
        let found = Memory::at(lay(&[fixture::CONTAINER, &[roomy]].concat()).path());
        assert_eq!(found.limit, None);
    }
}
