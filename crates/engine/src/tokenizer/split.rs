//! Cutting text into the pieces that merging never crosses.
//!
//! Ours, and not the `tokenizers` crate's pre-tokenisers, whose regular expressions stop without a
//! word at the backtracking limit and leave the rest of the text one piece: here that is an error,
//! and so is an expression that takes seconds a megabyte. Behaviours and names are those of
//! `tokenizer.json`; `tables` has the steps for the names that GGUF uses.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{Error, bytes, regex::Pattern};

/// One pre-tokenisation step.
#[derive(Debug)]
pub(super) enum Step {
    /// Cuts at matches.
    Split { pattern: Pattern, behavior: Behavior },
    /// Cuts at characters.
    Chars { class: fn(char) -> bool, behavior: Behavior },
    /// Puts this before each piece that does not begin with it.
    Prefix { text: &'static str, at: Prefix },
    /// Replaces spaces by `▁`.
    Escape,
    /// Cuts before each `▁` that follows another character, unless that is one of `glued`. The model
    /// does not ask for it, but where no token reaches across a cut the ids stay the same, and
    /// words come again where whole texts do not.
    Words { glued: Vec<char> },
    /// Replaces bytes by their printable characters. The last step of most byte-level tokenizers,
    /// where it is left out: merging starts from bytes anyway.
    ByteLevel,
}

/// What becomes of a match and what lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Behavior {
    /// Matches disappear.
    Removed,
    /// What lies between matches disappears.
    Kept,
    /// Each is a piece.
    Isolated,
    /// A match ends the piece before it.
    MergedWithPrevious,
    /// A match begins the piece after it.
    MergedWithNext,
    /// Neighbouring matches are one piece.
    Contiguous,
}

/// Which pieces get a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Every one.
    Always,
    /// The one that begins the whole text.
    First,
}

/// Text and where it is cut.
#[derive(Debug)]
pub(super) struct Pieces {
    text: String,
    ranges: Vec<Range<usize>>,
    /// Whether the text begins where the whole prompt does.
    first: bool,
    byte_level: bool,
}

/// Bytes and where they are cut.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) bytes: Vec<u8>,
    pub(super) ranges: Vec<Range<usize>>,
}

/// What one expression may take for a whole text: far more than any known one does.
fn time_limit(text: &str) -> Duration {
    Duration::from_secs(10) + Duration::from_micros(10 * text.len() as u64)
}

impl Pieces {
    /// All of `text` as one piece.
    pub(super) fn new(text: String, first: bool) -> Self {
        let ranges =
            if text.is_empty() { vec![] } else { std::iter::once(0..text.len()).collect() };
        Self { text, ranges, first, byte_level: false }
    }

