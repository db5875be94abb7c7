//! Shows an answer as it comes: rendered and dimmed on a terminal, as it is elsewhere.

use std::io::{self, IsTerminal};

use super::{Unwritten, harmless, is_styled, markdown::Markdown, put, tell, width};

/// Columns where the terminal does not say.
const USUAL_WIDTH: usize = 80;

/// Where an answer is shown.
#[derive(Debug)]
pub(crate) struct Screen {
    target: Target,
    part: Part,
    /// Whether the line says how much of the prompt was read.
    is_reading: bool,
    /// Whether anything of this answer was shown, and how it ended.
    last: Option<char>,
}

#[derive(Debug)]
enum Target {
    /// A terminal: rendered.
    Terminal(Box<Markdown>),
    /// A file, a program, or a terminal that shall have no styles.
    Plain,
    Nowhere,
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Nothing,
    Thought,
    Answer,
}

impl Screen {
    /// Standard output.
    pub(crate) fn new() -> Self {
        let target = if is_styled() { Target::Terminal(Box::default()) } else { Target::Plain };
        Self { target, part: Part::Nothing, is_reading: false, last: None }
    }

    /// Shows nothing.
    pub(crate) fn nowhere() -> Self {
        let (target, part) = (Target::Nowhere, Part::Nothing);
        Self { target, part, is_reading: false, last: None }
    }

    /// Shows how far a long prompt was read, until there is something better to show.
    pub(crate) fn reading(&mut self, done: usize, total: usize) -> Result<(), Unwritten> {
        if !matches!(self.target, Target::Terminal(_)) || self.last.is_some() || done >= total {
            return Ok(());
        }
        self.is_reading = true;
        put(&format!("\r\x1b[2mreading: {done} of {total} tokens\x1b[22m\x1b[K"))
    }

    /// Shows more of what the model thinks; not where it could not be told from the answer.
    pub(crate) fn thought(&mut self, text: &str) -> Result<(), Unwritten> {
        if !matches!(self.target, Target::Terminal(_)) {
            return Ok(());
        }
        let text = if self.part == Part::Thought { text } else { text.trim_start() };
        if text.is_empty() {
            return Ok(());
        }
        self.part = Part::Thought;
        self.write(&format!("\x1b[2m{}\x1b[22m", harmless(text)), text)
    }

    /// Shows more of the answer.
    pub(crate) fn answer(&mut self, text: &str) -> Result<(), Unwritten> {
        if self.part == Part::Thought {
            let line_ends = if self.last == Some('\n') { "\n" } else { "\n\n" };
            self.write(line_ends, line_ends)?;
        }
        // Templates leave the first line end to the model.
        let text = if self.part == Part::Answer { text } else { text.trim_start_matches('\n') };
        if text.is_empty() {
            return Ok(());
        }
        self.part = Part::Answer;
        match &mut self.target {
            Target::Terminal(markdown) => {
                let shown = markdown.push(&harmless(text), width().unwrap_or(USUAL_WIDTH));
                self.write(&shown, text)
            }
            Target::Plain if io::stdout().is_terminal() => self.write(&harmless(text), text),
            Target::Plain => self.write(text, text),
            Target::Nowhere => Ok(()),
        }
    }

    /// Says something that is no part of the answer, on a line of its own.
    pub(crate) fn note(&mut self, line: &str) -> Result<(), Unwritten> {
        self.end()?;
        tell(line);
        Ok(())
    }

    /// The answer is over: the next thing shown begins a line.
    pub(crate) fn end(&mut self) -> Result<(), Unwritten> {
        if self.is_reading {
            self.write("", "")?;
        }
        if let Target::Terminal(markdown) = &mut self.target {
            let rest = markdown.finish();
            self.write(&rest, "")?;
        }
        if self.last.is_some_and(|it| it != '\n') {
            self.write("\n", "\n")?;
        }
        (self.part, self.last) = (Part::Nothing, None);
        Ok(())
    }

    fn write(&mut self, shown: &str, text: &str) -> Result<(), Unwritten> {
        self.last = text.chars().last().or(self.last);
        if std::mem::take(&mut self.is_reading) {
            put("\r\x1b[K")?;
        }
        put(shown)
    }
}
