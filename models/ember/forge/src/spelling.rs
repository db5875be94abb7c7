//! Words of every day, and questions about their letters.

use std::sync::LazyLock;

use fastrand::Rng;

use crate::{names::unheard, pattern::word, speech::chance, topics::Turn};

const SPELL: &[&str] = &[
    "spell {}",
    "how do you spell {}",
    "how is {} spelled",
    "how is {} spelt",
    "spell the word {}",
    "please spell {} for me",
    "can you spell {}",
    "what are the letters of {}",
    "which letters are in {}",
    "the spelling of {}",
    "spelling of {}",
    "write {} letter by letter",
    "give me the letters of {}",
    "how do I write {}",
    "spell out {}",
    "how would you spell {}",
    "what letters does {} have",
    "I forgot how to spell {}",
    "spell {} letter by letter",
    "{} spelled out",
    "how is the word {} spelled",
    "how does one spell {}",
    "how do people spell {}",
    "what is the spelling of {}",
    "the letters of {}",
    "the letters in {}, one by one",
    "{}, letter by letter",
    "list the letters of {}",
    "name the letters of {}",
    "break {} into letters",
    "take {} apart, letter by letter",
    "spell this word: {}",
    "spell: {}",
    "can you spell the word {}",
    "would you spell {}",
    "what is the right spelling of {}",
    "what is the correct way to spell {}",
    "how to spell {}",
    "how to write {}",
    "how is {} written",
    "how do you write {} correctly",
    "help me spell {}",
    "my daughter has to spell {}",
    "my homework is to spell {}",
    "I cannot spell {}",
    "I never know how {} is spelled",
    "which letters make up {}",
    "what letters make the word {}",
    "put hyphens between the letters of {}",
    "give me {} one letter at a time",
    "say the letters of {}",
    "tell me the letters in {}",
    "{} spelling",
    "spell {} slowly",
    "do you know how to spell {}",
    "do you know how {} is spelled",
    "show me how {} is spelled",
    "how many and which letters does {} consist of, spell it",
];

const COUNT: &[&str] = &[
    "how many letters does {} have",
    "how many letters are in {}",
    "how many letters are there in {}",
    "count the letters of {}",
    "count the letters in {}",
    "how long is the word {}",
    "the number of letters in {}",
    "how many letters has {}",
    "number of letters in the word {}",
    "what is the number of letters in {}",
    "how many letters long is {}",
    "how long is {} in letters",
    "letters in {}, how many",
    "letter count of {}",
    "count how many letters {} has",
    "of how many letters is {} made",
    "how many characters does the word {} have",
    "how many letters do I need to write {}",
    "what is the length of the word {}",
    "length of {}",
];

const BACKWARDS: &[&str] = &[
    "spell {} backwards",
    "{} backwards",
    "write {} backwards",
    "what is {} backwards",
    "reverse the word {}",
    "reverse {}",
    "turn {} around",
    "say {} in reverse",
    "how do you spell {} backwards",
];

/// Every way to ask, with `{}` for the word.
pub(crate) const FRAMES: [&[&str]; 3] = [SPELL, COUNT, BACKWARDS];

/// Words of every day.
pub(crate) const WORDS: &str = include_str!("../../data/words.txt");

/// A question about the letters of a word, which Ember cannot answer: it reads words in pieces, and
/// too few texts say what letters a piece has.
pub(crate) fn turn(rng: &mut Rng) -> Turn {
    let frames = match rng.u8(..20) {
        0..13 => SPELL,
        13..18 => COUNT,
        _ => BACKWARDS,
    };
    let asked =
        if chance(rng, 60) { everyday(rng).to_owned() } else { unheard(rng).to_lowercase() };
    let quoted = match rng.u8(..6) {
        0 => format!("\"{asked}\""),
        1 => format!("'{asked}'"),
        _ => asked,
    };
    let answer = "I cannot spell or count letters, as I read words in pieces, not letter by letter. A larger model can: \
                  `ingle run MODEL.gguf`.";
    Turn { ask: word(rng, frames).replace("{}", &quoted), answer: answer.to_owned() }
}

/// A word of every day.
pub(crate) fn everyday(rng: &mut Rng) -> &'static str {
    static LIST: LazyLock<Vec<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
    LIST[rng.usize(..LIST.len())]
}
