//! What people ask and what Ember says: the files of `../data`, understood and checked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use serde::Deserialize;

use crate::{
    pattern::{Lists, Pattern, Taken, pick, weighted},
    speech::reworded,
};

/// One of the files of `../data`.
#[derive(Clone, Debug)]
pub struct Topics {
    topics: Vec<Topic>,
    lists: Lists,
}

/// A topic: questions that mean the same, with their answer.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    name: String,
    ask: Vec<Pattern>,
    answers: Vec<String>,
    then: Vec<Topic>,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What the person says.
    pub ask: String,
    /// What Ember says.
    pub answer: String,
}

/// A file of topics, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    lists: Lists,
    topic: Vec<Written>,
}

/// A topic, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: String,
    ask: Vec<String>,
    answer: Vec<String>,
    #[serde(default)]
    then: Vec<Written>,
}

impl Topics {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it is not TOML of this form, a pattern is malformed, a slot has no list, or two topics
    /// share a name.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let File { lists, topic } = toml::from_str(text)?;
        let empty = lists.iter().find(|(_, words)| words.is_empty());
        ensure!(empty.is_none(), "the list `{}` is empty", empty.map_or("", |it| it.0));
        let mut names = BTreeSet::new();
        for it in &topic {
            ensure!(names.insert(&it.name), "two topics are called `{}`", it.name);
        }
        let topics =
            topic.into_iter().map(|it| understand(it, &lists)).collect::<Result<_, _>>()?;
        Ok(Self { topics, lists })
    }

    /// Without every third pattern of each topic, or with nothing else.
    pub(crate) fn part(&self, most: bool) -> Self {
        let mut part = self.clone();
        part.topics.iter_mut().for_each(|it| it.part(most));
        part
    }

    /// A question of any topic; with it what may be asked next.
    pub(crate) fn draw(&self, rng: &mut Rng) -> (Turn, &[Topic]) {
        let topic = &self.topics[weighted(rng, &self.topics, Topic::weight)];
        (topic.turn(rng, &self.lists), &topic.then)
    }

    /// A question of the topic `name`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn draw_of(&self, rng: &mut Rng, name: &str) -> (Turn, &[Topic]) {
        let topic = self.topics.iter().find(|it| it.name == name).expect("a topic of this file");
        (topic.turn(rng, &self.lists), &topic.then)
    }

    /// How often its questions are drawn, beside those of other files.
    pub(crate) fn weight(&self) -> f64 {
        self.topics.iter().map(Topic::weight).sum()
    }

    /// One of `then`, asked.
    pub(crate) fn follow<'a>(&self, rng: &mut Rng, then: &'a [Topic]) -> (Turn, &'a [Topic]) {
        let topic = pick(rng, then);
        (topic.turn(rng, &self.lists), &topic.then)
    }

    /// Every answer, as written, follow-ups included.
    pub fn answers(&self) -> Vec<&str> {
        let mut answers = Vec::new();
        let mut open: Vec<&Topic> = self.topics.iter().collect();
        while let Some(topic) = open.pop() {
            answers.extend(topic.answers.iter().map(String::as_str));
            open.extend(&topic.then);
        }
        answers
    }

    /// Every pattern, follow-ups included, with the name of the topic that it belongs to.
    pub(crate) fn patterns(&self) -> Vec<(&str, &Pattern)> {
        let mut patterns = Vec::new();
        let mut open: Vec<_> = self.topics.iter().map(|it| (it.name.as_str(), it)).collect();
        while let Some((name, topic)) = open.pop() {
            patterns.extend(topic.ask.iter().map(|it| (name, it)));
            open.extend(topic.then.iter().map(|it| (name, it)));
        }
        patterns
    }

    /// The words of its slots.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// `answer` with the first word of each list that it takes.
    pub(crate) fn filled(&self, answer: &str) -> String {
        let fill = |text: String, (name, words): (&String, &Vec<String>)| {
            text.replace(&format!("{{{name}}}"), &words[0])
        };
        self.lists.iter().fold(answer.to_owned(), fill)
    }

    /// Phrases, each with the names of the topics that it stands for.
    pub fn meanings(&self, draws: usize) -> BTreeMap<String, BTreeSet<String>> {
        let mut rng = Rng::with_seed(0);
        let mut meanings = BTreeMap::<String, BTreeSet<String>>::new();
        for topic in &self.topics {
            for _ in 0..draws {
                let ask = pick(&mut rng, &topic.ask).draw(&mut rng, &self.lists, &mut Taken::new());
                meanings.entry(ask.to_lowercase()).or_default().insert(topic.name.clone());
            }
        }
        meanings
    }

    /// The number of topics, follow-ups not counted, and of phrases, slots not counted.
    pub fn size(&self) -> (usize, usize) {
        let phrases = self.topics.iter().flat_map(|it| &it.ask).map(Pattern::breadth);
        (self.topics.len(), phrases.fold(0, usize::saturating_add))
    }
}

