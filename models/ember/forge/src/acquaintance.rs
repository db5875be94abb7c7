//! What a person says of themselves, and whether Ember still knows it a few turns later.

use fastrand::Rng;

use crate::{names, pattern::word, topics::Turn};

const NAME: &[&str] = &[
    "my name is {}",
    "I am {}",
    "call me {}",
    "you can call me {}",
    "I'm called {}",
    "hi, I am {}",
    "hello, my name is {}",
    "{} is my name",
    "hey, {} here",
    "this is {}",
    "they call me {}",
    "good morning, I am {}",
    "my friends call me {}",
    "nice to meet you, I am {}",
];

const ASK_NAME: &[&str] = &[
    "what is my name",
    "who am I",
    "do you know my name",
    "do you remember my name",
    "what am I called",
    "say my name",
    "can you tell me my name",
    "and what was my name",
    "what was my name again",
    "have you forgotten my name",
    "how am I called",
];

const LIKE: &[&str] = &[
    "I like {}",
    "I love {}",
    "my favourite thing is {}",
    "I enjoy {}",
    "I am a fan of {}",
    "I really like {}",
    "what I like best is {}",
];

const ASK_LIKE: &[&str] = &[
    "what do I like",
    "do you remember what I like",
    "what did I say I like",
    "what is my favourite thing",
    "what was it that I like",
    "do you know what I like best",
];

/// What people like.
pub(crate) const THINGS: &[&str] = &[
    "tea",
    "coffee",
    "music",
    "books",
    "cats",
    "dogs",
    "football",
    "chess",
    "cooking",
    "trains",
    "gardens",
    "the sea",
    "mountains",
    "maths",
    "painting",
    "cheese",
    "chocolate",
    "cars",
    "bread",
    "stars",
    "rain",
    "snow",
    "bicycles",
    "films",
    "history",
    "apples",
    "computers",
    "running",
    "swimming",
    "games",
    "photography",
    "horses",
    "old maps",
    "poems",
    "languages",
    "flowers",
    "ships",
    "birds",
    "robots",
];

/// Every way to tell of oneself, with `{}` for a name or a thing, and to ask for it.
pub(crate) const FRAMES: [&[&str]; 4] = [NAME, ASK_NAME, LIKE, ASK_LIKE];

/// What was told so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    name: Option<String>,
    like: Option<String>,
}

/// Something told, or something asked about what was told.
pub(crate) fn turn(rng: &mut Rng, known: &mut Known) -> Turn {
    let like = known.like.is_some();
    match rng.u8(..8) {
        0..3 if known.name.is_none() => {
            let name = names::person(rng);
            let ask = word(rng, NAME).replace("{}", &name);
            let answer =
                format!("Nice to meet you, {name}! I am Ember, the demo that is built into Ingle.");
            known.name = Some(name);
            Turn { ask, answer }
        }
        0..4 => Turn { ask: word(rng, ASK_NAME).to_owned(), answer: known.name() },
        4..6 if !like => {
            let thing = word(rng, THINGS);
            known.like = Some(thing.to_owned());
            let answer = format!("You like {thing}: I will remember it as long as we chat.");
            Turn { ask: word(rng, LIKE).replace("{}", thing), answer }
        }
        4..7 => Turn { ask: word(rng, ASK_LIKE).to_owned(), answer: known.like() },
        _ => Turn { ask: word(rng, ASK_NAME).to_owned(), answer: known.name() },
    }
}

impl Known {
    fn name(&self) -> String {
        match &self.name {
            Some(name) => format!("Your name is {name}."),
            None => "You have not told me your name yet.".to_owned(),
        }
    }

    fn like(&self) -> String {
        match &self.like {
            Some(thing) => format!("You told me that you like {thing}."),
            None => "You have not told me what you like yet.".to_owned(),
        }
    }
}