    /// Takes one step.
    pub(super) fn apply(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Split { pattern, behavior } => self.split(pattern, *behavior)?,
            Step::Chars { class, behavior } => {
                let mut cuts = Vec::with_capacity(self.ranges.len());
                for range in &self.ranges {
                    let matches = char_matches(&self.text[range.clone()], *class);
                    cut(range.clone(), matches, *behavior, &mut cuts);
                }
                self.ranges = cuts;
            }
            Step::Prefix { text, at } => self.prefix(text, *at),
            Step::Words { glued } => self.words(glued),
            Step::Escape => self.map(|piece, out| *out += &piece.replace(' ', "▁")),
            Step::ByteLevel => {
                self.map(|piece, out| out.extend(piece.bytes().map(bytes::char_of)));
                self.byte_level = true;
            }
        }
        Ok(())
    }

    /// The pieces as bytes, [`Step::ByteLevel`] undone: they need not be UTF-8 after it.
    pub(super) fn into_bytes(self) -> Cut {
        if !self.byte_level {
            return Cut { bytes: self.text.into_bytes(), ranges: self.ranges };
        }
        let mut bytes = Vec::with_capacity(self.text.len());
        let piece = |range: Range<usize>| {
            let start = bytes.len();
            bytes.extend(self.text[range].chars().filter_map(bytes::byte_of));
            start..bytes.len()
        };
        Cut { ranges: self.ranges.into_iter().map(piece).collect(), bytes }
    }

    fn split(&mut self, pattern: &Pattern, behavior: Behavior) -> Result<(), Error> {
        let deadline = Instant::now() + time_limit(&self.text);
        let mut cuts = Vec::with_capacity(self.text.len() / 4);
        for range in &self.ranges {
            let matches = pattern.matches(&self.text[range.clone()], deadline)?;
            cut(range.clone(), matches, behavior, &mut cuts);
        }
        self.ranges = cuts;
        Ok(())
    }

    fn words(&mut self, glued: &[char]) {
        let mut cuts = Vec::with_capacity(self.text.len() / 4);
        for range in &self.ranges {
            let mut start = range.start;
            let mut last = '▁';
            for (at, char) in self.text[range.clone()].char_indices() {
                if char == '▁' && last != '▁' && !glued.contains(&last) {
                    cuts.push(start..range.start + at);
                    start = range.start + at;
                }
                last = char;
            }
            cuts.push(start..range.end);
        }
        self.ranges = cuts;
    }

    fn prefix(&mut self, prefix: &str, at: Prefix) {
        let first = self.first;
        let mut is_first = true;
        self.map(|piece, out| {
            let wanted = at == Prefix::Always || (first && is_first);
            if wanted && !piece.starts_with(prefix) {
                *out += prefix;
            }
            is_first = false;
            *out += piece;
        });
    }

    fn map(&mut self, mut write: impl FnMut(&str, &mut String)) {
        let mut text = String::with_capacity(self.text.len() + 8);
        for range in &mut self.ranges {
            let start = text.len();
            write(&self.text[range.clone()], &mut text);
            *range = start..text.len();
        }
        self.text = text;
    }
}

fn char_matches(text: &str, class: fn(char) -> bool) -> Vec<Range<usize>> {
    let matches = text.char_indices().filter(|&(_, char)| class(char));
    matches.map(|(at, char)| at..at + char.len_utf8()).collect()
}

/// Cuts `range` at `matches`, which count from its start.
fn cut(
    range: Range<usize>,
    matches: Vec<Range<usize>>,
    behavior: Behavior,
    cuts: &mut Vec<Range<usize>>,
) {
    let first = cuts.len();
    let mut end = range.start;
    let mut parts = Vec::with_capacity(matches.len() * 2 + 1);
    for found in matches {
        let found = range.start + found.start..range.start + found.end;
        parts.push((end..found.start, false));
        end = found.end;
        parts.push((found, true));
    }
    parts.push((end..range.end, false));
    parts.retain(|(part, _)| !part.is_empty());
    let mut last_is_match = None;
    for (part, is_match) in parts {
        let joins = cuts.len() > first
            && match behavior {
                Behavior::Removed | Behavior::Kept | Behavior::Isolated => false,
                Behavior::MergedWithPrevious => is_match && last_is_match == Some(false),
                Behavior::MergedWithNext => !is_match && last_is_match == Some(true),
                Behavior::Contiguous => last_is_match == Some(is_match),
            };
        let dropped = behavior == (if is_match { Behavior::Removed } else { Behavior::Kept });
        match cuts.last_mut() {
            Some(last) if joins => last.end = part.end,
            _ if dropped => {}
            _ => cuts.push(part),
        }
        last_is_match = Some(is_match);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(behavior: Behavior, expected: &[&str]) {
        let mut pieces = Pieces::new("--a-b--".into(), true);
        pieces.apply(&Step::Chars { class: |c| c == '-', behavior }).unwrap();
        let cut = pieces.into_bytes();
        let found: Vec<_> =
            cut.ranges.iter().map(|it| str::from_utf8(&cut.bytes[it.clone()]).unwrap()).collect();
        assert_eq!(found, expected, "{behavior:?}");
    }

    #[test]
    fn behaviours_cut_as_the_reference_does() {
        check(Behavior::Removed, &["a", "b"]);
        check(Behavior::Kept, &["-", "-", "-", "-", "-"]);
        check(Behavior::Isolated, &["-", "-", "a", "-", "b", "-", "-"]);
        check(Behavior::MergedWithPrevious, &["-", "-", "a-", "b-", "-"]);
        check(Behavior::MergedWithNext, &["-", "-a", "-b", "-", "-"]);
        check(Behavior::Contiguous, &["--", "a", "-", "b", "--"]);
    }
}
