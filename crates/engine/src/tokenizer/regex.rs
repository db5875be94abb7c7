//! Regular expressions of a model file: what shapes are taken, and how long they may run.
//!
//! Nearly all of them are plain but for their end, `|\s+(?!\S)|\s+`: all of a run of white space but
//! its last character, which goes to the word that follows. That end is done here by hand, so that
//! they run on automata, in time proportional to the text: `fancy-regex` backtracks over
//! look-around, and gives up on a million spaces.
//!
//! Other look-around backtracks. What could take exponential or quadratic time is refused at load:
//! back-references, recursion, look-around within a repetition, repetition without end within a
//! look-around.

use std::{ops::Range, time::Instant};

use fancy_regex::{Expr, RegexBuilder};
use regex_automata::{Input, meta};

use super::Error;

/// Steps back in one search. A search counts one for each character that it passes over, so this
/// also limits how far apart matches may lie.
const BACKTRACK_LIMIT: usize = 10_000_000;

/// Bytes of one expression; the longest known one has 1,400.
const MAX_LEN: usize = 16 << 10;

/// Ends of an expression that leave the last character of white space to the word after it.
const SPACE_ENDS: [&str; 2] = [r"|\s+(?!\S)|\s+", r"|\s+(?!\S)|\s"];

/// A checked and compiled expression.
#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    /// Without look-around.
    Plain(Box<meta::Regex>),
    /// Two patterns: what comes before one of [`SPACE_ENDS`], and `\s+`.
    Spaces(Box<meta::Regex>),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles an expression from a model file.
    pub(super) fn new(source: &str) -> Result<Self, Error> {
        let shape = |why| Error::RegexShape { pattern: shortened(source), why };
        if source.len() > MAX_LEN {
            return Err(shape("more than 16 KiB of expression"));
        }
        let failed = |error| Error::Regex { pattern: shortened(source), source: Box::new(error) };
        let tree = Expr::parse_tree(source).map_err(failed)?;
        check(&tree.expr, Within::Nothing).map_err(shape)?;
        let engine = match plain(source) {
            Some(engine) => engine,
            None => {
                let regex = RegexBuilder::new(source).backtrack_limit(BACKTRACK_LIMIT).build();
                Engine::Backtracking(Box::new(regex.map_err(failed)?))
            }
        };
        Ok(Self { source: shortened(source), engine })
    }

    /// An expression that matches exactly this text.
    pub(super) fn literal(text: &str) -> Result<Self, Error> {
        Self::new(&fancy_regex::escape(text))
    }

    /// Every match in `text`, in order, apart.
    pub(super) fn matches(
        &self,
        text: &str,
        deadline: Instant,
    ) -> Result<Vec<Range<usize>>, Error> {
        let mut found = Vec::with_capacity(text.len() / 8);
        let mut at = 0;
        let too_slow = || Error::RegexTooSlow { pattern: self.source.clone(), len: text.len() };
        while let Some(next) = self.engine.next(text, at).map_err(|_| too_slow())? {
            at = next.end;
            if next.is_empty() {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
            found.push(next);
            if at > text.len() {
                break;
            }
            if Instant::now() > deadline {
                return Err(too_slow());
            }
        }
        Ok(found)
    }
}

impl Engine {
    /// The first match from `at` on.
    fn next(&self, text: &str, at: usize) -> Result<Option<Range<usize>>, Box<fancy_regex::Error>> {
        Ok(match self {
            Self::Plain(regex) => regex.search(&Input::new(text).range(at..)).map(|it| it.range()),
            Self::Spaces(regex) => regex.search(&Input::new(text).range(at..)).map(|found| {
                let range = found.range();
                let is_run = found.pattern().as_usize() == 1 && range.end < text.len();
                let last = text[range.clone()].char_indices().next_back().map_or(0, |(at, _)| at);
                if is_run && last > 0 { range.start..range.start + last } else { range }
            }),
            Self::Backtracking(regex) => regex.find_from_pos(text, at)?.map(|found| found.range()),
        })
    }
}

/// The expression on automata, if it can run there.
fn plain(source: &str) -> Option<Engine> {
    let is_plain = |source: &str| {
        Expr::parse_tree(source).is_ok_and(|tree| check(&tree.expr, Within::Plain).is_ok())
    };
    let head = SPACE_ENDS.iter().find_map(|end| source.strip_suffix(end));
    if let Some(head) = head.filter(|head| is_plain(head)) {
        return Some(Engine::Spaces(Box::new(meta::Regex::new_many(&[head, r"\s+"]).ok()?)));
    }
    let regex = if is_plain(source) { meta::Regex::new(source).ok()? } else { return None };
    Some(Engine::Plain(Box::new(regex)))
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// No look-around at all is taken.
    Plain,
    Nothing,
    Repeat,
    Look,
}

fn check(expr: &Expr, within: Within) -> Result<(), &'static str> {
    match expr {
        Expr::Concat(parts) | Expr::Alt(parts) => {
            parts.iter().try_for_each(|part| check(part, within))
        }
        Expr::Group(inner) => check(inner, within),
        Expr::AtomicGroup(_) if within == Within::Plain => Err("atomic group"),
        Expr::AtomicGroup(inner) => check(inner, within),
        Expr::Repeat { hi, .. } if *hi == usize::MAX && within == Within::Look => {
            Err("repetition without end within a look-around")
        }
        Expr::Repeat { child, hi, .. } => {
            let inner = if *hi > 1 && within == Within::Nothing { Within::Repeat } else { within };
            check(child, inner)
        }
        Expr::LookAround(inner, _) if within == Within::Nothing => check(inner, Within::Look),
        Expr::LookAround(..) => Err("look-around within a repetition or another look-around"),
        Expr::Empty
        | Expr::Any { .. }
        | Expr::Assertion(_)
        | Expr::Literal { .. }
        | Expr::Delegate { .. } => Ok(()),
        _ => Err("back-reference, recursion or condition"),
    }
}

fn shortened(pattern: &str) -> String {
    const MAX: usize = 200;
    match pattern.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}…", &pattern[..at]),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn expressions_that_could_run_for_ever_are_refused() {
        for source in
            [r"(a+)\1", r"(?:(?=a)a+)+b", r"(?=(?:a*)*b)a", r"(?=x(?!y))z", "(", r"(?<n>a)\g<n>"]
        {
            assert!(Pattern::new(source).is_err(), "{source}");
        }
        assert!(Pattern::new(&"a".repeat(20_000)).is_err());
    }

    #[test]
    fn automata_find_what_backtracking_finds() {
        let head =
            r"(?i:'s)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
        let deadline = Instant::now() + Duration::from_secs(60);
        for (end, text) in SPACE_ENDS.iter().flat_map(|end| {
            ["  a   b\n\n c  \t", "x \u{3000}\u{3000}y", " ", "", "a  ", "\n  \n  1 2   ", "'S '"]
                .map(|it| (end, it))
        }) {
            let fast = Pattern::new(&format!("{head}{end}")).unwrap();
            assert!(matches!(fast.engine, Engine::Spaces(_)));
            let slow = fancy_regex::Regex::new(&format!("{head}{end}")).unwrap();
            let expected: Vec<_> = slow.find_iter(text).map(|it| it.unwrap().range()).collect();
            assert_eq!(fast.matches(text, deadline).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn nested_repetition_before_a_look_around_ends_with_an_error() {
        let pattern = Pattern::new(r"(?:a+)+(?!a|$)|x").unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        let error = pattern.matches(&"a".repeat(5_000), deadline);
        assert!(matches!(error, Err(Error::RegexTooSlow { len: 5_000, .. })), "{error:?}");
    }
}
