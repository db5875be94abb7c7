//! How far a pull is: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hub::Watch;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    numbers::size,
    terminal::{Interrupts, tell},
};

/// Lines in all, where there is no terminal.
const LINES: u64 = 10;

/// Shows it, and stops the pull on Ctrl-C.
pub(crate) struct Progress {
    interrupts: Interrupts,
    bar: OnceLock<ProgressBar>,
    total: AtomicU64,
    come: AtomicU64,
    /// The last line that was printed, counted from 0.
    line: AtomicU64,
}

impl Progress {
    /// Nothing is shown before the first byte.
    pub(crate) fn new() -> Self {
        Self {
            interrupts: Interrupts::watch(),
            bar: OnceLock::new(),
            total: AtomicU64::new(0),
            come: AtomicU64::new(0),
            line: AtomicU64::new(0),
        }
    }

    fn print_line(&self, come: u64) {
        let total = self.total.load(Relaxed).max(1);
        let line = come.saturating_mul(LINES) / total;
        if self.line.fetch_max(line, Relaxed) < line {
            let percent = line * 100 / LINES;
            tell(format_args!("{percent:>3}%  {} of {}", size(come), size(total)));
        }
    }
}

impl Watch for Progress {
    fn begin(&self, total: u64, had: u64) {
        self.total.store(total, Relaxed);
        self.come.store(had, Relaxed);
        if had > 0 {
            self.note(&format!("{} of {} are here already", size(had), size(total)));
        }
        self.line.store(had.saturating_mul(LINES) / total.max(1), Relaxed);
        if io::stderr().is_terminal() {
            let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style);
            let bar = ProgressBar::new(total)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_position(had);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(200));
            // A pull begins once.
            let _ = self.bar.set(bar);
        }
    }

    fn advance(&self, bytes: u64) {
        let come = self.come.fetch_add(bytes, Relaxed) + bytes;
        match self.bar.get() {
            Some(bar) => bar.set_position(come),
            None => self.print_line(come),
        }
    }

    fn rewind(&self, bytes: u64) {
        let come = self.come.fetch_sub(bytes, Relaxed) - bytes;
        match self.bar.get() {
            Some(bar) => bar.set_position(come),
            None => self.line.store(0, Relaxed),
        }
    }

    fn note(&self, what: &str) {
        match self.bar.get() {
            Some(bar) => bar.suspend(|| tell(what)),
            None => tell(what),
        }
    }

    fn stop(&self) -> bool {
        self.interrupts.asked()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
