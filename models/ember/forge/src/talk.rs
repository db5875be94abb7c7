//! Conversations: turns in a row that build on each other, as people lead them.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::{
    acquaintance::{self, Known},
    names,
    pattern::{pick, word},
    speech::{chance, typed},
    spelling, stories, sums,
    topics::{Topic, Topics, Turn},
};

/// All that Ember is taught.
#[derive(Debug)]
pub struct School {
    ingle: Topics,
    concepts: Topics,
    talk: Topics,
    beyond: Topics,
    world: Topics,
    /// Words to spell.
    words: Vec<String>,
}

/// Several turns, and perhaps a system prompt before them.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What the person set as the system prompt.
    pub system: Option<String>,
    /// What was said.
    pub turns: Vec<Turn>,
}

/// Which questions a conversation is made of. A question belongs to one of them by its wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Those that are learned from.
    Training,
    /// Those that are kept back, to measure with: one in forty.
    HeldOut,
}

const SYSTEMS: &[&str] = &[
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer in short sentences.",
    "Answer in one short sentence.",
    "Be brief.",
    "You are Ember.",
    "You are a friendly assistant.",
    "Answer politely.",
    "Be kind and short.",
    "Help the user.",
    "You are a careful assistant.",
];

impl School {
    /// Reads what was written for it.
    ///
    /// # Errors
    ///
    /// If a file of topics makes no sense.
    pub fn open() -> anyhow::Result<Self> {
        let mut school = Self {
            ingle: Topics::parse(include_str!("../../data/ingle.toml"))?,
            concepts: Topics::parse(include_str!("../../data/concepts.toml"))?,
            talk: Topics::parse(include_str!("../../data/talk.toml"))?,
            beyond: Topics::parse(include_str!("../../data/beyond.toml"))?,
            world: Topics::parse(include_str!("../../data/world.toml"))?,
            words: Vec::new(),
        };
        school.words = school.words_to_spell();
        Ok(school)
    }

    /// The files of topics by name.
    pub fn topics(&self) -> [(&'static str, &Topics); 5] {
        [
            ("ingle", &self.ingle),
            ("concepts", &self.concepts),
            ("talk", &self.talk),
            ("beyond", &self.beyond),
            ("world", &self.world),
        ]
    }

    /// One conversation.
    pub fn conversation(&self, rng: &mut Rng, split: Split) -> Conversation {
        let n = *pick(rng, &[1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8]);
        let system = chance(rng, 6).then(|| word(rng, SYSTEMS).to_owned());
        let mut turns: Vec<Turn> = Vec::new();
        let (mut known, mut then) = (Known::default(), None);
        while turns.len() < n {
            let turn = match turns.last() {
                Some(last) if chance(rng, 3) => last.clone(),
                _ => self.turn(rng, split, &mut known, &mut then),
            };
            turns.push(turn);
        }
        for turn in &mut turns {
            turn.ask = typed(rng, &turn.ask);
        }
        Conversation { system, turns }
    }

    /// The next turn, whose wording is of this split.
    fn turn<'a>(
        &'a self,
        rng: &mut Rng,
        split: Split,
        known: &mut Known,
        then: &mut Option<(&'a Topics, &'a [Topic])>,
    ) -> Turn {
        if let Some((topics, topic)) = *then
            && chance(rng, 50)
        {
            let (turn, next) = fitting(split, || topics.follow(rng, topic));
            *then = (!next.is_empty()).then_some((topics, next));
            return turn;
        }
        let topics = match rng.u8(..100) {
            0..33 => &self.ingle,
            33..60 => &self.concepts,
            60..70 => &self.talk,
            70..80 => &self.beyond,
            80..84 => &self.world,
            84..89 => return fitting(split, || (sums::turn(rng), ())).0,
            89..93 => return fitting(split, || (spelling::turn(rng, &self.words), ())).0,
            93..97 => return fitting(split, || (stories::turn(rng), ())).0,
            // What was told has to stay told, whatever its wording.
            _ => return acquaintance::turn(rng, known),
        };
        let (turn, next) = fitting(split, || topics.draw(rng));
        *then = (!next.is_empty()).then_some((topics, next));
        turn
    }

    /// Whole words of what is said here, lower case.
    fn words_to_spell(&self) -> Vec<String> {
        let answers = self.topics().into_iter().flat_map(|(_, topics)| topics.answers());
        let mut words: BTreeSet<&str> = names::words().collect();
        for answer in answers {
            let plain = |it: &&str| {
                (3..=10).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_lowercase())
            };
            for text in answer.split('`').step_by(2) {
                words.extend(text.split(|it: char| !it.is_ascii_alphabetic()).filter(plain));
            }
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// What answers quote between backticks, among it every command that is taught.
    pub fn quoted(&self) -> BTreeSet<String> {
        let answers = self
            .topics()
            .into_iter()
            .flat_map(|(_, topics)| topics.answers().into_iter().map(|it| topics.filled(it)));
        let quoted = |it: String| -> Vec<String> {
            it.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        answers.flat_map(quoted).collect()
    }
}

/// The first of many draws whose wording is of this split; after too many, the last.
fn fitting<T>(split: Split, mut draw: impl FnMut() -> (Turn, T)) -> (Turn, T) {
    for _ in 0..1000 {
        let drawn = draw();
        if of(&drawn.0.ask) == split {
            return drawn;
        }
    }
    draw()
}

fn of(ask: &str) -> Split {
    // FNV-1a, so that the split is the same on every machine and in every version.
    let hash = ask.to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    if (hash >> 20) % 40 == 0 { Split::HeldOut } else { Split::Training }
}

/// The conversation as text, as the chat template writes it, without the token that begins it.
pub fn written(conversation: &Conversation) -> String {
    let system = conversation.system.iter().map(|it| format!("<|system|>{it}<|end|>"));
    let turns = conversation.turns.iter();
    let turns = turns.map(|it| format!("<|user|>{}<|end|><|ember|>{}<|end|>", it.ask, it.answer));
    system.chain(turns).collect()
}
