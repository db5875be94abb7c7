//! The signal handler for lost pages, and the table of mappings that it may read at any moment.

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
    slot.len.store(bytes.len(), Ordering::Release);
    slot.faulted.store(false, Ordering::Relaxed);
    slot.start.store(bytes.as_ptr() as usize, Ordering::Release);
    Ok(Watch(slot))
}

/// Bytes of a page.
pub(super) fn page() -> usize {
    // SAFETY: `sysconf` only reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(4096)
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        PAGE.store(page(), Ordering::Release);
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
    let errno = Errno::save();
    // SAFETY: with `SA_SIGINFO` the kernel passes a valid `siginfo_t`; `si_addr` is the fault's
    // address when the code says that the kernel raised it.
    let (by_kernel, address) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
    if !(by_kernel && put_zeros(address)) {
        chain(signal, info, context);
    }
    errno.restore();
}

/// The thread's `errno`, which the code that was interrupted may be about to read.
struct Errno(c_int);

impl Errno {
    fn save() -> Self {
        // SAFETY: the system's `errno` of this thread, which is always there.
        Self(unsafe { *location() })
    }

    fn restore(self) {
        // SAFETY: as in `save`.
        unsafe { *location() = self.0 }
    }
}

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "android",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

fn location() -> *mut c_int {
    // SAFETY: it only returns an address.
    unsafe { errno_location() }
}

/// Maps zeros over the page of `address`, if it is in a watched mapping.
fn put_zeros(address: usize) -> bool {
    let Some(slot) = TABLE.iter().find(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let len = slot.len.load(Ordering::Acquire);
        // Another thread may be handing the slot on: then the length is not of this start.
        let still = slot.start.load(Ordering::Relaxed) == start;
        start > CLAIMED && still && address.wrapping_sub(start) < len
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
