//! Ctrl-C: stops what can be stopped, and ends the program where nothing can or at once again.
//!
//! While a line is read, the terminal gives Ctrl-C to `input` as a key instead.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
};

use super::quiet;

/// Nothing can be stopped: Ctrl-C ends the program.
const IDLE: u8 = 0;
/// Something runs that looks here.
const RUNNING: u8 = 1;
/// It was asked to stop.
const ASKED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(IDLE);

/// Files that are not complete.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Something that Ctrl-C stops, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Interrupts(());

impl Interrupts {
    /// Handles Ctrl-C from here on.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn install() -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(|| {
            if STATE.compare_exchange(RUNNING, ASKED, SeqCst, SeqCst).is_err() {
                quiet::restore();
                remove(&unfinished());
                // 128 and the signal's number, as shells count it.
                process::exit(130);
            }
        })
    }

    /// From here on, Ctrl-C asks to stop.
    pub(crate) fn watch() -> Self {
        STATE.store(RUNNING, SeqCst);
        Self(())
    }

    /// Waits for what cannot be stopped, such as a line: meanwhile Ctrl-C ends the program.
    #[cfg(feature = "hub")]
    pub(crate) fn unheard<T>(wait: impl FnOnce() -> T) -> T {
        let before = STATE.swap(IDLE, SeqCst);
        let waited = wait();
        STATE.store(before, SeqCst);
        waited
    }

    /// Whether it was pressed.
    pub(crate) fn asked(&self) -> bool {
        STATE.load(SeqCst) == ASKED
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        STATE.store(IDLE, SeqCst);
    }
}

/// A file that is not complete: where Ctrl-C ends the program while this lives, the file goes, too.
#[derive(Debug)]
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// The file at `path`, which must not depend on the working folder.
    pub(crate) fn at(path: &Path) -> Self {
        unfinished().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().retain(|it| *it != self.0);
    }
}

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove(paths: &[PathBuf]) {
    for path in paths {
        // One that cannot be removed stays, as after a power cut.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether Ctrl-C would take it away.
    fn goes(path: &Path) -> bool {
        unfinished().iter().any(|it| it == path)
    }

    #[test]
    fn a_file_goes_with_the_program_until_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out");
        let mut place = None;
        let written = crate::output::write(&output, |draft| {
            place = Some(draft.get_ref().path().to_owned());
            assert!(place.as_deref().is_some_and(|it| it.is_absolute() && goes(it)));
            Ok(())
        });
        written.unwrap();
        assert!(place.is_some_and(|it| !goes(&it)) && !goes(&output));
        let [half, gone] = ["half", "gone"].map(|it| dir.path().join(it));
        fs::write(&half, "half").unwrap();
        remove(&[gone, half.clone()]);
        assert!(!half.exists() && output.exists());
    }
}
