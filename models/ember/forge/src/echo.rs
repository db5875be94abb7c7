//! Saying again what was said: the plainest way to learn that words can be copied.

use fastrand::Rng;

use crate::{
    pattern::{pick, word},
    speech::chance,
    spelling::everyday,
    topics::Turn,
};

/// Every way to ask, with `{}` for the words.
pub(crate) const FRAMES: &[&str] = &[
    "repeat after me: {}",
    "say {}",
    "please say {}",
    "say the words {}",
    "repeat the words {}",
    "repeat {}",
    "write {}",
    "write the words {}",
    "type {}",
    "echo {}",
    "copy this: {}",
    "copy the words {}",
    "can you say {}",
    "can you repeat {}",
    "could you say {} for me",
    "I want you to say {}",
    "just say {}",
    "say this: {}",
    "answer with {}",
    "reply with {}",
    "print {}",
    "give me back the words {}",
];

/// Words to be said again.
pub(crate) fn turn(rng: &mut Rng) -> Turn {
    let n = *pick(rng, &[1, 1, 2, 2, 3, 4, 6, 8]);
    let words: Vec<String> = (0..n).map(|_| heard(rng)).collect();
    let text = words.join(" ");
    let quoted = if chance(rng, 30) { format!("\"{text}\"") } else { text.clone() };
    Turn { ask: word(rng, FRAMES).replace("{}", &quoted), answer: format!("Here you are: {text}.") }
}

/// A word of every day, or one that nobody knows.
fn heard(rng: &mut Rng) -> String {
    if chance(rng, 25) {
        crate::names::unheard(rng).to_lowercase()
    } else {
        everyday(rng).to_owned()
    }
}
