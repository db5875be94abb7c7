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
    "what do I get if I take {}",
    "what do you get for {}",
    "how much does {} make",
    "how much would {} be",
    "what number is {}",
    "what is the result of {}",
    "result of {}",
    "{}, what is that",
    "{}, how much",
    "please do the sum {}",
    "a sum: {}",
    "an easy one: {}",
    "my homework says {}",
    "my son asks what {} is",
    "help me with {}",
    "are you able to work out {}",
    "evaluate {}",
    "I wonder what {} is",
    "is {} hard for you",
    "figure out {}",
    "find {}",
    "what comes out of {}",
];

/// A question about numbers and its answer.
pub(crate) fn turn(rng: &mut Rng) -> Turn {
    if chance(rng, 12) {
        return beyond(rng);
    }
    // Small numbers are what people ask for, and what larger sums are made of.
    let (most, other) = *pick(rng, &[(9, 9), (9, 9), (20, 9), (100, 9), (100, 100), (100, 100)]);
    let (a, b) = (rng.u32(..=most), rng.u32(..=other));
    let (a, b) = if rng.bool() { (a, b) } else { (b, a) };
    let (a, b, sign, result) = match rng.u8(..20) {
        0..7 => (a, b, '+', a + b),
        7..12 => (a.max(b), a.min(b), '-', a.abs_diff(b)),
        12..18 => {
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
    Turn { ask, answer: worked_out(a, b, sign, result) }
}

/// The sum with its result. Before it come the ones and then the tens, where both count: each step is
/// one of few that are met often, and stands at the same distance from the digits that it takes.
fn worked_out(a: u32, b: u32, sign: char, result: u32) -> String {
    let known = match sign {
        '+' => a < 10 && b < 10,
        '-' => a < 20 && b < 10,
        _ => true,
    };
    if known {
        return format!("{a} {sign} {b} = {result}.");
    }
    let (ones, tens) = ((a % 10, b % 10), (a / 10, b / 10));
    let borrowed = if sign == '-' && ones.0 < ones.1 { 10 } else { 0 };
    let low = if sign == '+' { ones.0 + ones.1 } else { ones.0 + borrowed - ones.1 };
    let carried = if sign == '+' { low / 10 } else { borrowed / 10 };
    let high: Vec<_> = [tens.0, tens.1, carried]
        .into_iter()
        .filter(|it| *it > 0)
        .map(|it| it.to_string())
        .collect();
    let first = format!("{a} {sign} {b}: {} {sign} {} = {low}", ones.0 + borrowed, ones.1);
    match high.len() {
        0 | 1 => format!("{first}, so {result}."),
        _ => {
            format!("{first}, {} = {}, so {result}.", high.join(&format!(" {sign} ")), result / 10)
        }
    }
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
            "I had {a} {thing} and found {b} more, how many now",
            "the total of {a} and {b}",
            "sum of {a} and {b}",
            "put {a} and {b} together",
            "what is {b} more than {a}",
            "there are {a} {thing} here and {b} there, how many in all",
            "what do I get if I add {b} to {a}",
            "increase {a} by {b}",
            "{a} {thing} and {b} {thing}, how many is that",
        ],
        '-' => &[
            "I have {a} {thing} and give away {b}, how many are left",
            "if I had {a} {thing} and lost {b}, what is left",
            "subtract {b} from {a}",
            "take {b} away from {a}",
            "what is the difference between {a} and {b}",
            "I had {a} {thing} and ate {b}, how many remain",
            "there were {a} {thing}, {b} are gone, how many are there now",
            "what is {b} less than {a}",
            "what do I get if I take {b} from {a}",
            "from {a} take {b}",
            "decrease {a} by {b}",
            "how far is it from {b} to {a}",
        ],
        '*' => &[
            "multiply {a} by {b}",
            "multiply {a} and {b}",
            "what is the product of {a} and {b}",
            "what do I get if I multiply {a} by {b}",
            "product of {a} and {b}",
            "{a} rows of {b} {thing}, how many in all",
            "one costs {b} euros, what do {a} cost",
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
    let answer = "That is too much for a demo: I add and subtract up to a hundred and know the times tables up to \
                  twelve. Ask a calculator, or a real model: `ingle run MODEL.gguf`.";
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ones_come_before_tens() {
        for (sum, expected) in [
            ((27, 48, '+', 75), "27 + 48: 7 + 8 = 15, 2 + 4 + 1 = 7, so 75."),
            ((52, 17, '-', 35), "52 - 17: 12 - 7 = 5, 5 - 1 - 1 = 3, so 35."),
            ((45, 42, '-', 3), "45 - 42: 5 - 2 = 3, 4 - 4 = 0, so 3."),
            ((100, 37, '-', 63), "100 - 37: 10 - 7 = 3, 10 - 3 - 1 = 6, so 63."),
            ((7, 55, '+', 62), "7 + 55: 7 + 5 = 12, 5 + 1 = 6, so 62."),
            ((27, 2, '+', 29), "27 + 2: 7 + 2 = 9, so 29."),
            ((15, 8, '-', 7), "15 - 8 = 7."),
            ((7, 8, '*', 56), "7 * 8 = 56."),
        ] {
            let (a, b, sign, result) = sum;
            assert_eq!(worked_out(a, b, sign, result), expected);
        }
    }

    #[test]
    fn every_step_is_a_fact_that_is_drilled() {
        let facts: BTreeSet<String> =
            crate::facts::all().iter().map(|(ask, result)| format!("{ask} = {result}")).collect();
        let check = |sum: String| {
            let Some((_, steps)) = sum.split_once(": ") else { return };
            let steps = steps.split(", ").filter(|it| !it.starts_with("so "));
            steps.for_each(|it| assert!(facts.contains(it), "`{it}` of `{sum}`"));
        };
        for (a, b) in (0..=100).flat_map(|a| (0..=a.min(99)).map(move |b| (a, b))) {
            check(worked_out(a, b, '-', a - b));
            if a < 100 {
                check(worked_out(a, b, '+', a + b));
                check(worked_out(b, a, '+', a + b));
            }
        }
    }
}
