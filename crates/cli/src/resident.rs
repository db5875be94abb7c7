//! How the weights of a mapped file come into memory before anybody needs them, and stay there.
//!
//! A page of a mapped file is read when it is touched, and whoever touched it waits. Where some of
//! a file is on the disk alone, and memory holds it all, threads read it from its beginning to its
//! end while the model is loaded; of a file that is in memory already, some pages are asked for,
//! and no more. One that memory does not hold is not read ahead: its end would push out its
//! beginning. Nor is a draft that memory does not hold beside its model: it would push that out.
//! With `--mlock` weights stay in memory, or a warning says why not.

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use loader::{Mapping, ModelFile};

use crate::{
    args::Load,
    failure::Failure,
    memory,
    numbers::size,
    terminal::{Interrupts, tell},
};

/// Threads that read: a disk has several requests at a time, and each finds the next piece in
/// order.
const READERS: usize = 4;

/// Bytes that a thread reads at a time: what Linux reads where huge pages were asked for, and more than
/// disks take in one request.
const PIECE: usize = 1 << 22;

/// How often it is looked whether all was read, and whether Ctrl-C was pressed.
const TICK: Duration = Duration::from_millis(100);

/// What takes no longer needs no bar.
const BLINK: Duration = Duration::from_millis(300);

/// Does `work`, which loads the model of this name, and meanwhile reads its file where that is not
/// in memory; done when both are. `others` are bytes of the files of other models: memory that is
/// free as the system says, for it could take it from them, and is to stay theirs.
///
/// # Errors
///
/// Those of `work`, at once; if Ctrl-C was pressed while all else waited for the file.
pub(crate) fn beside<T>(
    name: &str,
    file: &ModelFile,
    load: &Load,
    others: u64,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // What was encoded anew is in memory, and what it was made of is not needed again.
    let cold = if load.quant.is_none() { cold(&file.mappings, others) } else { Vec::new() };
    if cold.is_empty() {
        return work();
    }
    let ahead = Ahead::of(name, &cold);
    thread::scope(|scope| {
        // However the work ends, nobody reads on.
        let _stop = Stop(&ahead.stopped);
        let (reader, readers) = mpsc::channel::<()>();
        for _ in 0..READERS {
            let (ahead, reader) = (&ahead, reader.clone());
            let read = move || {
                ahead.read();
                drop(reader);
            };
            // Without a thread, pages are read when they are needed.
            thread::Builder::new().spawn_scoped(scope, read).ok();
        }
        drop(reader);
        let done = work()?;
        ahead.wait(&readers)?;
        Ok(done)
    })
}

