//! Regular expressions of a model file: what shapes are taken, and how long they may run.
//!
//! Most expressions run on automata, in time proportional to the text. Only look-around makes
//! `fancy-regex` backtrack; the shapes that the known models use (`\s+(?!\S)`) stay cheap, and
//! what could take exponential or quadratic time is refused at load: back-references, recursion,
//! look-around within a repetition, repetition without end within a look-around.

use std::{ops::Range, time::Instant};

use fancy_regex::{Expr, Regex, RegexBuilder};

use super::Error;

/// Steps back in one search. A search counts one for each character that it passes over, so this
/// also limits how far apart matches may lie; 10 million take about half a second.
const BACKTRACK_LIMIT: usize = 10_000_000;

/// Bytes of one expression; the longest known one has 1,400.
const MAX_LEN: usize = 16 << 10;

/// A checked and compiled expression.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

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
        let regex = RegexBuilder::new(source).backtrack_limit(BACKTRACK_LIMIT).build();
        regex.map(Self).map_err(failed)
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
        let too_slow =
            || Error::RegexTooSlow { pattern: shortened(self.0.as_str()), len: text.len() };
        let mut found = Vec::with_capacity(text.len() / 8);
        for next in self.0.find_iter(text) {
            found.push(next.map_err(|_| too_slow())?.range());
            if Instant::now() > deadline {
                return Err(too_slow());
            }
        }
        Ok(found)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    Nothing,
    Repeat,
    Look,
}

fn check(expr: &Expr, within: Within) -> Result<(), &'static str> {
    match expr {
        Expr::Concat(parts) | Expr::Alt(parts) => {
            parts.iter().try_for_each(|part| check(part, within))
        }
        Expr::Group(inner) | Expr::AtomicGroup(inner) => check(inner, within),
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
    fn nested_repetition_before_a_look_around_ends_with_an_error() {
        let pattern = Pattern::new(r"(?:a+)+(?!a|$)|x").unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        let error = pattern.matches(&"a".repeat(5_000), deadline);
        assert!(matches!(error, Err(Error::RegexTooSlow { len: 5_000, .. })), "{error:?}");
    }
}
