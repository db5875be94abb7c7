//! Light markdown on a terminal, while it arrives: bold, italic, code, headings, lists, and lines
//! broken between words at the width that the terminal has now.
//!
//! A span such as `**bold**` is held until it ends, for a few words at most, so that a mark
//! which opens nothing is shown as it was written: no character of an answer is lost. Not a
//! markdown parser: no links, no quotes, no nesting of blocks; tables and code are kept as they
//! are.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Bytes of a span that are held to find its end.
const LONGEST_SPAN: usize = 240;

/// An answer on its way to the terminal.
#[derive(Debug, Default)]
pub(crate) struct Markdown {
    /// Text of the current line that is not decided on.
    held: String,
    line: Line,
    in_code: bool,
    out: String,
    /// The word being written, with its styles.
    word: String,
    word_width: usize,
    spaces: usize,
    column: usize,
    width: usize,
    indent: usize,
    /// The last character of the line so far.
    before: Option<char>,
}

/// What the current line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// Its first characters do not say it yet.
    #[default]
    Unknown,
    /// Words with spans.
    Prose,
    /// The same, in bold.
    Heading,
    /// Shown as it is.
    Verbatim,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Bold,
    Italic,
    Code,
    Dim,
}

impl Style {
    fn marks(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("", ""),
            Self::Bold => ("\x1b[1m", "\x1b[22m"),
            Self::Italic => ("\x1b[3m", "\x1b[23m"),
            Self::Code => ("\x1b[36m", "\x1b[39m"),
            Self::Dim => ("\x1b[2m", "\x1b[22m"),
        }
    }
}

impl Markdown {
    /// What to write now that `text` came, on a terminal of `width` columns.
    pub(crate) fn push(&mut self, text: &str, width: usize) -> String {
        self.width = width;
        for piece in text.split_inclusive('\n') {
            let ends = piece.ends_with('\n');
            self.held += piece.trim_end_matches('\n');
            self.advance(ends);
            if ends {
                self.new_line();
            }
        }
        std::mem::take(&mut self.out)
    }

    /// What is left to write when the answer ends.
    pub(crate) fn finish(&mut self) -> String {
        self.advance(true);
        self.flush_word();
        std::mem::take(self).out
    }

    /// Writes of the line what is decided; all of it if it `ends` here.
    fn advance(&mut self, ends: bool) {
        if self.line == Line::Unknown {
            let Some(line) = self.kind(ends) else { return };
            self.line = line;
        }
        match self.line {
            Line::Unknown => {}
            Line::Verbatim => {
                let style = if self.in_code { Style::Code } else { Style::Plain };
                let text = std::mem::take(&mut self.held);
                self.verbatim(&text, style);
            }
            Line::Prose => self.spans(Style::Plain, ends),
            Line::Heading => self.spans(Style::Bold, ends),
        }
    }

    /// What the line is, and its beginning written, once enough of it is there.
    fn kind(&mut self, ends: bool) -> Option<Line> {
        let text = self.held.trim_start_matches(' ');
        let spaces = self.held.len() - text.len();
        let undecided = text.is_empty()
            || text.len() < 3 && "```".starts_with(text)
            || text.trim_start_matches('#').is_empty()
            || matches!(text, "-" | "*" | "+" | "**")
            || text.chars().all(|c| c.is_ascii_digit()) && text.len() < 4;
        if undecided && !ends {
            return None;
        }
        if text.starts_with("```") {
            // The whole line says what the fence is, and whether it is one.
            return ends.then(|| self.fence());
        }
        if self.in_code || text.starts_with('|') || spaces >= 12 {
            return Some(Line::Verbatim);
        }
        let level = text.len() - text.trim_start_matches('#').len();
        if (1..=6).contains(&level) && text[level..].starts_with(' ') {
            self.held = text[level..].trim_start().to_owned();
            return Some(Line::Heading);
        }
        let mark = marker(text);
        let (shown, rest) = match mark {
            0 => (String::new(), text),
            _ if text.starts_with(['-', '*', '+']) => ("• ".to_owned(), &text[mark..]),
            _ => (text[..mark].to_owned(), &text[mark..]),
        };
        let (shown, rest) = (" ".repeat(spaces) + &shown, rest.to_owned());
        self.held = rest;
        self.verbatim(&shown, Style::Plain);
        self.indent = if mark > 0 { self.column } else { spaces };
        Some(Line::Prose)
    }

