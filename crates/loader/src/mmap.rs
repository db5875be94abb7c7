//! Read-only mappings of files whose loss is an error, not a signal.
//!
//! A file that shrinks while it is mapped (a download that is restarted, a disk that is pulled)
//! makes the kernel send `SIGBUS` to whoever reads the lost pages. A process-wide handler puts a
//! page of zeros there and marks the mapping, so that the reader goes on with zeros until somebody
//! asks [`Mapped::check`]. Faults elsewhere go to the handler that was there before: see `guard`.
//!
//! A file that is written to changes under its readers. Bytes of a mapping are therefore only read
//! as numbers; what has to be text is copied, and the copy checked. How pages come into memory
//! before anybody needs them is in `ahead`, how they stay there in `lock`, and what pages are asked for
//! in `huge`. The only module of this crate with `unsafe`.
#![expect(unsafe_code, reason = "mapping a file, handling a signal and asking about pages")]

/// A page is read when it is touched, and nobody is told anything.
#[cfg(not(target_os = "linux"))]
mod ahead {
    use std::ops::Range;

    use memmap2::Mmap;

    pub(super) fn is_cold(_: &Mmap) -> bool {
        false
    }

    pub(super) fn request(_: &Mmap, _: Range<usize>) {}

    pub(super) fn read(_: &Mmap, _: Range<usize>) {}

    pub(super) fn stream(_: &Mmap) {}
}
#[cfg(target_os = "linux")]
mod ahead;
/// No handler: a lost page ends the process as the system sees fit.
#[cfg(not(unix))]
mod guard {
    pub(super) struct Watch;

    pub(super) fn watch(_: &[u8]) -> std::io::Result<Watch> {
        Ok(Watch)
    }

    /// What most systems have.
    pub(super) fn page() -> usize {
        4096
    }

    impl Watch {
        pub(super) fn faulted(&self) -> bool {
            false
        }
    }
}
#[cfg(unix)]
mod guard;
/// Nobody is asked.
#[cfg(not(target_os = "linux"))]
mod huge {
    use std::mem::MaybeUninit;

    use memmap2::Mmap;

    pub(crate) fn ask(_: &mut [MaybeUninit<u8>]) {}

    /// Nobody is asked.
    pub fn prefer_huge_pages(_: &mut [u8]) {}

    pub(super) fn ask_for_file(_: &Mmap) -> bool {
        false
    }

    pub(super) fn take_back(_: &Mmap) {}
}
#[cfg(target_os = "linux")]
mod huge;
mod lock;

use std::{
    fs::File,
    io,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::SystemTime,
};

use memmap2::Mmap;

use crate::Error;
pub(crate) use huge::ask as ask_for_huge_pages;
pub use huge::prefer_huge_pages;
pub(crate) use lock::Pages;

/// A mapped file, all of it, for reading.
pub(crate) struct Mapped {
    // Before `map`: the watch must end while the addresses are still ours.
    watch: guard::Watch,
    map: Mmap,
    /// Whether a page that is touched comes with a huge one's worth of others.
    huge: AtomicBool,
    file: File,
    /// When it was opened.
    modified: Option<SystemTime>,
}

impl Mapped {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let modified = file.metadata()?.modified().ok();
        // SAFETY: the mapping is read only and shared: whoever writes to the file changes these
        // bytes, which Rust does not expect of a `&[u8]`. No value of a byte is wrong, nothing here
        // relies on reading the same byte twice, and text is checked in a copy; `watch` turns lost
        // pages into zeros, and `check` tells that the file was changed.
        let map = unsafe { Mmap::map(&file)? };
        let watch = guard::watch(&map)?;
        let huge = AtomicBool::new(huge::ask_for_file(&map));
        Ok(Self { watch, map, huge, file, modified })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether some of it is on the disk alone, as far as the system tells.
    pub(crate) fn is_cold(&self) -> bool {
        ahead::is_cold(&self.map)
    }

