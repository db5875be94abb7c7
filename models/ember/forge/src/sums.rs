//! Sums within reach: up to a hundred, and the tables up to twelve; and what to say beyond.

use fastrand::Rng;

use crate::{
    pattern::{pick, word},
    speech::chance,
    topics::Turn,
};

const SMALL: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

const FRAMES: &[&str] = &[
    "what is {}",
    "how much is {}",
    "{}",
    "{} =",
    "calculate {}",
    "compute {}",
    "work out {}",
    "what does {} make",
    "what is {} equal to",
    "tell me {}",
    "solve {}",
    "do you know what {} is",
    "can you do {}",
    "what do I get for {}",
    "add this up: {}",
    "give me the result of {}",
    "so {} is",
    "{} is how much",
    "{} equals",
    "what about {}",
    "and {}",
    "quick, {}",
    "I need {}",
    "the answer to {}",
    "what would {} be",
    "let us calculate {}",
    "maths: {}",
];

/// A question about numbers and its answer.
pub(crate) fn turn(rng: &mut Rng) -> Turn {
    if chance(rng, 12) {
        return beyond(rng);
    }
    let (a, b, sign, result) = match rng.u8(..10) {
        0..4 => {
            let (a, b) = (rng.u32(..100), rng.u32(..100));
            (a, b, '+', a + b)
        }
        4..7 => {
            let (a, b) = (rng.u32(..101), rng.u32(..101));
            (a.max(b), a.min(b), '-', a.abs_diff(b))
        }
        7..9 => {
            let (a, b) = (rng.u32(..13), rng.u32(..13));
            (a, b, '*', a * b)
        }
        _ => {
            let (a, b) = (rng.u32(..13), rng.u32(1..13));
            (a * b, b, '/', a)
        }
    };
    let asked = spoken(rng, a, b, sign);
    let ask = story(rng, a, b, sign).unwrap_or_else(|| word(rng, FRAMES).replace("{}", &asked));
    Turn { ask, answer: format!("{a} {sign} {b} = {result}.") }
}

/// `7 + 8`, `7 plus 8` or `seven plus eight`.
fn spoken(rng: &mut Rng, a: u32, b: u32, sign: char) -> String {
    let words: &[&str] = match sign {
        '+' => &["+", "plus", "and", "added to"],
        '-' => &["-", "minus", "less", "take away"],
        '*' => &["*", "times", "x", "multiplied by"],
        _ => &["/", "divided by", "over", ":"],
    };
    let mut word = if chance(rng, 50) { words[0] } else { word(rng, words) };
    if word.len() == 1 && word != "x" && chance(rng, 25) {
        return format!("{a}{word}{b}");
    }
    if word == "x" && chance(rng, 50) {
        return format!("{a}x{b}");
    }
    if chance(rng, 12) {
        if word.len() == 1 {
            word = words[1];
        }
        return format!("{} {word} {}", number(a), number(b));
    }
    format!("{a} {word} {b}")
}

/// A sum in the words of daily life.
fn story(rng: &mut Rng, a: u32, b: u32, sign: char) -> Option<String> {
    let thing = word(
        rng,
        &[
            "apples", "books", "coins", "eggs", "pens", "cakes", "stones", "cups", "cards",
            "euros", "dollars",
        ],
    );
    let frames: &[&str] = match sign {
        '+' => &[
            "I have {a} {thing} and get {b} more, how many are there",
            "if I have {a} {thing} and buy {b} more, how many {thing} do I have",
            "what is the sum of {a} and {b}",
            "add {a} and {b}",
            "add {b} to {a}",
            "{a} {thing} and {b} {thing}, how many is that",
        ],
        '-' => &[
            "I have {a} {thing} and give away {b}, how many are left",
            "if I had {a} {thing} and lost {b}, what is left",
            "subtract {b} from {a}",
            "take {b} away from {a}",
            "what is the difference between {a} and {b}",
        ],
        '*' => &[
            "multiply {a} by {b}",
            "multiply {a} and {b}",
            "what is the product of {a} and {b}",
            "{a} bags with {b} {thing} each, how many {thing} is that",
        ],
        _ => &["divide {a} by {b}", "share {a} {thing} among {b} people, how many does each get"],
    };
    chance(rng, 30).then(|| {
        let frame = word(rng, frames);
        frame
            .replace("{a}", &a.to_string())
            .replace("{b}", &b.to_string())
            .replace("{thing}", thing)
    })
}

fn beyond(rng: &mut Rng) -> Turn {
    let mut large = || {
        let digits = rng.u32(3..7);
        rng.u32(200..=10u32.pow(digits))
    };
    let (a, b) = (large(), large());
    let asks = [
        format!("what is {a} + {b}"),
        format!("{a} * {b}"),
        format!("what is {a} times {b}"),
        format!("{a} - {b}"),
        format!("how much is {a} divided by {b}"),
        format!("what is the square root of {a}"),
        format!("{}% of {a}", b % 100),
        format!("what is {} percent of {a}", b % 100),
        format!("{} to the power of {}", a % 50, b % 20),
        format!("calculate {}.{} + {}.{}", a % 90, b % 10, b % 70, a % 10),
        format!("what is {} times {}", 13 + a % 87, 13 + b % 87),
        format!("{} * {}", 13 + a % 87, 13 + b % 87),
        format!("is {a} a prime number"),
        format!("what is the logarithm of {a}"),
    ];
    let ask = pick(rng, &asks).clone();
    let answer = "That is too much for a demo of my size: I add and subtract up to a hundred and know the times \
                  tables up to twelve. Ask a real model, or a calculator.";
    Turn { ask, answer: answer.to_owned() }
}

fn number(n: u32) -> String {
    match n {
        0..=20 => SMALL[n as usize].to_owned(),
        21..=99 if n.is_multiple_of(10) => TENS[n as usize / 10 - 2].to_owned(),
        21..=99 => format!("{}-{}", TENS[n as usize / 10 - 2], SMALL[n as usize % 10]),
        100 => "a hundred".to_owned(),
        _ => n.to_string(),
    }
}