/// Stops readers when it goes.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Those of the files of which something is on the disk alone, where memory holds all of them beside
/// so many bytes of `others`. Where it does not hold these files alone, that is what the system is
/// told.
fn cold(files: &[Mapping], others: u64) -> Vec<&Mapping> {
    let cold: Vec<_> = files.iter().filter(|it| it.is_cold()).collect();
    if cold.is_empty() {
        return cold;
    }
    let bytes: u64 = files.iter().map(|it| it.as_ref().len() as u64).sum();
    match memory::free() {
        Some(free) if bytes.saturating_add(others) <= free => cold,
        Some(free) if bytes > free => {
            files.iter().for_each(Mapping::stream);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Files that are being read.
struct Ahead<'a> {
    pieces: Vec<(&'a Mapping, Range<usize>)>,
    next: AtomicUsize,
    /// Bytes that were read.
    read: AtomicU64,
    stopped: AtomicBool,
    begun: Instant,
    bar: ProgressBar,
}

impl<'a> Ahead<'a> {
    fn of(name: &str, files: &[&'a Mapping]) -> Self {
        let mut pieces: Vec<(&Mapping, Range<usize>)> = Vec::new();
        for &file in files {
            let len = file.as_ref().len();
            let begins = (0..len).step_by(PIECE);
            pieces.extend(begins.map(|begin| (file, begin..len.min(begin + PIECE))));
        }
        let bytes: u64 = pieces.iter().map(|it| it.1.len() as u64).sum();
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  reading {msg}";
        let style = ProgressStyle::with_template(style);
        let bar = ProgressBar::new(bytes)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(name.to_owned());
        Self {
            pieces,
            next: AtomicUsize::new(0),
            read: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            begun: Instant::now(),
            bar,
        }
    }

    /// Reads piece after piece until none is left, beside others that do so, too.
    fn read(&self) {
        while !self.stopped.load(Relaxed) {
            let Some((file, range)) = self.pieces.get(self.next.fetch_add(1, Relaxed)) else {
                return;
            };
            file.read_ahead(range.clone());
            self.read.fetch_add(range.len() as u64, Relaxed);
        }
    }

    /// Waits until no reader is left, with a bar if that takes its time.
    fn wait(&self, readers: &Receiver<()>) -> Result<(), Failure> {
        let interrupts = Interrupts::watch();
        while readers.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            if interrupts.asked() {
                self.bar.finish_and_clear();
                return Err(Failure::new("stopped by Ctrl-C while the weights were read"));
            }
            if self.begun.elapsed() > BLINK {
                self.bar.set_position(self.read.load(Relaxed));
            }
        }
        self.bar.finish_and_clear();
        Ok(())
    }
}

/// Locks the weights of the model of this name in memory, where `load` asks for that: a warning
/// where it cannot be done, which was told.
pub(crate) fn lock(name: &str, file: &ModelFile, load: &Load) -> Option<String> {
    if !load.mlock {
        return None;
    }
    let why = locked(file).err()?;
    let warning = format!("`--mlock`: the weights of `{name}` are not locked in memory: {why}");
    tell(format_args!("warning: {warning}"));
    Some(warning)
}

/// Why they are not locked, if they are not.
fn locked(file: &ModelFile) -> Result<(), String> {
    let (needed, to_come) = (file.page_bytes(), file.mapped_page_bytes());
    if let Some(free) = memory::free().filter(|&free| free < to_come) {
        return Err(format!(
            "they take {}, and {} are free: a smaller model, or a smaller `--quant`, takes less",
            size(to_come),
            size(free)
        ));
    }
    // If the system refuses, it refuses what comes then.
    #[cfg(target_os = "linux")]
    raise_limit().ok();
    file.lock().map_err(|error| {
        let limit = memory::linux::lock_limit(Path::new("/"));
        refusal(needed, limit, &error)
    })
}

/// Takes all that this process may lock: often it began with less.
#[cfg(target_os = "linux")]
fn raise_limit() -> nix::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    setrlimit(Resource::RLIMIT_MEMLOCK, most, most)
}

/// What is said where the system does not lock so many bytes, for a process that may lock `limit`.
fn refusal(needed: u64, limit: Option<u64>, error: &io::Error) -> String {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, Unsupported};
    let limit = match (error.kind(), limit) {
        (Unsupported, _) => {
            return "this system has no call for it: leave `--mlock` out".to_owned();
        }
        (OutOfMemory | PermissionDenied, Some(limit)) => limit,
        _ => return error.to_string(),
    };
    let (enough, beside) = match limit < needed {
        true => (needed.div_ceil(1024).to_string(), ""),
        false => ("unlimited".to_owned(), ", some of which it has locked already"),
    };
    format!(
        "they take {}, and this process may lock {}{beside}: `ulimit -l {enough}` raises that for a \
         shell, as root or where `memlock` in /etc/security/limits.conf allows it",
        size(needed),
        size(limit)
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use loader::{Bytes, Error};

    use super::*;

    /// A model that lies in memory, and beside it a file of so many bytes that nobody wrote:
    /// none of it is in memory.
    fn cold_file(len: u64) -> (tempfile::NamedTempFile, ModelFile) {
        let bytes = Bytes::new(ingle_tests::parrot::file());
        let mut file = ModelFile::from_bytes("parrot", bytes, &[]).expect("it is sound");
        let hole = tempfile::NamedTempFile::new().expect("a temporary file");
        hole.as_file().set_len(len).expect("room for nothing");
        file.mappings = vec![Mapping::open(hole.path()).expect("it is mapped")];
        (hole, file)
    }

    #[test]
    fn what_is_cold_is_read_when_the_work_is_done() {
        // Not a multiple of a piece, nor of a page.
        let (_hole, file) = cold_file((9 * PIECE + 5) as u64);
        assert!(file.mappings[0].is_cold());
        let done = beside("parrot", &file, &Load::default(), 0, || Ok(7)).unwrap();
        assert_eq!((done, file.mappings[0].is_cold()), (7, false));
        // Now there is nothing to do beside the work.
        assert_eq!(beside("parrot", &file, &Load::default(), 0, || Ok(8)).unwrap(), 8);
    }

    #[test]
    fn what_memory_does_not_hold_is_not_read() {
        let free = memory::free().expect("Linux tells");
        let (_hole, file) = cold_file(2 * free);
        assert_eq!(beside("parrot", &file, &Load::default(), 0, || Ok(7)).unwrap(), 7);
        assert!(file.mappings[0].is_cold());
    }

    #[test]
    fn what_memory_does_not_hold_beside_another_model_is_not_read() {
        let free = memory::free().expect("Linux tells");
        let (_hole, file) = cold_file(3 * PIECE as u64);
        for others in [2 * free, u64::MAX] {
            assert_eq!(beside("parrot", &file, &Load::default(), others, || Ok(7)).unwrap(), 7);
            assert!(file.mappings[0].is_cold(), "{others}");
        }
        let others = PIECE as u64;
        assert_eq!(beside("parrot", &file, &Load::default(), others, || Ok(7)).unwrap(), 7);
        assert!(!file.mappings[0].is_cold());
    }

    #[test]
    fn an_error_of_the_work_is_the_error() {
        let (_hole, file) = cold_file(PIECE as u64);
        let fails = || -> anyhow::Result<()> { Err(Failure::new("it is no model").into()) };
        let error = beside("parrot", &file, &Load::default(), 0, fails).unwrap_err();
        assert_eq!(error.to_string(), "it is no model");
    }

    #[test]
    fn what_a_file_lost_is_no_signal_and_told_by_the_file() {
        let (hole, file) = cold_file(3 * PIECE as u64);
        hole.as_file().set_len(10).unwrap();
        assert_eq!(beside("parrot", &file, &Load::default(), 0, || Ok(7)).unwrap(), 7);
        let error = file.check_intact().unwrap_err();
        assert!(matches!(error, Error::TruncatedWhileMapped { found: 10, .. }), "{error}");
    }

    #[test]
    fn a_refusal_says_what_there_is_what_is_needed_and_what_to_do() {
        let error = || io::Error::from(io::ErrorKind::OutOfMemory);
        let told = |needed, limit| refusal(needed, limit, &error());
        assert_eq!(
            told(5 << 30, Some(8 << 20)),
            "they take 5.0 GiB, and this process may lock 8.0 MiB: `ulimit -l 5242880` raises that \
             for a shell, as root or where `memlock` in /etc/security/limits.conf allows it"
        );
        assert!(told(1025, Some(0)).contains("may lock 0 B: `ulimit -l 2` raises"));
        // With something else.
        let beside = "8.0 MiB, some of which it has locked already: `ulimit -l unlimited` raises";
        assert!(told(1 << 20, Some(8 << 20)).contains(beside));
        assert_eq!(told(5 << 30, None), error().to_string());
        // Nothing that a limit is to blame for.
        let cut = io::Error::from(io::ErrorKind::WouldBlock);
        assert_eq!(refusal(5 << 30, Some(8 << 20), &cut), cut.to_string());
        let none = refusal(5 << 30, None, &io::ErrorKind::Unsupported.into());
        assert!(none.ends_with("leave `--mlock` out"), "{none}");
    }
}
