//! No echo while an answer streams: what is typed meanwhile waits for the next prompt instead of
//! landing in the middle of the text.

#[cfg(unix)]
mod terminal {
    use std::{io, sync::Mutex};

    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    /// How the terminal was, while it is changed.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn hush() {
        let Ok(before) = tcgetattr(io::stdin()) else { return };
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        if tcsetattr(io::stdin(), SetArg::TCSANOW, &silent).is_ok() {
            *BEFORE.lock().unwrap_or_else(|it| it.into_inner()) = Some(before);
        }
    }

    pub(super) fn restore() {
        let before = BEFORE.lock().unwrap_or_else(|it| it.into_inner()).take();
        if let Some(before) = before {
            // There is nobody left to tell if the terminal is gone.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
        }
    }
}

#[cfg(not(unix))]
mod terminal {
    pub(super) fn hush() {}
    pub(super) fn restore() {}
}

/// The terminal does not echo while this lives.
#[derive(Debug)]
pub(crate) struct Quiet(());

impl Quiet {
    /// Stops the echo, where standard input is a terminal.
    pub(crate) fn begin() -> Self {
        terminal::hush();
        Self(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was.
pub(super) fn restore() {
    terminal::restore();
}
