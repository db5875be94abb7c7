//! Tokens that match as a whole: where they stand in a text, and where a structural one may not.
//!
//! This is the guard against injected structure: a structural token never matches where it would
//! cover a byte that a person or a tool wrote. The matching rules else are the `tokenizers`
//! crate's: leftmost, then longest, with its flags; which tokens are structural is in `special`.

use std::ops::Range;

use super::Error;

/// A token that matches as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) text: String,
    /// Matches only where nobody foreign wrote.
    pub(super) structural: bool,
    /// Swallows the white space before it.
    pub(super) lstrip: bool,
    /// Swallows the white space after it.
    pub(super) rstrip: bool,
    /// Only where no letter, digit or underscore touches it.
    pub(super) single_word: bool,
}

/// Where a token stands, swallowed white space included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) id: u32,
    pub(super) range: Range<usize>,
}

/// Tokens that match as a whole, sorted by text: all those that begin alike stand together.
#[derive(Debug)]
pub(super) struct AddedTokens {
    tokens: Vec<AddedToken>,
    /// The tokens that begin with this byte.
    first: Box<[Range<u32>; 256]>,
}

impl AddedTokens {
    /// Tokens to look for. One text with two numbers is an error.
    pub(super) fn new(mut tokens: Vec<AddedToken>) -> Result<Self, Error> {
        tokens.retain(|token| !token.text.is_empty());
        tokens.sort_by(|a, b| (&a.text, a.id).cmp(&(&b.text, b.id)));
        tokens.dedup_by(|a, b| a.text == b.text && a.id == b.id);
        if let Some([a, b]) = tokens.array_windows().find(|[a, b]| a.text == b.text) {
            return Err(Error::DuplicateToken { text: a.text.clone(), ids: [a.id, b.id] });
        }
        let first = Box::new(std::array::from_fn(|byte| {
            let before = |limit: usize| {
                tokens.partition_point(|it| usize::from(it.text.as_bytes()[0]) < limit) as u32
            };
            before(byte)..before(byte + 1)
        }));
        Ok(Self { tokens, first })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AddedToken> {
        self.tokens.iter()
    }

    /// Every match in `text`, in order, apart. `is_foreign` tells whether a range of `text` holds
    /// a byte that a person or a tool wrote.
    pub(super) fn find(&self, text: &str, is_foreign: impl Fn(Range<usize>) -> bool) -> Vec<Match> {
        let mut found: Vec<Match> = vec![];
        let (mut at, mut end) = (0, 0);
        while at < text.len() {
            let Some(token) = self.longest(text, at, &is_foreign) else {
                at += 1;
                continue;
            };
            let whole = at..at + token.text.len();
            if token.single_word && touches_word(text, &whole) {
                // The reference goes on behind what it rejects.
                at = whole.end;
                continue;
            }
            let mut range = whole;
            if token.lstrip {
                range.start = text[end..range.start].trim_end().len() + end;
            }
            if token.rstrip {
                range.end = text.len() - text[range.end..].trim_start().len();
            }
            (at, end) = (range.end, range.end);
            found.push(Match { id: token.id, range });
        }
        found
    }

    /// The longest token that stands at `at` and may.
    fn longest(
        &self,
        text: &str,
        at: usize,
        is_foreign: &impl Fn(Range<usize>) -> bool,
    ) -> Option<&AddedToken> {
        let text = &text.as_bytes()[at..];
        let Range { start, end } = self.first[usize::from(text[0])];
        let mut candidates = &self.tokens[start as usize..end as usize];
        let mut longest = None;
        // Narrow the candidates byte by byte; the first of them is the shortest.
        for depth in 1.. {
            let Some(shortest) = candidates.first() else { break };
            if shortest.text.len() == depth {
                let may = !shortest.structural || !is_foreign(at..at + depth);
                longest = if may { Some(shortest) } else { longest };
                candidates = &candidates[1..];
            }
            let Some(&byte) = text.get(depth) else { break };
            let from = candidates.partition_point(|it| it.text.as_bytes()[depth] < byte);
            let to = candidates.partition_point(|it| it.text.as_bytes()[depth] <= byte);
            candidates = &candidates[from..to];
        }
        longest
    }
}

fn touches_word(text: &str, range: &Range<usize>) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text[..range.start].ends_with(is_word) || text[range.end..].starts_with(is_word)
}

/// Whether `range` meets one of `foreign`, which are ascending and apart.
pub(super) fn meets(foreign: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = foreign.partition_point(|it| it.end <= range.start);
    foreign.get(next).is_some_and(|it| it.start < range.end)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one foreign range are meant")]
mod tests {
    use super::*;

    fn tokens() -> AddedTokens {
        let token = |id, text: &str, structural| AddedToken {
            id,
            text: text.into(),
            structural,
            ..AddedToken::default()
        };
        let mut all = vec![token(0, "<a>", true), token(1, "<a>b", true), token(2, "  ", false)];
        all.push(AddedToken { rstrip: true, lstrip: true, ..token(3, "<strip>", true) });
        all.push(AddedToken { single_word: true, ..token(4, "word", false) });
        AddedTokens::new(all).unwrap()
    }

    #[track_caller]
    fn check(text: &str, foreign: &[Range<usize>], expected: &[(u32, Range<usize>)]) {
        let found = tokens().find(text, |range| meets(foreign, &range));
        let found: Vec<_> = found.into_iter().map(|it| (it.id, it.range)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn the_longest_of_the_leftmost_matches() {
        check("x<a>bc<a>", &[], &[(1, 1..5), (0, 6..9)]);
        check("é   é", &[], &[(2, 2..4)]);
    }

    #[test]
    fn flags_swallow_space_and_look_at_neighbours() {
        check("x <strip>\n y", &[], &[(3, 1..11)]);
        check("words word", &[], &[(4, 6..10)]);
    }

    #[test]
    fn a_structural_token_covers_no_foreign_byte() {
        for byte in 0..3 {
            check("<a>", &[byte..byte + 1], &[]);
        }
        // Where only the longer one would cover foreign text, the shorter one stands.
        check("<a>b", &[3..4], &[(0, 0..3)]);
        check("<a><a>", &[0..3], &[(0, 3..6)]);
        check("a  b", &[0..4], &[(2, 1..3)]);
    }

    #[test]
    fn two_tokens_of_one_text_are_refused() {
        let token = |id| AddedToken { id, text: "<a>".into(), ..AddedToken::default() };
        let error = AddedTokens::new(vec![token(1), token(2)]).unwrap_err();
        assert!(matches!(error, Error::DuplicateToken { .. }), "{error}");
    }
}
