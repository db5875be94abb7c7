//! That nobody teaches what is examined: no question of the examination may be met in training.

use std::collections::BTreeMap;

use ember_forge::{School, curriculum::Curriculum, plain, written};
use fastrand::Rng;

use crate::{Questions, questions};

/// What is drawn of the training, one part in four of which are questions about topics.
const DRAWN: usize = 150_000;

/// Words that a sum is asked with.
const SUM: &[&str] = &[
    "and", "by", "can", "do", "for", "from", "get", "how", "i", "if", "is", "me", "minus", "much",
    "multiply", "out", "plus", "take", "times", "what", "whats", "work", "x", "you",
];

/// Words of greetings and thanks, for which there are few others.
const CIVIL: &[&str] = &[
    "bye", "evening", "good", "goodbye", "hello", "hey", "hi", "morning", "thank", "thanks", "you",
];

/// Two numbers and no word but those of `SUM`: it may happen to be among thousands of others.
fn is_sum(ask: &str) -> bool {
    let words = words(ask);
    let numbers = words.iter().filter(|it| is_number(it)).count();
    numbers >= 2 && words.iter().all(|it| is_number(it) || SUM.contains(&it.as_str()))
}

/// At most three words, all of them of `CIVIL`: everybody types the same.
fn is_civil(ask: &str) -> bool {
    let words = words(ask);
    words.len() <= 3 && words.iter().all(|it| CIVIL.contains(&it.as_str()))
}

fn is_number(word: &str) -> bool {
    word.chars().all(|it| it.is_ascii_digit())
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('\'', "");
    let words = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    words.map(str::to_owned).collect()
}

#[test]
fn no_question_of_the_examination_is_taught() {
    let Questions { question, beyond, talk } = questions();
    let turns = talk.iter().flat_map(|it| &it.turns);
    let asks = question.iter().chain(&beyond).chain(turns).map(|it| it.ask.as_str());
    let asks: Vec<&str> = asks.filter(|it| !is_sum(it) && !is_civil(it)).collect();
    let school = School::open().expect("sound topics");
    let mut taught = school.taught_among(&asks);

    let asks: BTreeMap<String, &str> = asks.iter().map(|it| (plain(it), *it)).collect();
    let (mut curriculum, mut rng) = (Curriculum::new(&school), Rng::with_seed(1));
    for _ in 0..DRAWN {
        let (kind, conversation) = curriculum.draw(&mut rng);
        curriculum.count(kind, written(&conversation).len());
        for turn in conversation.turns {
            if let Some(ask) = asks.get(&plain(&turn.ask)) {
                let place = format!("{kind:?}: `{}`", turn.ask);
                taught.entry((*ask).to_owned()).or_default().insert(place);
            }
        }
    }
    let n = taught.len();
    assert!(taught.is_empty(), "{n} questions are taught, each with where: {taught:#?}");
}

#[test]
fn only_sums_and_civilities_may_be_taught() {
    for ask in ["whats 34+58", "15 - 8 =", "can you work out 12 x 11 for me", "what's 6*7"] {
        assert!(is_sum(ask), "{ask}");
    }
    for ask in ["keep only the 20 likeliest", "what is phi-4?", "and Q8_0?", "2 of 3 files"] {
        assert!(!is_sum(ask), "{ask}");
    }
    for ask in ["Hello", "thank you!", "hey, good morning!"] {
        assert!(is_civil(ask), "{ask}");
    }
    for ask in ["ok bye for now", "how are you", "good evening hey you", "and gemma?"] {
        assert!(!is_civil(ask), "{ask}");
    }
}
