//! How people type: the same question with and without politeness, capitals, a question mark, and
//! with a slip of the finger now and then.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::LazyLock,
};

use fastrand::Rng;

use crate::pattern::{pick, word};

pub(crate) const BEFORE: &[&str] = &[
    "please tell me",
    "can you tell me",
    "could you tell me",
    "tell me",
    "hey",
    "hi",
    "hello",
    "hi there",
    "hey ember",
    "ember",
    "ok",
    "okay",
    "so",
    "and",
    "well",
    "now",
    "quick question",
    "one question",
    "a question",
    "one more thing",
    "another question",
    "next question",
    "sorry",
    "excuse me",
    "um",
    "please",
    "I wonder",
    "I would like to know",
    "I want to know",
    "do you know",
    "just curious",
    "stupid question",
    "help",
    "hmm",
    "I am new here",
    "I need help",
    "good morning",
    "good evening",
    "thanks",
    "great",
    "right",
    "listen",
    "also",
    "btw",
    "by the way",
    "maybe you know",
    "let me ask",
    "I have a question",
    "question",
    "wait",
    "oh",
    "alright",
];

pub(crate) const AFTER: &[&str] = &[
    "please",
    "thanks",
    "thank you",
    "ember",
    "if I may ask",
    "do you know",
    "any idea",
    "in ingle",
    "here",
    "exactly",
    "again",
    "then",
    "actually",
    "for me",
    "can you help",
    "help me",
    "I am new to this",
    "in short",
    "on my laptop",
    "on this machine",
    "right now",
    "today",
    "by any chance",
    "in simple words",
    "if that is possible",
];

/// Words that a hasty person leaves out.
pub(crate) const IDLE: &[&str] = &[
    "the", "a", "an", "do", "does", "is", "are", "to", "can", "could", "of", "my", "this", "that",
    "I", "it", "there", "for", "in", "would", "please", "you", "me", "with",
];

/// Two words, and how some write them as one.
const CONTRACTED: &[(&str, &str, &str)] = &[
    ("I am", "I'm", "im"),
    ("what is", "what's", "whats"),
    ("do not", "don't", "dont"),
    ("does not", "doesn't", "doesnt"),
    ("cannot", "can't", "cant"),
    ("is not", "isn't", "isnt"),
    ("it is", "it's", "its"),
    ("I have", "I've", "ive"),
    ("that is", "that's", "thats"),
    ("I would", "I'd", "id"),
    ("how is", "how's", "hows"),
    ("who is", "who's", "whos"),
    ("will not", "won't", "wont"),
    ("you are", "you're", "youre"),
    ("let us", "let's", "lets"),
    ("where is", "where's", "wheres"),
];

/// Words that mean about the same, a group a line; `-` stands for a space.
static SYNONYMS: LazyLock<BTreeMap<&str, Vec<Vec<&str>>>> = LazyLock::new(|| {
    let mut synonyms = BTreeMap::<_, Vec<_>>::new();
    for line in include_str!("../../data/synonyms.txt").lines() {
        let group: Vec<_> = line.split_whitespace().collect();
        for it in &group {
            synonyms.entry(*it).or_default().push(group.clone());
        }
    }
    synonyms
});

/// Words, each with some that may be said in their place.
pub(crate) fn exchanged() -> BTreeSet<(String, String)> {
    let groups = SYNONYMS.values().flatten();
    let synonyms = groups.flat_map(|group| {
        group.iter().flat_map(move |it| group.iter().map(move |other| (*it, *other)))
    });
    let contracted = CONTRACTED.iter().flat_map(|&(long, short, _)| [(long, short), (short, long)]);
    let pairs = synonyms.chain(contracted).filter(|(it, other)| it != other);
    pairs.map(|(it, other)| (it.replace('-', " "), other.replace('-', " "))).collect()
}

/// `text`, and with each of its words contracted that can be.
pub(crate) fn spellings(text: &str) -> impl Iterator<Item = String> {
    let contracted = CONTRACTED.iter().filter(move |it| text.contains(it.0));
    let contracted = contracted.map(move |&(long, short, _)| text.replace(long, short));
    iter::once(text.to_owned()).chain(contracted)
}

/// `phrase`, which is about the topics, in other words.
pub(crate) fn reworded(rng: &mut Rng, phrase: &str) -> String {
    let (swap, drop) = (chance(rng, 50), chance(rng, 10));
    let words: Vec<&str> = phrase.split(' ').collect();
    let mut said = Vec::with_capacity(words.len());
    for (at, &it) in words.iter().enumerate() {
        // What follows `ingle`, a flag or a command in a chat belongs to it.
        let bound = at > 0
            && (words[at - 1].eq_ignore_ascii_case("ingle")
                || words[at - 1].starts_with(['-', '/']));
        if drop && words.len() > 3 && IDLE.contains(&it) && chance(rng, 40) {
            continue;
        }
        match SYNONYMS.get(it) {
            Some(groups) if swap && !bound && chance(rng, 35) => {
                let group = pick(rng, groups.as_slice());
                said.push(word(rng, group).replace('-', " "));
            }
            _ => said.push(it.to_owned()),
        }
    }
    if said.is_empty() { phrase.to_owned() } else { said.join(" ") }
}

/// `phrase` as somebody would type it.
pub(crate) fn typed(rng: &mut Rng, phrase: &str) -> String {
    let mut text = phrase.to_owned();
    if chance(rng, 14) {
        let joint = word(rng, &[" ", ", ", ", ", ": ", "! ", ". "]);
        text = format!("{}{joint}{text}", word(rng, BEFORE));
    }
    if chance(rng, 9) {
        let joint = word(rng, &[" ", ", "]);
        text = format!("{text}{joint}{}", word(rng, AFTER));
    }
    if chance(rng, 12) {
        text = slipped(rng, &text);
    }
    text = contracted(rng, &text);
    match rng.u8(..100) {
        0..45 => text = capital(&text),
        45..75 => text = text.to_lowercase(),
        75..77 => text = text.to_uppercase(),
        _ => {}
    }
    if text.ends_with(['?', '.', '!']) {
        return text;
    }
    text + word(rng, &["?", "?", "?", "", "", "", ".", "!", " ?"])
}

/// As some write it: `I'm`, `what's`, `dont`.
fn contracted(rng: &mut Rng, text: &str) -> String {
    let mut text = text.to_owned();
    for &(long, short, bare) in CONTRACTED {
        if text.contains(long) && chance(rng, 50) {
            text = text.replace(long, if chance(rng, 75) { short } else { bare });
        }
    }
    text
}

/// With one or two letters wrong, outside of commands and names.
fn slipped(rng: &mut Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..rng.usize(1..3) {
        let at = rng.usize(..letters.len());
        let plain = |it: usize| letters.get(it).is_some_and(char::is_ascii_lowercase);
        if at == 0 || !plain(at - 1) || !plain(at) || !plain(at + 1) {
            continue;
        }
        match rng.u8(..4) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, letters[at]),
            _ => letters[at] = rng.lowercase(),
        }
    }
    letters.into_iter().collect()
}

/// With its first letter capital.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// True in `percent` of a hundred cases.
pub(crate) fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_flags_keep_their_words() {
        let mut rng = Rng::with_seed(1);
        let asks =
            [("ingle show", "what does ingle show tell"), ("--stop end", "how does --stop end it")];
        for (kept, ask) in asks {
            assert!((0..500).all(|_| reworded(&mut rng, ask).contains(kept)), "{kept}");
        }
    }
}