    /// Reads this part of it, and waits for that. What cannot be read is left to whoever needs it.
    pub(crate) fn read_ahead(&self, range: Range<usize>) {
        assert!(range.end <= self.map.len(), "{range:?} of {} bytes", self.map.len());
        if !self.huge.load(Relaxed) {
            ahead::request(&self.map, range.clone());
        }
        ahead::read(&self.map, range);
    }

    /// It is read from the beginning to the end, again and again, and cannot stay in memory.
    pub(crate) fn stream(&self) {
        huge::take_back(&self.map);
        self.huge.store(false, Relaxed);
        ahead::stream(&self.map);
    }

    /// Whether all bytes read so far were the file's, which was opened by `path`, and nobody has
    /// written to it since, as far as its time of modification tells.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let path = || path.to_owned();
        let Ok(now) = self.file.metadata() else {
            return Err(Error::UnreadableWhileMapped { path: path() });
        };
        let (expected, found) = (self.map.len() as u64, now.len());
        if found < expected {
            return Err(Error::TruncatedWhileMapped { path: path(), expected, found });
        }
        if self.watch.faulted() {
            return Err(Error::UnreadableWhileMapped { path: path() });
        }
        if now.modified().ok() != self.modified {
            return Err(Error::ChangedWhileMapped { path: path() });
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{env, fs, os::unix::process::ExitStatusExt, process::Command};

    use super::*;
    use crate::Mapping;

    const LEN: usize = 1 << 16;
    /// Set for the process that a test starts to see it die.
    const CHILD: &str = "INGLE_MMAP_TEST_CHILD";

    fn file_of_ones() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), [1; LEN]).expect("space for it");
        file
    }

    #[test]
    fn lost_pages_read_as_zeros_and_are_told() {
        let file = file_of_ones();
        let (lost, kept) = (Mapping::open(file.path()).unwrap(), file_of_ones());
        let kept = Mapping::open(kept.path()).unwrap();
        lost.check().unwrap();
        file.as_file().set_len(10).unwrap();
        let sum = |it: &Mapping| it.as_ref().iter().map(|&it| usize::from(it)).sum::<usize>();
        assert_eq!((sum(&lost), sum(&kept)), (10, LEN));
        assert_eq!(
            lost.check().unwrap_err().to_string(),
            format!(
                "`{}` was truncated while it was in use: 10 bytes, it had 65,536",
                file.path().display()
            )
        );
        // Long again, but what was read is not what the file holds.
        file.as_file().set_len(LEN as u64).unwrap();
        assert!(matches!(lost.check(), Err(Error::UnreadableWhileMapped { .. })));
        kept.check().unwrap();
    }

    #[test]
    fn a_file_that_is_written_to_is_told() {
        let file = file_of_ones();
        let mapping = Mapping::open(file.path()).unwrap();
        mapping.check().unwrap();
        let before = file.as_file().metadata().unwrap().modified().unwrap();
        fs::write(file.path(), [2; LEN]).unwrap();
        // The clock of a file system may be too coarse to tell a test's two writes apart.
        file.as_file().set_modified(before + std::time::Duration::from_secs(1)).unwrap();
        let found = mapping.check().unwrap_err().to_string();
        let expected = format!("`{}` was changed while it was in use", file.path().display());
        assert_eq!(found, expected);
    }

    /// A fault that is not ours must end the process as if this module were not there.
    #[test]
    fn faults_elsewhere_go_to_the_handler_before() {
        let file = file_of_ones();
        let watched = Mapping::open(file.path()).unwrap();
        if env::var_os(CHILD).is_none() {
            let name = "mmap::tests::faults_elsewhere_go_to_the_handler_before";
            let mut child = Command::new(env::current_exe().unwrap());
            let child = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
            assert_eq!(child.status.signal(), Some(libc::SIGBUS), "{child:?}");
            return;
        }
        let other = file_of_ones();
        // SAFETY: this process ends at the first read past the new end of the file.
        let unwatched = unsafe { Mmap::map(other.as_file()).unwrap() };
        other.as_file().set_len(0).unwrap();
        file.as_file().set_len(0).unwrap();
        assert_eq!(watched.as_ref()[0], 0);
        assert_ne!(unwatched[0], 0, "the read above must not return");
    }
}
