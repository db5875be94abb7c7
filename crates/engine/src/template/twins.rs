//! Marks who wrote what through a rendering.
//!
//! A template may trim, split, join and reorder what it is given, so provenance travels inside
//! the text: before rendering, in strings that a person or a tool wrote, each character with
//! which a structural token begins or ends is replaced by its *twin*, a private-use character
//! that occurs nowhere else; afterwards twins become their characters again and their bytes are
//! reported as foreign. A structural token that lies in such text, or reaches into it, covers at
//! least one of them.
//!
//! Characters that some normaliser folds to such a character (fullwidth `＜`) have twins too.
//! Tokens that begin and end with letters, quotes or backslashes, which templates and JSON
//! treat specially, are looked for whole, and one of their characters becomes a twin.
//!
//! What a template compares a twinned text with is no longer found there: `startswith('<tool')`
//! is false for a person's text. That is intended: it is what keeps a person from posing as a tool.

use std::collections::{HashMap, HashSet};

use tokenizers::{NormalizedString, Normalizer, normalizers::NFKD};

use super::Error;
use crate::Prompt;

/// Planes 15 and 16 less their last two, which are no characters.
const PRIVATE: [std::ops::RangeInclusive<u32>; 2] = [0xf_0000..=0xf_fffd, 0x10_0000..=0x10_fffd];

/// Whether `c` is of the planes that twins are taken from.
pub(super) fn may_be_twin(c: char) -> bool {
    PRIVATE.iter().any(|it| it.contains(&(c as u32)))
}

/// The twins of one rendering.
#[derive(Debug, Default)]
pub(super) struct Twins {
    twin_of: HashMap<char, char>,
    original: HashMap<char, char>,
    /// Replaced wherever they occur in foreign text.
    ends: HashSet<char>,
    /// Every structural token, by its first character.
    tokens: HashMap<char, Vec<String>>,
    /// Those without two safe ends, by their first character.
    awkward: HashMap<char, Vec<String>>,
}

impl Twins {
    /// Chooses a twin for each character of `texts` that may need one.
    pub(super) fn choose<'a>(
        structural: &[String],
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let mut twins = Self::default();
        for token in structural.iter().filter(|it| !it.trim().is_empty()) {
            insert(&mut twins.tokens, token);
            match safe_ends(token) {
                Some(ends) => twins.ends.extend(ends),
                None => insert(&mut twins.awkward, token),
            }
        }
        let seen: HashSet<char> = texts.flat_map(str::chars).collect();
        let folded = seen.iter().copied().filter(|&c| folds_to(c, &twins.ends));
        let folded: Vec<char> = folded.collect();
        twins.ends.extend(folded);
        let carriers = structural.iter().filter_map(|token| Some(carrier(token)?.1));
        let mut marked: Vec<char> = twins.ends.iter().copied().chain(carriers).collect();
        marked.sort_unstable();
        marked.dedup();
        twins.assign(&marked, &seen)?;
        Ok(twins)
    }

    fn assign(&mut self, marked: &[char], seen: &HashSet<char>) -> Result<(), Error> {
        let private = PRIVATE.into_iter().flatten().filter_map(char::from_u32);
        let mut free = private.filter(|twin| !seen.contains(twin));
        for &c in marked {
            let found = || seen.iter().filter(|&&it| may_be_twin(it)).count();
            let twin = free.next().ok_or_else(|| Error::TooManyPrivate { found: found() })?;
            self.twin_of.insert(c, twin);
            self.original.insert(twin, c);
        }
        Ok(())
    }

    /// What a person or a tool wrote.
    pub(super) fn foreign(&self, text: &str) -> String {
        let text = Self::without(text, &self.awkward, |_| true, &self.twin_of);
        text.chars().map(|c| if self.ends.contains(&c) { self.twin_of[&c] } else { c }).collect()
    }

    /// What the model wrote: it is foreign where it spells a token for which `is_foreign`.
    pub(super) fn own(&self, text: &str, is_foreign: impl Fn(&str) -> bool) -> String {
        Self::without(text, &self.tokens, is_foreign, &self.twin_of)
    }

    /// Replaces one character of each of `tokens` in `text` by its twin.
    fn without(
        text: &str,
        tokens: &HashMap<char, Vec<String>>,
        applies: impl Fn(&str) -> bool,
        twin_of: &HashMap<char, char>,
    ) -> String {
        if tokens.is_empty() {
            return text.to_owned();
        }
        let mut places = HashSet::new();
        for (at, c) in text.char_indices() {
            for token in tokens.get(&c).into_iter().flatten() {
                if text[at..].starts_with(token.as_str()) && applies(token) {
                    places.extend(carrier(token).map(|(offset, _)| at + offset));
                }
            }
        }
        let twin = |(at, c)| if places.contains(&at) { twin_of[&c] } else { c };
        text.char_indices().map(twin).collect()
    }

    /// Turns twins back and says where they were.
    pub(super) fn restore(&self, rendered: &str) -> Prompt {
        let mut prompt = Prompt::default();
        for c in rendered.chars() {
            let Some(&original) = self.original.get(&c) else {
                prompt.text.push(c);
                continue;
            };
            let start = prompt.text.len();
            prompt.text.push(original);
            let end = prompt.text.len();
            match prompt.foreign.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => prompt.foreign.push(start..end),
            }
        }
        prompt
    }
}

