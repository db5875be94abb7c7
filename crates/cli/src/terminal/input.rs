//! Reads what a person types: line editing, history, several lines, the external editor.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustyline::{
    Cmd, ConditionalEventHandler, Context, Editor, Event, EventContext, EventHandler, Helper,
    KeyEvent, RepeatCount,
    completion::{Completer, FilenameCompleter, Pair},
    config::Configurer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::{FileHistory, History},
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::tell;

/// Three of them around several lines.
const QUOTES: &str = "\"\"\"";
/// Lines of history that are kept.
const KEPT: usize = 10_000;

/// The prompt.
pub(crate) struct Input {
    editor: Editor<Typing, FileHistory>,
    /// Where the history is kept, unless nothing is.
    history: Option<PathBuf>,
    /// The line that Ctrl-G was pressed on.
    handed_over: Arc<Mutex<Option<String>>>,
}

/// What came of reading a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something to answer or obey, with trailing `\` taken out.
    Text(String),
    /// Something to answer, whatever it begins with: from between `"""`, or pasted lines.
    Quoted(String),
    /// Ctrl-G: edit this elsewhere.
    Edit(String),
    /// Ctrl-C: what was typed is gone.
    Interrupted,
    /// Ctrl-D, or the end of the input.
    End,
}

impl Input {
    /// A prompt whose history is kept in `history`; nowhere without it. `words` complete a line.
    ///
    /// # Errors
    ///
    /// If the terminal refuses. What is wrong with the history is told, and none is kept.
    pub(crate) fn new(history: Option<PathBuf>, words: Vec<&'static str>) -> anyhow::Result<Self> {
        let handed_over = Arc::default();
        let mut editor = Editor::<Typing, FileHistory>::new()?;
        editor.set_max_history_size(KEPT)?;
        editor.set_history_ignore_space(false);
        editor.set_helper(Some(Typing { words, files: FilenameCompleter::new() }));
        let hand_over = EventHandler::Conditional(Box::new(HandOver(Arc::clone(&handed_over))));
        editor.bind_sequence(KeyEvent::ctrl('G'), hand_over);
        let history = history.filter(|path| match load(&mut editor, path) {
            Ok(()) => true,
            Err(error) => {
                tell_of_history(path, &error);
                false
            }
        });
        Ok(Self { editor, history, handed_over })
    }

    /// Asks with `prompt`; `begun` is already typed.
    ///
    /// # Errors
    ///
    /// If the terminal refuses.
    pub(crate) fn read(&mut self, prompt: &str, begun: &str) -> anyhow::Result<Line> {
        let typed = match self.editor.readline_with_initial(prompt, (begun, "")) {
            Ok(typed) => typed,
            Err(ReadlineError::Eof) => return Ok(Line::End),
            Err(ReadlineError::Interrupted) => {
                let text = self.handed_over.lock().unwrap_or_else(|it| it.into_inner()).take();
                return Ok(text.map_or(Line::Interrupted, Line::Edit));
            }
            Err(error) => return Err(error.into()),
        };
        if !typed.trim().is_empty() && self.editor.add_history_entry(&typed)? {
            self.keep();
        }
        Ok(understood(&typed, begun))
    }

    /// Asks and takes the answer for itself: it is no part of the history.
    ///
    /// # Errors
    ///
    /// If the terminal refuses.
    pub(crate) fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        match self.editor.readline(&format!("{question} [y/N] ")) {
            Ok(answer) => Ok(matches!(answer.trim(), "y" | "Y" | "yes")),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the history after each line, so that a crash loses none.
    fn keep(&mut self) {
        let Some(path) = &self.history else { return };
        if self.editor.history().len() > 0
            && let Err(error) = self.editor.append_history(path)
        {
            tell_of_history(path, &error.into());
            self.history = None;
        }
    }
}

fn load(editor: &mut Editor<Typing, FileHistory>, path: &Path) -> anyhow::Result<()> {
    store::touch(path)?;
    // An empty file has no version line and is refused; there is nothing to load from it.
    if path.metadata().is_ok_and(|it| it.len() > 0) {
        editor.load_history(path)?;
    }
    Ok(())
}

/// A conversation is worth more than its history.
fn tell_of_history(path: &Path, error: &anyhow::Error) {
    tell(format_args!(
        "warning: the line history `{}` cannot be used, none is kept: {error:#}",
        path.display()
    ));
}

/// What was typed as it is meant: what stands between `"""`, and lines joined where `\` ends
/// one. `begun` was there before, from the editor.
fn understood(typed: &str, begun: &str) -> Line {
    if let Some(inner) = typed.trim().strip_prefix(QUOTES).and_then(|it| it.strip_suffix(QUOTES)) {
        return Line::Quoted(inner.trim_matches('\n').to_owned());
    }
    // No key ends a line without sending it.
    let is_pasted = typed.replace("\\\n", "").contains('\n') && !begun.contains('\n');
    let text = typed.replace("\\\n", "\n");
    if is_pasted { Line::Quoted(text) } else { Line::Text(text) }
}

fn is_unfinished(typed: &str) -> bool {
    let text = typed.trim_start();
    match text.strip_prefix(QUOTES) {
        Some(rest) => !rest.trim_end().ends_with(QUOTES),
        None => typed.ends_with('\\'),
    }
}

/// Leaves the line to the external editor.
struct HandOver(Arc<Mutex<Option<String>>>);

impl ConditionalEventHandler for HandOver {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, at: &EventContext<'_>) -> Option<Cmd> {
        *self.0.lock().unwrap_or_else(|it| it.into_inner()) = Some(at.line().to_owned());
        Some(Cmd::Interrupt)
    }
}

/// What happens while a line is typed.
struct Typing {
    words: Vec<&'static str>,
    files: FilenameCompleter,
}

impl Helper for Typing {}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _default: bool,
    ) -> Cow<'b, str> {
        Cow::Borrowed(prompt)
    }
}

impl Validator for Typing {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_unfinished(typed.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if !line.starts_with('/') {
            return Ok((at, Vec::new()));
        }
        if line[..at].contains(' ') {
            return self.files.complete(line, at, context);
        }
        let fit = self.words.iter().filter(|it| it.starts_with(&line[..at]));
        let pair = |it: &&str| Pair { display: (*it).to_owned(), replacement: format!("{it} ") };
        Ok((0, fit.map(pair).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_are_one_text() {
        for (typed, text) in [
            ("hi", "hi"),
            ("one\\\ntwo", "one\ntwo"),
            ("\"\"\"\none\ntwo\n\"\"\"", "one\ntwo"),
            ("\"\"\"one\"\"\"", "one"),
            ("say \"\"\"x\"\"\"", "say \"\"\"x\"\"\""),
        ] {
            assert!(!is_unfinished(typed), "{typed}");
            let (Line::Text(found) | Line::Quoted(found)) = understood(typed, "") else {
                panic!("{typed}")
            };
            assert_eq!(found, text);
        }
        let quoted = |it: &str| Line::Quoted(it.to_owned());
        assert_eq!(understood("\"\"\"/etc\"\"\"", ""), quoted("/etc"));
        assert_eq!(understood("/etc/hosts\n/etc/passwd", ""), quoted("/etc/hosts\n/etc/passwd"));
        let text = |it: &str| Line::Text(it.to_owned());
        assert_eq!(understood("/system Be\\\nterse", ""), text("/system Be\nterse"));
        assert_eq!(understood("/system Be\nterse", "/system Be\nterse"), text("/system Be\nterse"));
        for typed in ["\"\"\"", "\"\"\"one\ntwo", "one\\"] {
            assert!(is_unfinished(typed), "{typed}");
        }
    }
}
