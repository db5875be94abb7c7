//! Pages of a mapping before anybody needs them: whether they are in memory, and how they come
//! there.
//!
//! Whoever touches a page that is not there waits until it was read, with a little around it, and
//! then touches the next, unless more is asked for:
//!
//! - `MADV_WILLNEED` has pages read and does not wait; but no more of them at a time than the disk
//!   takes in one request, however many are named. So it is said of pieces, and not of a file. What it
//!   brings lies in small pages: where a page that is touched brings huge ones (`huge`), it is not said.
//! - `MADV_POPULATE_READ`, since Linux 5.14, waits for the pages and maps them. One that cannot be
//!   read gives an error, where touching it would raise a signal.
//! - `MADV_SEQUENTIAL` holds from then on: more is read ahead, and what was used goes before
//!   anything else does. For weights that do not fit into memory that is right: by the time that
//!   they are used again they are gone, whatever was said, and what others use is spared. For those
//!   that fit it is wrong: all are used again at the next token.

use std::{hint::black_box, ops::Range};

use memmap2::{Advice, Mmap};

use super::guard::page;

/// So many pages of a file are asked for: to ask for all takes the longer the larger it is.
const PROBES: usize = 512;

/// Whether some of the pages are on the disk alone. What was read in part, or was pushed out, is so
/// in long stretches: a look at pages here and there finds it.
pub(super) fn is_cold(map: &Mmap) -> bool {
    let page = page();
    let pages = map.len().div_ceil(page);
    let apart = pages.div_ceil(PROBES).max(1);
    (0..pages).step_by(apart).any(|at| !is_there(&map[at * page..]))
}

/// Whether the first page of `bytes`, which begin where one does, is in memory; also where the
/// system does not say.
fn is_there(bytes: &[u8]) -> bool {
    let mut state = 0u8;
    // SAFETY: `bytes` begin at a page of a mapping, and are borrowed; of one page the state is a
    // byte, which is there to be written.
    let asked = unsafe { libc::mincore(bytes.as_ptr().cast_mut().cast(), 1, &raw mut state) };
    asked != 0 || state & 1 == 1
}

/// Has the pages of `range` read, and does not wait.
pub(super) fn request(map: &Mmap, range: Range<usize>) {
    // A page that does not come now comes when it is touched.
    let _ = map.advise_range(Advice::WillNeed, range.start, range.len());
}

/// Reads the pages of `range`, and waits for them.
pub(super) fn read(map: &Mmap, range: Range<usize>) {
    // A wish, too.
    let waited = map.advise_range(Advice::PopulateRead, range.start, range.len());
    if waited.is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL)) {
        // Older than 5.14.
        touch(map, range);
    }
}

/// Looks at a byte of each page; one that is lost is the affair of `guard`.
fn touch(map: &Mmap, range: Range<usize>) {
    for at in range.step_by(page()) {
        black_box(map[at]);
    }
}

/// From here on the pages are read in their order, and may go once they were used.
pub(super) fn stream(map: &Mmap) {
    // Without it they are read all the same.
    let _ = map.advise(Advice::Sequential);
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::Path,
    };

    use super::*;
    use crate::{Error, mmap::Mapped};

    const LEN: usize = 1 << 20;
    const WAYS: [fn(&Mmap, Range<usize>); 3] = [requested, read, touch];

    fn requested(map: &Mmap, range: Range<usize>) {
        request(map, range.clone());
        read(map, range);
    }

    /// A file that nobody wrote a byte to: it is as long as it says, and none of it is in memory.
    fn hole() -> (File, Mapped) {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(LEN as u64).expect("room for nothing");
        let mapped = Mapped::new(file.try_clone().expect("a second handle")).expect("it is mapped");
        (file, mapped)
    }

    /// What the system tells of a mapping under this name.
    fn told(map: &Mmap, name: &str) -> String {
        let all = fs::read_to_string("/proc/self/smaps").expect("the system tells");
        let begin = format!("{:x}-", map.as_ptr().addr());
        let mut lines = all.lines().skip_while(|it| !it.starts_with(&begin));
        let line = lines.find_map(|it| it.strip_prefix(name)).expect("it is told");
        line.trim().to_owned()
    }

    /// An emulator takes advice and does nothing.
    fn is_emulated() -> bool {
        let emulated = std::env::var_os("INGLE_EMULATED").is_some();
        if emulated {
            eprintln!("skipped: emulated");
        }
        emulated
    }

    #[test]
    fn what_was_read_is_in_memory_and_mapped() {
        if is_emulated() {
            return;
        }
        for read in WAYS {
            let (_file, mapped) = hole();
            let map = &mapped.map;
            assert!(is_cold(map), "nobody read it");
            assert_eq!(told(map, "Rss:"), "0 kB");
            read(map, 0..LEN);
            assert!(!is_cold(map), "it was read");
            assert_eq!(told(map, "Rss:"), format!("{} kB", LEN / 1024));
            mapped.check(Path::new("hole")).unwrap();
        }
    }

    #[test]
    fn what_was_written_just_now_is_in_memory() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), vec![1; LEN]).expect("room for it");
        let mapped = Mapped::new(file.reopen().expect("it is there")).expect("it is mapped");
        assert!(!mapped.is_cold());
        let empty = tempfile::tempfile().expect("a temporary file");
        assert!(!Mapped::new(empty).expect("nothing is mapped, too").is_cold());
    }

    #[test]
    fn t18_a_file_that_was_cut_raises_no_signal() {
        for read in WAYS {
            let (file, mapped) = hole();
            file.set_len(10).unwrap();
            read(&mapped.map, 0..LEN);
            let error = mapped.check(Path::new("hole")).unwrap_err();
            assert!(matches!(error, Error::TruncatedWhileMapped { found: 10, .. }), "{error}");
        }
    }

    #[test]
    fn only_what_is_streamed_is_said_to_be() {
        if is_emulated() {
            return;
        }
        let (_file, mapped) = hole();
        let has = |flag| told(&mapped.map, "VmFlags:").split(' ').any(|it| it == flag);
        let has_huge = || mapped.huge.load(std::sync::atomic::Ordering::Relaxed) || has("hg");
        let asked = has_huge();
        mapped.read_ahead(0..LEN);
        assert!(!has("sr") && has_huge() == asked);
        mapped.stream();
        assert!(has("sr") && !has_huge());
    }
}
