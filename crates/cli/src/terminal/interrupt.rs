//! Ctrl-C: stops what can be stopped, and ends the program where nothing can or at once again.
//!
//! While a line is read, the terminal gives Ctrl-C to `input` as a key instead.

use std::{
    process,
    sync::atomic::{AtomicU8, Ordering::SeqCst},
};

use super::quiet;

/// Nothing can be stopped: Ctrl-C ends the program.
const IDLE: u8 = 0;
/// Something runs that looks here.
const RUNNING: u8 = 1;
/// It was asked to stop.
const ASKED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(IDLE);

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