    /// The line begins or ends a block of code.
    fn fence(&mut self) -> Line {
        let text = std::mem::take(&mut self.held);
        let closes = text.trim().trim_start_matches('`').is_empty();
        if self.in_code && !closes {
            self.held = text;
            return Line::Verbatim;
        }
        self.verbatim(&text, Style::Dim);
        self.in_code = !self.in_code;
        Line::Prose
    }

    /// Writes the spans of the line that have ended, or can be none.
    fn spans(&mut self, around: Style, ends: bool) {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while let Some(at) = rest.find(['*', '_', '`']) {
            self.words(&rest[..at], around);
            rest = &rest[at..];
            match span(rest, self.before, ends) {
                Span::Whole { style, inner, len } => {
                    self.words(inner, style);
                    rest = &rest[len..];
                }
                Span::Not { len } => {
                    self.words(&rest[..len], around);
                    rest = &rest[len..];
                }
                Span::Open => {
                    self.held = rest.to_owned();
                    return;
                }
            }
        }
        self.words(rest, around);
    }

    /// Writes text that may be broken between its words.
    fn words(&mut self, text: &str, style: Style) {
        let (on, off) = style.marks();
        for piece in text.split_inclusive(' ') {
            let letters = piece.trim_end_matches(' ');
            if !letters.is_empty() {
                self.word += on;
                for c in letters.chars() {
                    let wide = c.width().unwrap_or(0);
                    self.word.push(c);
                    self.word_width += wide;
                    if wide > 1 {
                        // Scripts without spaces break anywhere.
                        self.word += off;
                        self.flush_word();
                        self.word += on;
                    }
                }
                self.word += off;
                self.before = letters.chars().last();
            }
            if piece.ends_with(' ') {
                self.flush_word();
                self.spaces += 1;
                self.before = Some(' ');
            }
        }
    }

    fn flush_word(&mut self) {
        let width = self.spaces + self.word_width;
        if self.word_width > 0 {
            if self.column + width > self.width && self.column > self.indent {
                self.out.push('\n');
                self.out += &" ".repeat(self.indent);
                self.column = self.indent;
            } else {
                self.out += &" ".repeat(self.spaces);
                self.column += self.spaces;
            }
            self.column += self.word_width;
            self.spaces = 0;
        }
        self.out += &std::mem::take(&mut self.word);
        self.word_width = 0;
    }

    /// Writes text that is not broken.
    fn verbatim(&mut self, text: &str, style: Style) {
        self.flush_word();
        let (on, off) = style.marks();
        if !text.is_empty() {
            self.out += &format!("{on}{text}{off}");
        }
        self.column += text.width();
        self.before = text.chars().last().or(self.before);
    }

    fn new_line(&mut self) {
        self.flush_word();
        self.out.push('\n');
        (self.line, self.before) = (Line::Unknown, None);
        (self.spaces, self.column, self.indent) = (0, 0, 0);
    }
}

/// Bytes of the list marker with its space at the start of `text`; 0 without one.
fn marker(text: &str) -> usize {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mark = match digits {
        0 => usize::from(text.starts_with(['-', '*', '+'])),
        1..=3 if text[digits..].starts_with(['.', ')']) => digits + 1,
        _ => 0,
    };
    if mark > 0 && text[mark..].starts_with(' ') { mark + 1 } else { 0 }
}

/// What begins with a mark.
enum Span<'a> {
    Whole {
        style: Style,
        inner: &'a str,
        len: usize,
    },
    /// So many bytes of marks that are only characters.
    Not {
        len: usize,
    },
    /// The end may still come.
    Open,
}

