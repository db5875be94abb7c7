//! Huge pages for weights: they are read from their beginning to their end again and again, and each
//! page of 4 KiB has to be looked up, and stops what CPUs read ahead.
//!
//! A mapped file has them where its file system keeps files in memory in large pieces, as XFS does, and
//! ext4 since Linux 6.16: a page that is touched comes with the 2 MiB that it lies in, in one piece, and
//! with the 2 MiB after them. Other file systems read as much in small pages, and so does Linux before
//! 5.18, but far less at a time. What of the file is in memory already stays as it is.

use std::mem::MaybeUninit;

use memmap2::{Advice, Mmap};

use super::guard::page;

/// Where a huge page begins, with pages of 4 KiB; with larger ones it is still where a page does.
const HUGE: usize = 1 << 21;

/// Asks for huge pages where nobody wrote yet, for as much of it as whole ones fit. A wish: whether there
/// are any, the system knows.
pub(crate) fn ask(memory: &mut [MaybeUninit<u8>]) {
    advise(memory.as_mut_ptr().cast(), memory.len());
}

/// The same of bytes that are zero, as those of a large `vec![0; n]` are before they are looked at.
pub fn prefer_huge_pages(memory: &mut [u8]) {
    advise(memory.as_mut_ptr(), memory.len());
}

fn advise(memory: *mut u8, len: usize) {
    let begin = memory.align_offset(HUGE).min(len);
    let len = (len - begin) / HUGE * HUGE;
    if len > 0 {
        // SAFETY: this advice changes no byte of these pages, which both callers borrow.
        unsafe { libc::madvise(memory.wrapping_add(begin).cast(), len, libc::MADV_HUGEPAGE) };
    }
}

/// Asks for huge pages of a mapped file: whether whoever touches a page of it has that much read.
pub(super) fn ask_for_file(map: &Mmap) -> bool {
    map.advise(Advice::HugePage).is_ok() && page() == 4096 && is_since_5_18(map)
}

/// Takes that back: of what is read here and there, a page brings little more than was asked for.
pub(super) fn take_back(map: &Mmap) {
    // Where there are none, nothing was asked for.
    let _ = map.advise(Advice::NoHugePage);
}

/// By an advice that came with it. Of no bytes it does nothing but to be known or not.
fn is_since_5_18(map: &Mmap) -> bool {
    let begin = map.as_ptr().cast_mut().cast();
    // SAFETY: advice for no bytes changes none.
    unsafe { libc::madvise(begin, 0, libc::MADV_DONTNEED_LOCKED) == 0 }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use crate::{Access, Mapping};

    /// What the system says of the mapping that has this address.
    fn flags(address: usize) -> String {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        for line in maps.lines() {
            let bounds = line.split(' ').next().and_then(|it| it.split_once('-'));
            let number = |it| usize::from_str_radix(it, 16).ok();
            if let Some((begin, end)) = bounds.and_then(|it| number(it.0).zip(number(it.1))) {
                here = (begin..end).contains(&address);
            }
            if let (true, Some(flags)) = (here, line.strip_prefix("VmFlags:")) {
                return flags.to_owned();
            }
        }
        panic!("no mapping has {address:#x}");
    }

    #[test]
    fn weights_are_to_have_huge_pages() {
        // An emulator tells no advice.
        let emulated = std::env::var_os("INGLE_EMULATED").is_some();
        if emulated || !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            eprintln!("skipped: no huge pages");
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let expected: Vec<u8> = (0..9 << 20).map(|i: u32| (i / 4096) as u8).collect();
        fs::write(file.path(), &expected).unwrap();
        for access in [Access::Map, Access::Read] {
            let held = Mapping::open_with(file.path(), access).unwrap();
            assert!(held.as_ref() == expected, "the bytes of the file");
            let flags = self::flags(held.as_ref()[4 << 20..].as_ptr().addr());
            assert!(flags.split(' ').any(|it| it == "hg"), "{access:?}: {flags}");
        }
        let mut zeros = vec![0; 9 << 20];
        super::prefer_huge_pages(&mut zeros);
        let flags = self::flags(zeros[4 << 20..].as_ptr().addr());
        assert!(flags.split(' ').any(|it| it == "hg"), "{flags}");
        // Less than a huge page is read all the same.
        fs::write(file.path(), [7; 1000]).unwrap();
        let read = Mapping::open_with(file.path(), Access::Read).unwrap();
        assert_eq!(read.as_ref(), [7; 1000]);
    }
}
