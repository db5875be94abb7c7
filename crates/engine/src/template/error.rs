//! Why a chat template could not be read or rendered.

/// What can be wrong with a chat template, or with a conversation given to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The metadata holds something that is not a text where the template should be.
    #[error("the chat template could not be read from the file")]
    File(#[from] loader::Error),
    /// The text is longer than any template could need.
    #[error("the chat template has {found} bytes, expected at most {limit}")]
    SourceTooLong {
        /// Its length in bytes.
        found: usize,
        /// The most that is compiled.
        limit: usize,
    },
    /// Its expressions are longer than any template could need.
    #[error(
        "the chat template's expressions are too long in line {line}: \
        the squares of their lengths add up to more than {limit}"
    )]
    TooComplex {
        /// Where the limit is passed, counted from 1.
        line: usize,
        /// The most that is compiled.
        limit: usize,
    },
    /// The text is not a template.
    #[error("the chat template has a syntax error in line {line}, near `{near}`: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// The text of that line, shortened.
        near: String,
        /// What the template engine found.
        reason: String,
    },
    /// The template itself refuses the conversation (`raise_exception`).
    #[error("the chat template refuses this conversation: {message}")]
    Refused {
        /// What the template says.
        message: String,
    },
    /// An expression of the template fails on this conversation.
    #[error("the chat template fails in line {line}, near `{near}`: {reason}")]
    Failed {
        /// Counted from 1; 0 where it is not known.
        line: usize,
        /// The text of that line, shortened.
        near: String,
        /// What the template engine found.
        reason: String,
    },
    /// The template does more work than a conversation of this size could need.
    #[error("the chat template was stopped after {fuel} steps")]
    TooMuchWork {
        /// The budget: instructions, and one for every 64 bytes handled.
        fuel: u64,
    },
    /// The template nests too deeply.
    #[error("the chat template nests more than {limit} levels deep")]
    TooDeep {
        /// The most levels of macros and blocks.
        limit: usize,
    },
    /// The template writes more than a conversation of this size could need.
    #[error("the chat template writes more than {limit} bytes")]
    TooLong {
        /// The most bytes that are taken.
        limit: usize,
    },
    /// The template engine has a bug that this template finds.
    #[error("the chat template made the template engine panic")]
    Panicked,
    /// The system gave no thread to render on.
    #[error("no thread could be started for the chat template")]
    NoThread(#[source] std::io::Error),
    /// The conversation uses up the private characters that mark who wrote what.
    #[error("the conversation holds {found} different private-use characters, too many to mark it")]
    TooManyPrivate {
        /// How many of planes 15 and 16 occur.
        found: usize,
    },
}

/// What did not compile.
pub(super) fn syntax(error: &minijinja::Error, source: &str) -> Error {
    let line = error.line().unwrap_or(1);
    Error::Syntax { line, near: line_of(source, line), reason: reason(error) }
}

/// The innermost description of an error.
pub(super) fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {}", error.kind(), shortened(detail)),
        None => error.kind().to_string(),
    }
}

/// Line `line` of `source`, counted from 1.
pub(super) fn line_of(source: &str, line: usize) -> String {
    let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    shortened(text.trim())
}

/// As much of `text` as fits into a message.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
