//! Huge pages for what is read into memory: weights are read from their beginning to their end again
//! and again, and each page of 4 KiB has to be looked up, and stops what CPUs read ahead.
//!
//! A mapped file has none on most file systems.

use std::mem::MaybeUninit;

/// Where a huge page begins, with pages of 4 KiB; with larger ones it is still where a page does.
const HUGE: usize = 1 << 21;

/// Asks for huge pages here, where whole ones fit. A wish: whether there are any, the system knows.
pub(crate) fn ask(memory: &mut [MaybeUninit<u8>]) {
    let begin = memory.as_ptr().align_offset(HUGE).min(memory.len());
    let len = (memory.len() - begin) / HUGE * HUGE;
    if len > 0 {
        let inside = &mut memory[begin..begin + len];
        // SAFETY: this advice changes no byte of these pages, which are ours alone.
        unsafe { libc::madvise(inside.as_mut_ptr().cast(), inside.len(), libc::MADV_HUGEPAGE) };
    }
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
    fn a_file_that_is_read_is_to_have_huge_pages() {
        // An emulator tells no advice.
        let emulated = std::env::var_os("INGLE_EMULATED").is_some();
        if emulated || !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            eprintln!("skipped: no huge pages");
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let expected: Vec<u8> = (0..9 << 20).map(|i: u32| (i / 4096) as u8).collect();
        fs::write(file.path(), &expected).unwrap();
        let read = Mapping::open_with(file.path(), Access::Read).unwrap();
        assert!(read.as_ref() == expected, "the bytes of the file");
        let flags = flags(read.as_ref()[4 << 20..].as_ptr().addr());
        assert!(flags.split(' ').any(|it| it == "hg"), "{flags}");
        // Less than a huge page has none.
        fs::write(file.path(), [7; 1000]).unwrap();
        let read = Mapping::open_with(file.path(), Access::Read).unwrap();
        assert_eq!(read.as_ref(), [7; 1000]);
    }
}
