//! Conversations: turns in a row that build on each other, as people lead them.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::{
    acquaintance::{self, Known},
    echo,
    pattern::{pick, weighted, word},
    situation::Situations,
    speech::{chance, typed},
    spelling, stories, sums,
    topics::{Topic, Topics, Turn},
};

/// All that Ember is taught.
#[derive(Clone, Debug)]
pub struct School {
    ingle: Topics,
    library: Topics,
    carry: Topics,
    measure: Topics,
    concepts: Topics,
    families: Topics,
    talk: Topics,
    beyond: Topics,
    world: Topics,
    situations: Situations,
}

/// Several turns, and perhaps a system prompt before them.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What the person set as the system prompt.
    pub system: Option<String>,
    /// What was said.
    pub turns: Vec<Turn>,
}

/// What a conversation is about just now.
#[derive(Clone, Copy)]
struct Thread<'a> {
    topics: &'a Topics,
    /// What may be asked of the last answer; perhaps nothing.
    next: &'a [Topic],
    /// What might have been asked in the place of the last question.
    sisters: &'a [Topic],
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

/// What is worked out, as often as it stands here.
const SKILLS: &[fn(&mut Rng) -> Turn] = &[
    sums::turn,
    sums::turn,
    sums::turn,
    sums::turn,
    sums::turn,
    spelling::turn,
    stories::turn,
    stories::turn,
    stories::turn,
    echo::turn,
    echo::turn,
];

/// Topics of `talk` that come up after any answer, as often as they stand here.
const AFTER_ANYTHING: &[&str] = &["thanks", "thanks", "thanks", "goodbye", "ok"];

impl School {
    /// Reads what was written for it.
    ///
    /// # Errors
    ///
    /// If a file of topics makes no sense.
    pub fn open() -> anyhow::Result<Self> {
        Ok(Self {
            ingle: Topics::parse(include_str!("../../data/ingle.toml"))?,
            library: Topics::parse(include_str!("../../data/library.toml"))?,
            carry: Topics::parse(include_str!("../../data/carry.toml"))?,
            measure: Topics::parse(include_str!("../../data/measure.toml"))?,
            concepts: Topics::parse(include_str!("../../data/concepts.toml"))?,
            families: Topics::parse(include_str!("../../data/families.toml"))?,
            talk: Topics::parse(include_str!("../../data/talk.toml"))?,
            beyond: Topics::parse(include_str!("../../data/beyond.toml"))?,
            world: Topics::parse(include_str!("../../data/world.toml"))?,
            situations: Situations::parse(include_str!("../../data/situations.toml"))?,
        })
    }

    /// The files of topics by name.
    pub fn topics(&self) -> [(&'static str, &Topics); 9] {
        [
            ("ingle", &self.ingle),
            ("library", &self.library),
            ("carry", &self.carry),
            ("measure", &self.measure),
            ("concepts", &self.concepts),
            ("families", &self.families),
            ("talk", &self.talk),
            ("beyond", &self.beyond),
            ("world", &self.world),
        ]
    }

    /// Without every third pattern of each topic, or with nothing else.
    pub fn part(&self, most: bool) -> Self {
        Self {
            ingle: self.ingle.part(most),
            library: self.library.part(most),
            carry: self.carry.part(most),
            measure: self.measure.part(most),
            concepts: self.concepts.part(most),
            families: self.families.part(most),
            talk: self.talk.part(most),
            beyond: self.beyond.part(most),
            world: self.world.part(most),
            situations: self.situations.clone(),
        }
    }

    /// One question of the kind `nth`, to see what is known of it.
    pub fn quiz(&self, rng: &mut Rng, nth: usize) -> Conversation {
        let turn = match nth {
            0 => self.ingle.draw(rng).0,
            1 => self.library.draw(rng).0,
            2 => self.carry.draw(rng).0,
            3 => self.measure.draw(rng).0,
            4 => self.concepts.draw(rng).0,
            5 => self.families.draw(rng).0,
            6 => self.talk.draw(rng).0,
            7 => self.beyond.draw(rng).0,
            8 => sums::turn(rng),
            9 => spelling::turn(rng),
            _ => echo::turn(rng),
        };
        let ask = typed(rng, &turn.ask);
        Conversation { system: None, turns: vec![Turn { ask, ..turn }] }
    }

    /// One conversation.
    pub fn conversation(&self, rng: &mut Rng, split: Split) -> Conversation {
        let n = *pick(rng, &[1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6]);
        let system = system(rng);
        let mut turns: Vec<Turn> = Vec::new();
        let (mut known, mut thread) = (Known::default(), None);
        while turns.len() < n {
            let turn = match turns.last() {
                Some(last) if chance(rng, 3) => last.clone(),
                _ => self.turn(rng, split, &mut known, &mut thread),
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
        thread: &mut Option<Thread<'a>>,
    ) -> Turn {
        if let Some(Thread { topics, next, sisters }) = *thread {
            if chance(rng, 8) {
                let name = word(rng, AFTER_ANYTHING);
                return fitting(split, || self.talk.draw_of(rng, name)).0;
            }
            if chance(rng, 55) {
                let from = if next.is_empty() || chance(rng, 30) { sisters } else { next };
                let (turn, next) = fitting(split, || topics.follow(rng, from));
                *thread = Some(Thread { topics, next, sisters: from });
                return turn;
            }
        }
        match rng.u8(..100) {
            0..79 => {}
            79..98 => return self.skill(rng, split),
            // What was told has to stay told, whatever its wording.
            _ => return acquaintance::turn(rng, known),
        }
        let files = self.files();
        let topics = files[weighted(rng, &files, |it| it.0)].1;
        let (turn, next) = fitting(split, || topics.draw(rng));
        *thread = (!next.is_empty()).then_some(Thread { topics, next, sisters: next });
        self.situated(rng, turn)
    }

    /// The files of topics, each with how often it is asked from.
    pub(crate) fn files(&self) -> [(f64, &Topics); 9] {
        // What Ember must not answer has no end, and few topics.
        let often = |name| if name == "beyond" { 1.5 } else { 1.0 };
        self.topics().map(|(name, it)| (it.weight() * often(name), it))
    }

    /// A turn that is worked out, whose wording is of this split.
    pub(crate) fn skill(&self, rng: &mut Rng, split: Split) -> Turn {
        let skill = *pick(rng, SKILLS);
        let turn = fitting(split, || (skill(rng), ())).0;
        // Behind it a story could be taken for what is to be said again.
        match chance(rng, 10) {
            true => Turn { ask: self.situations.before(rng, &turn.ask), ..turn },
            false => turn,
        }
    }

    /// `turn`, one time in three with more around its question than it needs.
    pub(crate) fn situated(&self, rng: &mut Rng, turn: Turn) -> Turn {
        match chance(rng, 33) {
            true => Turn { ask: self.situations.around(rng, &turn.ask), ..turn },
            false => turn,
        }
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

impl Conversation {
    /// One that has this turn alone, typed as people do.
    pub(crate) fn of(rng: &mut Rng, turn: Turn) -> Self {
        let system = system(rng);
        Self { system, turns: vec![Turn { ask: typed(rng, &turn.ask), ..turn }] }
    }
}

/// A system prompt, where there is one.
fn system(rng: &mut Rng) -> Option<String> {
    chance(rng, 6).then(|| word(rng, SYSTEMS).to_owned())
}

/// The first of many draws whose wording is of this split; after too many, the last.
pub(crate) fn fitting<T>(split: Split, mut draw: impl FnMut() -> (Turn, T)) -> (Turn, T) {
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
