//! Which questions of an examination are taught as they are: by any pattern of any topic, or by a
//! frame of what is worked out, in all that `speech` makes of it but slips of the finger. What has no
//! end only draws can find: sums, names that are made up, and what is told around a question.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    acquaintance, echo, names,
    pattern::{Lists, Pattern},
    speech::{self, AFTER, BEFORE, IDLE},
    spelling, stories,
    talk::School,
};

/// Words of which some may have been left out: `speech` leaves no word out of three.
const HASTY: usize = 3;

/// Words in a row, each with what may have stood there instead.
type Exchanged = BTreeMap<Vec<String>, BTreeSet<String>>;

/// `text` without what makes no other question of it: its letters and digits, in small letters.
pub fn plain(text: &str) -> String {
    letters(text).collect()
}

impl School {
    /// Those of `asks` that are taught, each with where: the file and the topic, or the skill.
    pub fn taught_among(&self, asks: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let net = Net::of(asks);
        let mut taught = BTreeMap::<String, BTreeSet<String>>::new();
        let mut note = |pattern: &Pattern, lists: &Lists, place: &str| {
            for nth in net.met(pattern, lists) {
                taught.entry(asks[nth].to_owned()).or_default().insert(place.to_owned());
            }
        };
        for (file, topics) in self.topics() {
            for (name, pattern) in topics.patterns() {
                note(pattern, topics.lists(), &format!("{file}: {name}"));
            }
        }
        for (skill, frames, lists) in skills() {
            for frame in frames {
                note(&Pattern::parse(frame).expect("frames are sound"), &lists, skill);
            }
        }
        taught
    }
}

/// What is worked out, but for sums, with the words that it takes.
fn skills() -> [(&'static str, Vec<&'static str>, Lists); 4] {
    let everyday: Vec<String> = spelling::WORDS.split_whitespace().map(str::to_owned).collect();
    let told = names::PEOPLE.iter().chain(acquaintance::THINGS);
    let told: Vec<String> = told.map(|it| (*it).to_owned()).collect();
    let unnamed = |words: Vec<String>| Lists::from([(String::new(), words)]);
    let story = [("hero".to_owned(), names::heroes()), ("place".to_owned(), names::places())];
    [
        ("spelling", spelling::FRAMES.concat(), unnamed(everyday.clone())),
        ("stories", stories::FRAMES.concat(), Lists::from(story)),
        ("echo", echo::FRAMES.to_vec(), unnamed(everyday)),
        ("acquaintance", acquaintance::FRAMES.concat(), unnamed(told)),
    ]
}

/// Questions letter by letter, with every way to say the same that `speech` could have made them of.
/// Places between letters are numbered: short questions begin at 0, those of `HASTY` words at 1.
#[derive(Debug, Default)]
pub(crate) struct Net {
    /// The highest number of a place.
    last: usize,
    /// Where a letter of a question leads.
    straight: HashMap<(usize, char), usize>,
    /// Where a letter leads of what may have stood there.
    around: HashMap<(usize, char), Vec<usize>>,
    /// Ways around, from where and to where.
    known: HashSet<(usize, usize, String)>,
    /// Questions that may be over at a place.
    ends: HashMap<usize, BTreeSet<usize>>,
}

impl Net {
    fn of(asks: &[&str]) -> Self {
        let mut exchanged = Exchanged::new();
        for (said, other) in speech::exchanged() {
            exchanged.entry(words(&said)).or_default().insert(plain(&other));
        }
        let mut net = Self { last: 1, ..Self::default() };
        for (nth, ask) in asks.iter().enumerate() {
            let ask = words(ask);
            net.add(nth, &ask, &exchanged);
            for before in BEFORE.iter().flat_map(|it| speech::spellings(it)) {
                if let Some(rest) = ask.strip_prefix(words(&before).as_slice())
                    && !rest.is_empty()
                {
                    net.add(nth, rest, &exchanged);
                }
            }
        }
        net
    }

    fn add(&mut self, nth: usize, ask: &[String], exchanged: &Exchanged) {
        let mut at = usize::from(ask.len() >= HASTY);
        let mut borders = vec![at];
        for word in ask {
            at = self.go(at, word);
            borders.push(at);
        }
        for (from, &start) in borders.iter().enumerate() {
            for (to, &end) in borders.iter().enumerate().skip(from + 1) {
                for other in exchanged.get(&ask[from..to]).into_iter().flatten() {
                    self.go_around(start, end, other);
                }
            }
        }
        if ask.len() >= HASTY {
            for &border in &borders {
                IDLE.iter().for_each(|idle| self.go_around(border, border, &plain(idle)));
            }
        }
        self.ends.entry(at).or_default().insert(nth);
        for after in AFTER.iter().flat_map(|it| speech::spellings(it)) {
            let after = words(&after);
            if ask.len() > after.len() && ask.ends_with(&after) {
                let end = borders[ask.len() - after.len()];
                self.ends.entry(end).or_default().insert(nth);
            }
        }
    }