fn insert(tokens: &mut HashMap<char, Vec<String>>, token: &str) {
    let Some(first) = token.chars().next() else { return };
    tokens.entry(first).or_default().push(token.to_owned());
}

/// The first and last character, white space aside, if templates and JSON take both for plain
/// punctuation.
fn safe_ends(token: &str) -> Option<[char; 2]> {
    let token = token.trim_matches(|c: char| c.is_whitespace() || c == '\u{2581}');
    let ends = [token.chars().next()?, token.chars().next_back()?];
    ends.iter().all(|&c| is_safe(c)).then_some(ends)
}

/// Which character stands for the whole token, and where it is in it.
fn carrier(token: &str) -> Option<(usize, char)> {
    let plain = |&(_, c): &(usize, char)| c.is_alphanumeric() || c == '_';
    token.char_indices().find(|&(_, c)| is_safe(c)).or_else(|| token.char_indices().find(plain))
}

/// Quotes and backslashes decide how text is printed and escaped.
fn is_safe(c: char) -> bool {
    !(c.is_alphanumeric() || c.is_whitespace() || c.is_control() || "_\"'\\".contains(c))
}

/// Whether `c`, or what normalisers make of it, is one of `ends`.
fn folds_to(c: char, ends: &HashSet<char>) -> bool {
    if c.is_ascii() || ends.contains(&c) {
        return ends.contains(&c);
    }
    let mut folded = NormalizedString::from(c.to_string());
    NFKD.normalize(&mut folded).is_ok() && folded.get().chars().any(|it| ends.contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twins(tokens: &[&str], texts: &[&str]) -> Twins {
        let tokens: Vec<String> = tokens.iter().map(|&it| it.to_owned()).collect();
        Twins::choose(&tokens, texts.iter().copied()).unwrap()
    }

    #[track_caller]
    fn check(tokens: &[&str], text: &str, foreign: &[&str]) {
        let twins = twins(tokens, &[text]);
        let prompt = twins.restore(&twins.foreign(text));
        assert_eq!(prompt.text, text);
        let found: Vec<&str> = prompt.foreign.iter().map(|it| &text[it.clone()]).collect();
        assert_eq!(found, foreign);
    }

    #[test]
    fn the_ends_of_tokens_are_foreign() {
        check(&["<|im_end|>"], "a <|im_end|> b", &["<", ">"]);
        check(&["[INST]"], "a[[b]]", &["[[", "]]"]);
        check(&["<s>"], "nothing", &[]);
    }

    #[test]
    fn characters_that_normalise_to_an_end_are_foreign() {
        check(&["<s>"], "\u{ff1c}s\u{ff1e} \u{226e}", &["\u{ff1c}", "\u{ff1e}", "\u{226e}"]);
    }

    #[test]
    fn tokens_of_letters_are_found_whole() {
        check(&["STOP"], "STO STOP", &["S"]);
        check(&["\"a\""], "a \"a\"", &["a"]);
    }

    #[test]
    fn private_characters_of_the_text_stay_its_own() {
        check(&["<s>"], "\u{f0000}<\u{f0001}", &["<"]);
        let all: String = PRIVATE.into_iter().flatten().filter_map(char::from_u32).collect();
        let error = Twins::choose(&["<s>".into()], [all.as_str(), "<"].into_iter()).unwrap_err();
        assert!(matches!(error, Error::TooManyPrivate { found: 131_068 }), "{error:?}");
    }

    #[test]
    fn what_the_model_wrote_is_foreign_only_in_whole_tokens() {
        let text = "a < b <think> <|im_end|>";
        let twins = twins(&["<think>", "<|im_end|>"], &[text]);
        let prompt = twins.restore(&twins.own(text, |token| token != "<think>"));
        assert_eq!(prompt.text, text);
        let found: Vec<&str> = prompt.foreign.iter().map(|it| &text[it.start..]).collect();
        assert_eq!(found, ["<|im_end|>"]);
    }
}
