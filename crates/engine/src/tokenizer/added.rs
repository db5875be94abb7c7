//! Tokens that match as a whole: where they stand in a text, and where a structural one may not.
//!
//! This is the guard against injected structure: a structural token never matches where it would
//! cover a byte that a person or a tool wrote. The matching rules else are the `tokenizers`
//! crate's: leftmost, then longest, with its flags; which tokens are structural is in `special`.

use std::{iter, ops::Range};

use super::Error;

/// Bytes of the longest token that is looked for, many times as many as any has: each place of a text
/// may be compared with all of it.
const LONGEST: usize = 1024;

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
    /// Of each token, the longest other one that it begins with.
    shorter: Vec<Option<u32>>,
}

impl AddedTokens {
    /// Tokens to look for. One text with two numbers is an error, and one that is absurdly long.
    pub(super) fn new(mut tokens: Vec<AddedToken>) -> Result<Self, Error> {
        tokens.retain(|token| !token.text.is_empty());
        tokens.sort_by(|a, b| (&a.text, a.id).cmp(&(&b.text, b.id)));
        tokens.dedup_by(|a, b| a.text == b.text && a.id == b.id);
        if let Some([a, b]) = tokens.array_windows().find(|[a, b]| a.text == b.text) {
            return Err(Error::DuplicateToken { text: a.text.clone(), ids: [a.id, b.id] });
        }
        if let Some(AddedToken { id, text, .. }) = tokens.iter().find(|it| it.text.len() > LONGEST)
        {
            return Err(Error::LongToken { id: *id, found: text.len(), limit: LONGEST });
        }
        let first = Box::new(std::array::from_fn(|byte| {
            let before = |limit: usize| {
                tokens.partition_point(|it| usize::from(it.text.as_bytes()[0]) < limit) as u32
            };
            before(byte)..before(byte + 1)
        }));
        let shorter = shorter(&tokens);
        Ok(Self { tokens, first, shorter })
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
        let candidates = &self.tokens[start as usize..end as usize];
        // Whatever stands here begins the last of those that are not sorted behind the text.
        let before = candidates.partition_point(|it| it.text.as_bytes() <= text);
        let last = start + before.checked_sub(1)? as u32;
        let of_last = self.tokens[last as usize].text.as_bytes();
        let common = of_last.iter().zip(text).take_while(|(a, b)| a == b).count();
        iter::successors(Some(last), |it| self.shorter[*it as usize])
            .map(|it| &self.tokens[it as usize])
            .filter(|it| it.text.len() <= common)
            .find(|it| !it.structural || !is_foreign(at..at + it.text.len()))
    }
}

/// Of each of the tokens, which are sorted, the longest other one that it begins with.
fn shorter(tokens: &[AddedToken]) -> Vec<Option<u32>> {
    // What the last token begins with, each the beginning of the next.
    let mut begun: Vec<u32> = Vec::new();
    let begins =
        |shorter: u32, token: &AddedToken| token.text.starts_with(&tokens[shorter as usize].text);
    let of_next = |(next, token): (usize, &AddedToken)| {
        while begun.last().is_some_and(|it| !begins(*it, token)) {
            begun.pop();
        }
        let shorter = begun.last().copied();
        begun.push(next as u32);
        shorter
    };
    tokens.iter().enumerate().map(of_next).collect()
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

    /// Beside a search that tries all tokens everywhere.
    #[test]
    fn tokens_that_begin_with_others_match_as_they_should() {
        let texts = ["a", "aa", "aab", "aabaa", "ab", "abb", "b\u{e9}", "b\u{e9}b", "ba"];
        let token = |(id, text): (usize, &&str)| AddedToken {
            id: id as u32,
            text: (*text).to_owned(),
            structural: id % 2 == 0,
            ..AddedToken::default()
        };
        let all: Vec<_> = texts.iter().enumerate().map(token).collect();
        let added = AddedTokens::new(all.clone()).unwrap();
        let mut state = 1_u32;
        for _ in 0..500 {
            let mut next = |n: u32| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) % n
            };
            let len = next(12);
            let text: String = (0..len).map(|_| ['a', 'b', '\u{e9}'][next(3) as usize]).collect();
            let begin = next(12) as usize;
            let foreign = [begin..begin + 1 + next(3) as usize];
            let (mut at, mut expected) = (0, vec![]);
            while at < text.len() {
                let may = |it: &&AddedToken| {
                    let range = at..at + it.text.len();
                    text.as_bytes()[at..].starts_with(it.text.as_bytes())
                        && !(it.structural && meets(&foreign, &range))
                };
                let longest = all.iter().filter(may).max_by_key(|it| it.text.len());
                let range = at..at + longest.map_or(1, |it| it.text.len());
                at = range.end;
                expected.extend(longest.map(|it| Match { id: it.id, range }));
            }
            let found = added.find(&text, |range| meets(&foreign, &range));
            assert_eq!(found, expected, "{text:?}, {foreign:?}");
        }
    }

    #[test]
    fn a_token_that_is_absurdly_long_is_refused() {
        let token = |n| AddedToken { id: 7, text: "a".repeat(n), ..AddedToken::default() };
        assert!(AddedTokens::new(vec![token(LONGEST)]).is_ok());
        let error = AddedTokens::new(vec![token(LONGEST + 1)]).unwrap_err().to_string();
        assert_eq!(
            error,
            "token 7, which matches as a whole, has 1025 bytes, expected at most 1024"
        );
    }

    #[test]
    fn two_tokens_of_one_text_are_refused() {
        let token = |id| AddedToken { id, text: "<a>".into(), ..AddedToken::default() };
        let error = AddedTokens::new(vec![token(1), token(2)]).unwrap_err();
        assert!(matches!(error, Error::DuplicateToken { .. }), "{error}");
    }
}
