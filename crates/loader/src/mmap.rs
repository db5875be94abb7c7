//! Read-only mappings of files whose loss is an error, not a signal.
//!
//! A file that shrinks while it is mapped (a download that is restarted, a disk that is pulled)
//! makes the kernel send `SIGBUS` to whoever reads the lost pages. A process-wide handler puts a
//! page of zeros there and marks the mapping, so that the reader goes on with zeros until somebody
//! asks [`Mapped::check`]. Faults elsewhere go to the handler that was there before. The only
//! module of this crate with `unsafe`.
#![expect(unsafe_code, reason = "mapping a file and handling a signal")]

use std::{fs::File, io, path::Path};

use memmap2::Mmap;

use crate::Error;

/// A mapped file, all of it, for reading.
pub(crate) struct Mapped {
    // Before `map`: the watch must end while the addresses are still ours.
    watch: guard::Watch,
    map: Mmap,
    file: File,
}

impl Mapped {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is private to this process and read only. Another process may change
        // the file; bytes are only ever read as plain numbers, and the watch turns lost pages into
        // zeros.
        let map = unsafe { Mmap::map(&file)? };
        let watch = guard::watch(&map)?;
        Ok(Self { watch, map, file })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether all bytes read so far were the file's, which was opened by `path`.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let expected = self.map.len() as u64;
        let found = self.file.metadata().map_or(0, |it| it.len());
        if found < expected {
            let path = path.to_owned();
            return Err(Error::TruncatedWhileMapped { path, expected, found });
        }
        if self.watch.faulted() {
            return Err(Error::UnreadableWhileMapped { path: path.to_owned() });
        }
        Ok(())
    }
}

/// No handler: a lost page ends the process as the system sees fit.
#[cfg(not(unix))]
mod guard {
    pub(super) struct Watch;

    pub(super) fn watch(_: &[u8]) -> std::io::Result<Watch> {
        Ok(Watch)
    }

    impl Watch {
        pub(super) fn faulted(&self) -> bool {
            false
        }
    }
}

/// The signal handler and the table of mappings that it may read at any moment.
#[cfg(unix)]
mod guard {
    use std::{
        io,
        mem::MaybeUninit,
        ptr,
        sync::{
            Once, OnceLock,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
    };

    use libc::{c_int, c_void, siginfo_t};

    /// Mappings at one time; a split model has one a shard.
    const SLOTS: usize = 4096;
    const FREE: usize = 0;
    /// `start` of a slot whose other fields are being written; no mapping starts there.
    const CLAIMED: usize = 1;

    struct Slot {
        start: AtomicUsize,
        len: AtomicUsize,
        faulted: AtomicBool,
    }

    static TABLE: [Slot; SLOTS] = [const {
        Slot {
            start: AtomicUsize::new(FREE),
            len: AtomicUsize::new(0),
            faulted: AtomicBool::new(false),
        }
    }; SLOTS];
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

    /// A slot of the table; dropping frees it.
    pub(super) struct Watch(&'static Slot);

    impl Watch {
        pub(super) fn faulted(&self) -> bool {
            self.0.faulted.load(Ordering::Acquire)
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.0.start.store(FREE, Ordering::Release);
        }
    }

    /// Turns lost pages of `bytes` into zeros until the watch is dropped.
    pub(super) fn watch(bytes: &[u8]) -> io::Result<Watch> {
        install();
        let claim = |slot: &&Slot| {
            let (new, old) = (Ordering::Acquire, Ordering::Relaxed);
            slot.start.compare_exchange(FREE, CLAIMED, new, old).is_ok()
        };
        let slot = TABLE.iter().find(claim).ok_or_else(|| {
            io::Error::new(io::ErrorKind::OutOfMemory, "4096 files are mapped already")
        })?;
        slot.len.store(bytes.len(), Ordering::Relaxed);
        slot.faulted.store(false, Ordering::Relaxed);
        slot.start.store(bytes.as_ptr() as usize, Ordering::Release);
        Ok(Watch(slot))
    }

    fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: `sysconf` only reads a constant of the system.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::Release);
            let mut old = MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: a null `act` only queries; a zeroed `sigaction` is a valid value, so `old`
            // is initialised even if the call fails.
            let old = unsafe {
                libc::sigaction(libc::SIGBUS, ptr::null(), old.as_mut_ptr());
                old.assume_init()
            };
            // Stored before the handler is there: it may run from then on.
            PREVIOUS.set(old).ok();
            // SAFETY: a zeroed `sigaction` is valid; `handle` has the signature that `SA_SIGINFO`
            // asks for and is async-signal-safe. `SA_ONSTACK` because std's own handler for stack
            // overflows, to which this one chains, needs it.
            unsafe {
                let mut new: libc::sigaction = MaybeUninit::zeroed().assume_init();
                new.sa_sigaction = handle as extern "C" fn(_, _, _) as libc::sighandler_t;
                new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut new.sa_mask);
                libc::sigaction(libc::SIGBUS, &raw const new, ptr::null_mut());
            }
        });
    }

    /// Runs in whatever state the faulting thread is: only atomics and system calls.
    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: with `SA_SIGINFO` the kernel passes a valid `siginfo_t`; `si_addr` is the fault's
        // address when the code says that the kernel raised it.
        let (by_kernel, address) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
        if !(by_kernel && put_zeros(address)) {
            chain(signal, info, context);
        }
    }

    /// Maps zeros over the page of `address`, if it is in a watched mapping.
    fn put_zeros(address: usize) -> bool {
        let Some(slot) = TABLE.iter().find(|slot| {
            let start = slot.start.load(Ordering::Acquire);
            start > CLAIMED && address.wrapping_sub(start) < slot.len.load(Ordering::Relaxed)
        }) else {
            return false;
        };
        let len = PAGE.load(Ordering::Acquire);
        let page = (address & !(len - 1)) as *mut c_void;
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON;
        // SAFETY: the page holds `address`, which lies in a mapping of ours: slots are freed before
        // their mapping is, and a thread that reads a mapping keeps it alive. Mappings start at a
        // page, so the page holds no one else's bytes.
        let mapped = unsafe { libc::mmap(page, len, libc::PROT_READ, flags, -1, 0) };
        slot.faulted.store(true, Ordering::Release);
        mapped != libc::MAP_FAILED
    }

    /// Does what would have been done without this module.
    fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let previous = PREVIOUS
            .get()
            .filter(|it| it.sa_sigaction != libc::SIG_DFL && it.sa_sigaction != libc::SIG_IGN);
        let Some(previous) = previous else {
            // SAFETY: `signal` is valid. On return the faulting instruction runs again, and the
            // default disposition ends the process.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            return;
        };
        if previous.sa_flags & libc::SA_SIGINFO == 0 {
            // SAFETY: without `SA_SIGINFO` the kernel would call it with this signature.
            let old: extern "C" fn(c_int) = unsafe { std::mem::transmute(previous.sa_sigaction) };
            return old(signal);
        }
        // SAFETY: with `SA_SIGINFO` the kernel would call it with this signature.
        let old: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(previous.sa_sigaction) };
        old(signal, info, context);
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