/// `text` starts with a mark, after the character `before`; it goes on unless the line `ends`.
fn span(text: &str, before: Option<char>, ends: bool) -> Span<'_> {
    let mark = text.chars().next().unwrap_or('*');
    let run = text.len() - text.trim_start_matches(mark).len();
    let inside = &text[run..];
    let style = match (mark, run) {
        ('`', _) => Style::Code,
        (_, 1) => Style::Italic,
        (_, 2) => Style::Bold,
        _ => Style::Plain,
    };
    let inside_word = mark == '_' && before.is_some_and(char::is_alphanumeric);
    if inside.is_empty() && !ends {
        return Span::Open;
    }
    let spaced = mark != '`' && inside.starts_with(char::is_whitespace);
    if style == Style::Plain || inside.is_empty() || spaced || inside_word {
        return Span::Not { len: run };
    }
    let end = ends_at(inside, &text[..run], mark, ends);
    match end {
        Some(at) => Span::Whole { style, inner: &inside[..at], len: at + 2 * run },
        None if ends || inside.len() > LONGEST_SPAN => Span::Not { len: run },
        None => Span::Open,
    }
}

/// Where in `inside` the marks come again and close the span.
fn ends_at(inside: &str, marks: &str, mark: char, ends: bool) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = inside[from..].find(marks).map(|it| from + it) {
        let after = &inside[at + marks.len()..];
        let next = after.chars().next();
        let longer = next == Some(mark);
        let spaced = mark != '`' && inside[..at].ends_with(char::is_whitespace);
        let in_word = mark == '_' && next.is_some_and(char::is_alphanumeric);
        let known = next.is_some() || ends;
        if at > 0 && known && !longer && !spaced && !in_word {
            return Some(at);
        }
        let run = inside[at..].len() - inside[at..].trim_start_matches(mark).len();
        from = at + run;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Renders `text` whole and character by character; styles as `<b> <i> <c> <d>`.
    #[track_caller]
    fn check(text: &str, width: usize, expected: &str) {
        let mut whole = Markdown::default();
        let whole = whole.push(text, width) + &whole.finish();
        let mut slow = Markdown::default();
        let mut slowly: String =
            text.chars().map(|c| slow.push(c.encode_utf8(&mut [0; 4]), width)).collect();
        slowly += &slow.finish();
        let shown = |it: &str| {
            let it = it.replace("\x1b[1m", "<b>").replace("\x1b[22m", "</>");
            let it = it.replace("\x1b[3m", "<i>").replace("\x1b[23m", "</>");
            let it = it.replace("\x1b[36m", "<c>").replace("\x1b[39m", "</>");
            let it = it.replace("\x1b[2m", "<d>");
            // One style that goes on is the same however often it is said.
            ["b", "i", "c"].iter().fold(it, |it, on| it.replace(&format!("</><{on}>"), ""))
        };
        assert_eq!(shown(&whole), expected);
        assert_eq!(shown(&slowly), expected, "character by character");
    }

    #[test]
    fn spans_are_styled_and_other_marks_stay() {
        check("a **b** c", 80, "a <b>b</> c");
        check("*it* and _it_ too", 80, "<i>it</> and <i>it</> too");
        check("call `f(*args)` now", 80, "call <c>f(*args)</> now");
        check("2 * 3 * 4 and snake_case_name", 80, "2 * 3 * 4 and snake_case_name");
        check("an *open one", 80, "an *open one");
        check("**bold", 80, "**bold");
        check("***", 80, "***");
    }

    #[test]
    fn lines_begin_headings_lists_and_code() {
        check("# Title *x*\ntext\n", 80, "<b>Title</> <i>x</>\ntext\n");
        check("#hash", 80, "#hash");
        check("- one\n* two\n  + three\n10. ten\n", 80, "• one\n• two\n  • three\n10. ten\n");
        check("-5 degrees", 80, "-5 degrees");
        check("1999 was", 80, "1999 was");
        let code = "```rust\nlet *x* = 1;\n```\nafter";
        check(code, 80, "<d>```rust</>\n<c>let *x* = 1;</>\n<d>```</>\nafter");
        check("| a | *b* |\n", 6, "| a | *b* |\n");
    }

    #[test]
    fn lines_break_between_words() {
        check("one two three", 8, "one two\nthree");
        check("- one two three", 9, "• one two\n  three");
        check("a **bold word** x", 8, "a <b>bold</>\n<b>word</> x");
        check("incomprehensible", 5, "incomprehensible");
        check("漢字漢字", 4, "漢字\n漢字");
        check("trailing  \n\nend", 80, "trailing\n\nend");
    }
}
