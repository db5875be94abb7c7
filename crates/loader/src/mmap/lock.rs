//! Pages that the system leaves in memory until their mapping ends.

use std::{io, ops::Range};

use super::guard::page;

/// The pages that some bytes lie in, by their addresses: ascending, and none of them twice.
pub(crate) struct Pages(Vec<Range<usize>>);

impl Pages {
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a [u8]>) -> Self {
        let page = page();
        let around = |bytes: &[u8]| {
            let begin = bytes.as_ptr().addr();
            begin / page * page..(begin + bytes.len()).next_multiple_of(page)
        };
        let mut all: Vec<_> = all.filter(|it| !it.is_empty()).map(around).collect();
        all.sort_unstable_by_key(|it| it.start);
        let mut pages: Vec<Range<usize>> = Vec::new();
        for it in all {
            match pages.last_mut() {
                Some(last) if it.start <= last.end => last.end = last.end.max(it.end),
                _ => pages.push(it),
            }
        }
        Self(pages)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|it| it.len() as u64).sum()
    }

    /// Locks all of them, or none.
    pub(crate) fn lock(&self) -> io::Result<()> {
        let locked = self.0.iter().try_for_each(lock);
        if locked.is_err() {
            self.0.iter().for_each(unlock);
        }
        locked
    }
}

#[cfg(unix)]
fn lock(pages: &Range<usize>) -> io::Result<()> {
    // SAFETY: `mlock` changes no byte, and says so where nothing is mapped; the pointer is an
    // address to it, and nobody reads through it.
    match unsafe { libc::mlock(std::ptr::without_provenance(pages.start), pages.len()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(unix)]
fn unlock(pages: &Range<usize>) {
    // SAFETY: as in `lock`. What was not locked stays so.
    unsafe { libc::munlock(std::ptr::without_provenance(pages.start), pages.len()) };
}

#[cfg(not(unix))]
fn lock(_: &Range<usize>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn unlock(_: &Range<usize>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_counts_once_and_as_a_whole() {
        let bytes = vec![0u8; 1 << 20];
        let part = |range: Range<usize>| &bytes[range];
        let of = |parts: &[Range<usize>]| Pages::of(parts.iter().cloned().map(part)).bytes();
        let page = page();
        // Wherever the allocator put them, this is where a page begins.
        let begin = bytes.as_ptr().addr().next_multiple_of(page) - bytes.as_ptr().addr();
        let at = |from: usize, to: usize| begin + from..begin + to;
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[at(5, 5)]), 0);
        assert_eq!(of(&[at(9, 10), at(0, 1)]), page as u64);
        assert_eq!(of(&[at(page - 1, page + 1), at(page, page + 2)]), 2 * page as u64);
        assert_eq!(of(&[at(3 * page, 3 * page + 1), at(0, 1)]), 2 * page as u64);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_mapped_is_not_locked() {
        let nowhere = usize::MAX - 2 * page() + 1..usize::MAX - page() + 1;
        Pages(vec![nowhere]).lock().unwrap_err();
    }
}
