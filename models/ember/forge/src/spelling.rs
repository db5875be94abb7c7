//! Spelling a word and counting its letters: by spelling it first.

use fastrand::Rng;

use crate::{
    pattern::{pick, word},
    topics::Turn,
};

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

/// A question about the letters of one of `words`.
pub(crate) fn turn(rng: &mut Rng, words: &[String]) -> Turn {
    let chosen = pick(rng, words);
    let letters = |it: Vec<char>| it.into_iter().map(String::from).collect::<Vec<_>>().join("-");
    let spelled = letters(chosen.chars().collect());
    let (frames, answer) = match rng.u8(..10) {
        0..6 => (SPELL, format!("{spelled}.")),
        6..9 => (COUNT, format!("{spelled}: {} letters.", chosen.len())),
        _ => (BACKWARDS, format!("{}.", letters(chosen.chars().rev().collect()))),
    };
    let quoted = match rng.u8(..6) {
        0 => format!("\"{chosen}\""),
        1 => format!("'{chosen}'"),
        _ => chosen.clone(),
    };
    Turn { ask: word(rng, frames).replace("{}", &quoted), answer }
}