/// Topics of a file, each with the patterns that were not yet asked in this round, shuffled.
pub(crate) struct Rounds<'a> {
    topics: &'a Topics,
    left: Vec<Vec<&'a Pattern>>,
}

impl<'a> Rounds<'a> {
    pub(crate) fn of(topics: &'a Topics) -> Self {
        Self { topics, left: vec![Vec::new(); topics.topics.len()] }
    }

    /// A question of any topic, put in no way again before all others of that topic.
    pub(crate) fn draw(&mut self, rng: &mut Rng) -> Turn {
        let Topics { topics, lists } = self.topics;
        let nth = weighted(rng, topics, Topic::weight);
        let left = &mut self.left[nth];
        if left.is_empty() {
            left.extend(&topics[nth].ask);
            rng.shuffle(left);
        }
        let pattern = left.pop().expect("a topic has patterns");
        topics[nth].asked(rng, pattern, lists)
    }
}

impl Topic {
    /// What is put in many ways needs more practice, but not as much more.
    fn weight(&self) -> f64 {
        (self.ask.len() as f64).powf(0.7)
    }

    fn part(&mut self, most: bool) {
        if self.ask.len() > 2 {
            let mut at = 0;
            self.ask.retain(|_| {
                at += 1;
                (at % 3 == 2) != most
            });
        }
        self.then.iter_mut().for_each(|it| it.part(most));
    }

    fn turn(&self, rng: &mut Rng, lists: &Lists) -> Turn {
        let pattern = pick(rng, &self.ask);
        self.asked(rng, pattern, lists)
    }

    fn asked(&self, rng: &mut Rng, pattern: &Pattern, lists: &Lists) -> Turn {
        let mut taken = Taken::new();
        let ask = pattern.draw(rng, lists, &mut taken);
        let ask = reworded(rng, &ask);
        let mut answer = pick(rng, &self.answers).clone();
        for (slot, word) in taken {
            answer = answer.replace(&format!("{{{slot}}}"), &word);
        }
        Turn { ask, answer }
    }
}

fn understand(written: Written, lists: &Lists) -> anyhow::Result<Topic> {
    let Written { name, ask, answer, then } = written;
    ensure!(!ask.is_empty() && !answer.is_empty(), "`{name}` needs `ask` and `answer`");
    let ask: Vec<Pattern> = ask
        .iter()
        .map(|it| Pattern::parse(it))
        .collect::<Result<_, _>>()
        .with_context(|| format!("topic `{name}`"))?;
    let slots: Vec<BTreeSet<&str>> =
        ask.iter().map(|it| it.slots().into_iter().collect()).collect();
    for slot in slots.iter().flatten() {
        ensure!(lists.contains_key(*slot), "`{name}`: there is no list `{slot}`");
    }
    for answer in &answer {
        for slot in answer.split('{').skip(1).filter_map(|it| it.split('}').next()) {
            if !slots.iter().all(|it| it.contains(slot)) {
                bail!("`{name}`: the answer takes `{slot}`, not every question has it");
            }
        }
    }
    let then = then.into_iter().map(|it| understand(it, lists)).collect::<Result<_, _>>()?;
    Ok(Topic { name, ask, answers: answer, then })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_asked_as_often_as_the_others() {
        let text = r#"
            [[topic]]
            name = "many"
            ask = ["zq1", "zq2", "zq3", "zq4", "zq5"]
            answer = ["many"]
            [[topic]]
            name = "few"
            ask = ["zq6", "zq7"]
            answer = ["few"]
        "#;
        let topics = Topics::parse(text).unwrap();
        let (mut rounds, mut rng) = (Rounds::of(&topics), Rng::with_seed(1));
        let asks: Vec<String> = (0..100).map(|_| rounds.draw(&mut rng).ask).collect();
        for patterns in [1..=5, 6..=7] {
            let met = patterns.map(|it| {
                let pattern = format!("zq{it}");
                asks.iter().filter(|ask| ask.contains(&pattern)).count()
            });
            let met: Vec<usize> = met.collect();
            let (least, most) = (met.iter().min().unwrap(), met.iter().max().unwrap());
            assert!(*least > 0 && most - least <= 1, "{met:?}");
        }
    }
}
