//! What the terminal can do, and what is shown on it.
//!
//! Answers go to standard output, everything else to standard error, through [`tell`]. Text that
//! models, files or templates wrote never reaches a terminal with control characters in it.

mod editor;
mod folded;
mod input;
mod interrupt;
mod markdown;
mod quiet;
mod screen;

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
};

pub(crate) use editor::edit;
pub(crate) use input::{Input, Line};
pub(crate) use interrupt::{Interrupts, Unfinished};
pub(crate) use quiet::Quiet;
pub(crate) use screen::Screen;

/// Whether escape sequences may be written to standard output.
pub(crate) fn is_styled() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|it| it == "dumb");
    io::stdout().is_terminal() && !no_color && !dumb
}

/// Columns of the terminal now; `None` where there is none.
pub(crate) fn width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| width.0.into())
}

/// What standard output did not take.
#[derive(Debug)]
pub(crate) struct Unwritten(io::Error);

impl Unwritten {
    /// Whether the reader of it has seen enough, as in `ingle show m.gguf | head -1`.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot write the result")
    }
}

impl Error for Unwritten {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Writes `text` to standard output as it is, at once.
///
/// # Errors
///
/// If it is not taken.
pub(crate) fn put(text: &str) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

/// Says `what` on standard error, on lines of its own; on a terminal they break between words.
pub(crate) fn tell(what: impl fmt::Display) {
    let text = harmless(&format!("{what}\n"));
    let size = terminal_size::terminal_size_of(io::stderr());
    let text = match size {
        Some((width, _)) => folded::folded(&text, width.0.into()),
        None => text,
    };
    // Without standard error there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// `text` without the characters that command a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let commands = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(commands) { text.replace(commands, "") } else { text.to_owned() }
}
