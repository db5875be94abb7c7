//! What the training reads, and how much of each kind. An answer is decided by its first words and
//! recited from there on, so more than a third of what is read is questions alone with these words.

use fastrand::Rng;

use crate::{
    facts::Facts,
    pattern::weighted,
    talk::{Conversation, School, Split, fitting},
    topics::{Rounds, Turn},
    vocabulary::Heard,
};

/// Tokens of the corpus, in millions: a little more than all steps of the training read.
pub const MILLIONS: usize = 42;

/// Tokens of an answer that never ends early in a conversation: such as sums, which are worked out
/// to the end.
const WHOLE: usize = 48;

/// A kind of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A conversation as people lead it.
    Conversation,
    /// A first question about a topic, and how its answer begins.
    Question,
    /// A first turn in which something is worked out, told or said again.
    Skill,
    /// Sums of single digits, several at once.
    Facts,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Conversation, Self::Question, Self::Skill, Self::Facts];

    /// How much of the tokens is of this kind, in percent.
    pub fn share(self) -> usize {
        match self {
            Self::Conversation => 50,
            Self::Question => 37,
            Self::Skill => 6,
            Self::Facts => 7,
        }
    }

    /// How many tokens of it are read. `short` of a hundred conversations end soon after their last
    /// answer began.
    pub fn kept(self, rng: &mut Rng, heard: &[Heard], short: u8) -> usize {
        let asked = heard.iter().rposition(|it| !it.said).map_or(0, |it| it + 1);
        let answer = heard.len() - asked;
        match self {
            Self::Question => asked + answer.min(rng.usize(7..12)),
            Self::Conversation if rng.u8(..100) < short && answer > WHOLE => {
                asked + rng.usize(8..17)
            }
            _ => heard.len(),
        }
    }
}

/// Draws what is read.
pub struct Curriculum<'a> {
    school: &'a School,
    /// Files of topics, each with how often it is asked from.
    files: Vec<(f64, Rounds<'a>)>,
    facts: Facts,
    /// Tokens of each kind so far.
    read: [usize; Kind::ALL.len()],
}

impl<'a> Curriculum<'a> {
    /// Of all that `school` teaches; nothing is read yet.
    pub fn new(school: &'a School) -> Self {
        let files = school.files().map(|(weight, topics)| (weight, Rounds::of(topics)));
        Self { school, files: files.into(), facts: Facts::new(), read: [0; Kind::ALL.len()] }
    }

    /// The kind that is furthest behind its share, and one of it.
    pub fn draw(&mut self, rng: &mut Rng) -> (Kind, Conversation) {
        let read = |it: &Kind| self.read[*it as usize] * 100 / it.share();
        let kind = Kind::ALL.into_iter().min_by_key(read).expect("there are kinds");
        let conversation = match kind {
            Kind::Conversation => self.school.conversation(rng, Split::Training),
            Kind::Question => {
                let turn = self.question(rng);
                Conversation::of(rng, turn)
            }
            Kind::Skill => {
                let turn = self.school.skill(rng, Split::Training);
                Conversation::of(rng, turn)
            }
            Kind::Facts => Conversation { system: None, turns: vec![self.facts.turn(rng)] },
        };
        (kind, conversation)
    }

    /// Notes that so many tokens of this kind are read.
    pub fn count(&mut self, kind: Kind, tokens: usize) {
        self.read[kind as usize] += tokens;
    }

    fn question(&mut self, rng: &mut Rng) -> Turn {
        let file = weighted(rng, &self.files, |it| it.0);
        let rounds = &mut self.files[file].1;
        let turn = fitting(Split::Training, || (rounds.draw(rng), ())).0;
        self.school.situated(rng, turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_gets_its_share() {
        assert_eq!(Kind::ALL.map(Kind::share).iter().sum::<usize>(), 100);
        let school = School::open().unwrap();
        let (mut curriculum, mut rng) = (Curriculum::new(&school), Rng::with_seed(1));
        while curriculum.read.iter().sum::<usize>() < 1_000_000 {
            let (kind, conversation) = curriculum.draw(&mut rng);
            let turns = conversation.turns.len();
            assert!(kind == Kind::Conversation || turns == 1, "{kind:?}: {turns} turns");
            curriculum.count(kind, crate::written(&conversation).len());
        }
        let total: usize = curriculum.read.iter().sum();
        for kind in Kind::ALL {
            let found = curriculum.read[kind as usize] as f64 / total as f64 * 100.0;
            assert!((found - kind.share() as f64).abs() < 1.0, "{kind:?}: {found}%");
        }
    }

    #[test]
    fn questions_end_where_their_answer_is_decided() {
        let heard = |asked: usize, said: usize| -> Vec<Heard> {
            (0..asked + said).map(|it| Heard { id: 0, said: it >= asked }).collect()
        };
        let mut rng = Rng::with_seed(1);
        for _ in 0..50 {
            let mut kept = |kind: Kind, said, short| kind.kept(&mut rng, &heard(10, said), short);
            assert!((17..22).contains(&kept(Kind::Question, 40, 0)));
            assert_eq!(kept(Kind::Question, 5, 0), 15);
            assert!((18..27).contains(&kept(Kind::Conversation, WHOLE + 1, 100)));
            assert_eq!(kept(Kind::Conversation, WHOLE + 1, 0), 10 + WHOLE + 1);
            assert_eq!(kept(Kind::Conversation, WHOLE, 100), 10 + WHOLE);
            assert_eq!(kept(Kind::Skill, 100, 100), 110);
            assert_eq!(kept(Kind::Facts, 100, 100), 110);
        }
    }
}
