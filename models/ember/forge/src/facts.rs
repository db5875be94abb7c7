//! The steps that sums are made of, bare and several at once: there are few, and one that is met
//! often enough is known by heart.

use fastrand::Rng;

use crate::{
    pattern::pick,
    talk::{Split, fitting},
    topics::Turn,
};

/// The facts, and those that were not yet asked for in this round, shuffled.
pub(crate) struct Facts {
    all: Vec<(String, u32)>,
    left: Vec<usize>,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self { all: all(), left: Vec::new() }
    }

    /// A question about a few of them, none again before the others, and its answer.
    pub(crate) fn turn(&mut self, rng: &mut Rng) -> Turn {
        fitting(Split::Training, || (self.any(rng), ())).0
    }

    fn any(&mut self, rng: &mut Rng) -> Turn {
        let n = *pick(rng, &[1, 4, 8, 8]);
        let (mut asks, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..n {
            if self.left.is_empty() {
                self.left.extend(0..self.all.len());
                rng.shuffle(&mut self.left);
            }
            let (ask, result) = &self.all[self.left.pop().expect("a round holds facts")];
            answers.push(format!("{ask} = {result}"));
            asks.push(ask.as_str());
        }
        let ask = asks.join(", ");
        let tight = || asks.iter().map(|it| it.replace(' ', "")).collect::<Vec<_>>().join(", ");
        Turn { ask: if rng.bool() { tight() } else { ask }, answer: answers.join(", ") + "." }
    }
}

/// Sums of single digits with their results, as `sums` spells its steps.
pub(crate) fn all() -> Vec<(String, u32)> {
    let mut all = Vec::new();
    for (a, b) in (0..10).flat_map(|a| (0..10).map(move |b| (a, b))) {
        all.push((format!("{a} + {b}"), a + b));
        all.push((format!("{a} * {b}"), a * b));
        let borrowed = if a < b { a + 10 } else { a };
        all.push((format!("{borrowed} - {b}"), borrowed - b));
        if a > 0 && b > 0 {
            all.push((format!("{a} + {b} + 1"), a + b + 1));
        }
    }
    // Nothing is borrowed from more tens than a hundred has.
    for (a, b) in (1..11).flat_map(|a| (1..a).map(move |b| (a, b))) {
        all.push((format!("{a} - {b} - 1"), a - b - 1));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::curriculum::{Kind, MILLIONS};

    /// How many tokens `text` has at most: a digit is one, a sign takes the space before it along.
    fn tokens(text: &str) -> usize {
        let signs = [" +", " -", " *", " ="].map(|it| text.matches(it).count());
        text.len() - signs.iter().sum::<usize>()
    }

    #[test]
    fn a_tenth_of_the_corpus_has_each_fact_thirty_times() {
        let (mut facts, mut rng) = (Facts::new(), Rng::with_seed(1));
        let mut met = BTreeMap::<String, usize>::new();
        let mut left = MILLIONS * 1_000_000 / 10 * Kind::Facts.share() / 100;
        loop {
            let Turn { ask, answer } = facts.turn(&mut rng);
            // With the five structural ones.
            let Some(rest) = left.checked_sub(5 + tokens(&ask) + tokens(&answer)) else { break };
            left = rest;
            for fact in answer.trim_end_matches('.').split(", ") {
                *met.entry(fact.to_owned()).or_default() += 1;
            }
        }
        for (ask, result) in all() {
            let n = met.get(&format!("{ask} = {result}")).copied().unwrap_or_default();
            assert!(n >= 30, "{ask} = {result}: {n} times");
        }
    }
}