    /// The place behind `word`, which follows on `from`.
    fn go(&mut self, from: usize, word: &str) -> usize {
        let Self { last, straight, .. } = self;
        word.chars().fold(from, |at, letter| {
            *straight.entry((at, letter)).or_insert_with(|| {
                *last += 1;
                *last
            })
        })
    }

    /// Lets `text` lead from one place to another.
    fn go_around(&mut self, from: usize, to: usize, text: &str) {
        if !self.known.insert((from, to, text.to_owned())) {
            return;
        }
        let mut at = from;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let mut next = to;
            if letters.peek().is_some() {
                self.last += 1;
                next = self.last;
            }
            self.around.entry((at, letter)).or_default().push(next);
            at = next;
        }
    }

    /// Places that `text` leads to from any of `places`.
    pub(crate) fn after(&self, places: &BTreeSet<usize>, text: &str) -> BTreeSet<usize> {
        let mut places = places.clone();
        for letter in letters(text) {
            if places.is_empty() {
                break;
            }
            places = places.iter().flat_map(|&at| self.step(at, letter)).collect();
        }
        places
    }

    fn step(&self, at: usize, letter: char) -> impl Iterator<Item = usize> {
        let straight = self.straight.get(&(at, letter)).into_iter();
        straight.chain(self.around.get(&(at, letter)).into_iter().flatten()).copied()
    }

    /// The questions that `pattern` can become.
    fn met(&self, pattern: &Pattern, lists: &Lists) -> BTreeSet<usize> {
        let ends = pattern.lead(self, BTreeSet::from([0, 1]), lists);
        ends.iter().filter_map(|it| self.ends.get(it)).flatten().copied().collect()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(plain).filter(|it| !it.is_empty()).collect()
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::talk::Conversation;

    #[track_caller]
    fn check(pattern: &str, ask: &str, expected: bool) {
        let words = ["Lamp", "a red lamp"].map(str::to_owned);
        let lists = Lists::from([("thing".to_owned(), words.to_vec())]);
        let pattern = Pattern::parse(pattern).unwrap();
        let met = Net::of(&["how far is it", ask]).met(&pattern, &lists);
        assert_eq!(met, BTreeSet::from_iter(expected.then_some(1)), "`{ask}`");
    }

    #[test]
    fn what_is_said_of_a_pattern_is_known_as_that() {
        check("where is {thing}", "Where is a red lamp?", true);
        check("where is {thing}", "where is a blue lamp?", false);
        check("(paint|mend) (a|the|) lamp", "Mend lamp!", true);
        check("how do I paint walls", "How do I paint?", false);
        check("how do I paint", "how do I paint it", false);
    }

    #[test]
    fn other_words_around_a_question_make_no_other_question() {
        check("how do I paint it", "hey, how do I paint it", true);
        check("how do I paint it", "how do I paint it, please?", true);
        check("how do I paint it", "Hey, how do I paint it, please?", true);
        check("how do I paint it", "I'd like to know: how do I paint it", true);
        check("how do I paint it", "once more, how do I paint it", false);
    }

    #[test]
    fn words_may_be_exchanged_and_left_out() {
        check("where is {thing}", "wheres lamp", true);
        check("where's {thing}", "where is lamp", true);
        check("how do I begin painting", "how do I start painting", true);
        check("mend the red lamp", "mend red lamp", true);
        check("mend the lamp", "mend lamp", false);
    }

    #[test]
    fn every_file_and_skill_is_looked_through() {
        let school = School::open().unwrap();
        let mut expected = Vec::new();
        for (file, topics) in school.topics() {
            for (phrase, names) in topics.meanings(1) {
                expected.extend(names.iter().map(|it| (phrase.clone(), format!("{file}: {it}"))));
            }
        }
        for (ask, skill) in [
            ("spell apple", "spelling"),
            ("how many letters does \"apple\" have?", "spelling"),
            ("Tell me a story about a brave fox in a tower.", "stories"),
            ("say: apple", "echo"),
            ("my name is Anna", "acquaintance"),
        ] {
            expected.push((ask.to_owned(), skill.to_owned()));
        }
        let asks: Vec<&str> = expected.iter().map(|it| it.0.as_str()).collect();
        let taught = school.taught_among(&asks);
        for (ask, place) in &expected {
            assert!(taught.get(ask).is_some_and(|it| it.contains(place)), "`{ask}`, {place}");
        }
    }

    #[test]
    fn what_is_drawn_is_found_but_for_slips() {
        let school = School::open().unwrap();
        let mut rng = Rng::with_seed(1);
        let asks: Vec<String> = (0..1000)
            .map(|nth| {
                let topics = school.topics();
                let turn = topics[nth % topics.len()].1.draw(&mut rng).0;
                Conversation::of(&mut rng, turn).turns[0].ask.clone()
            })
            .collect();
        let asks: BTreeSet<&str> = asks.iter().map(String::as_str).collect();
        let asks = Vec::from_iter(asks);
        let found = school.taught_among(&asks).len();
        // One in eight is to have a slip or two, of which half change nothing.
        assert!(found * 10 >= asks.len() * 9, "{found} of {}", asks.len());
    }
}
