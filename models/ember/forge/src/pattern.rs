//! One way to put a question, with its choices: `how (do|can) I stop (it|the answer)`.
//! `(a|b|)` is a choice, which may be empty and may hold others; `{name}` takes a word of a list.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use fastrand::Rng;

use crate::leak::Net;

/// Words by the name of their list.
pub(crate) type Lists = BTreeMap<String, Vec<String>>;

/// Words that were taken for slots, so that an answer can take the same ones.
pub(crate) type Taken = BTreeMap<String, String>;

/// A pattern, understood.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Slot(String),
    Choice(Vec<Pattern>),
}

/// Why a pattern makes no sense.
#[derive(Debug)]
pub(crate) struct Malformed {
    pattern: String,
    at: usize,
    found: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pattern, at, found } = self;
        write!(f, "{found} at byte {at} of the pattern `{pattern}`")
    }
}

impl std::error::Error for Malformed {}

impl Pattern {
    /// Understands `text`.
    ///
    /// # Errors
    ///
    /// If a bracket has no partner.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut rest = text;
        let malformed = |rest: &str, found| Malformed {
            pattern: text.to_owned(),
            at: text.len() - rest.len(),
            found,
        };
        let pattern = sequence(&mut rest).map_err(|found| malformed(rest, found))?;
        match rest {
            "" => Ok(pattern),
            _ => Err(malformed(rest, "a `)` or `|` without `(`")),
        }
    }

    /// Slots that it takes.
    pub(crate) fn slots(&self) -> Vec<&str> {
        let slots = self.0.iter().flat_map(|part| match part {
            Part::Text(_) => Vec::new(),
            Part::Slot(name) => vec![name.as_str()],
            Part::Choice(patterns) => patterns.iter().flat_map(Self::slots).collect(),
        });
        slots.collect()
    }

    /// How many texts it stands for, slots not counted.
    pub(crate) fn breadth(&self) -> usize {
        let widths = self.0.iter().map(|part| match part {
            Part::Text(_) | Part::Slot(_) => 1,
            Part::Choice(patterns) => {
                patterns.iter().map(Self::breadth).fold(0, usize::saturating_add)
            }
        });
        widths.fold(1, usize::saturating_mul)
    }

    /// The places of `net` that its texts lead to from `places`. A slot that stands twice may take
    /// two words here.
    pub(crate) fn lead(
        &self,
        net: &Net,
        places: BTreeSet<usize>,
        lists: &Lists,
    ) -> BTreeSet<usize> {
        self.0.iter().fold(places, |places, part| match part {
            _ if places.is_empty() => places,
            Part::Text(text) => net.after(&places, text),
            Part::Slot(name) => {
                lists[name].iter().flat_map(|word| net.after(&places, word)).collect()
            }
            Part::Choice(patterns) => {
                patterns.iter().flat_map(|it| it.lead(net, places.clone(), lists)).collect()
            }
        })
    }

    /// One of its texts. Choices with many texts are taken no more often than short ones.
    pub(crate) fn draw(&self, rng: &mut Rng, lists: &Lists, taken: &mut Taken) -> String {
        let mut text = String::new();
        self.draw_into(&mut text, rng, lists, taken);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn draw_into(&self, text: &mut String, rng: &mut Rng, lists: &Lists, taken: &mut Taken) {
        for part in &self.0 {
            match part {
                Part::Text(it) => text.push_str(it),
                Part::Slot(name) => {
                    let words = &lists[name];
                    let word =
                        taken.entry(name.clone()).or_insert_with(|| pick(rng, words).clone());
                    text.push_str(word);
                }
                Part::Choice(patterns) => {
                    pick(rng, patterns).draw_into(text, rng, lists, taken);
                }
            }
        }
    }
}

/// One of `items`, each as likely as the others.
pub(crate) fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    &items[rng.usize(..items.len())]
}

/// The place of one of `items`, each as likely as its weight is large.
pub(crate) fn weighted<T>(rng: &mut Rng, items: &[T], weight: impl Fn(&T) -> f64) -> usize {
    let mut left = rng.f64() * items.iter().map(&weight).sum::<f64>();
    let chosen = items.iter().position(|it| {
        left -= weight(it);
        left < 0.0
    });
    chosen.unwrap_or(items.len() - 1)
}

/// One of `words`, each as likely as the others.
pub(crate) fn word(rng: &mut Rng, words: &[&'static str]) -> &'static str {
    words[rng.usize(..words.len())]
}

/// Up to the end, a `|` or a `)`.
fn sequence(rest: &mut &str) -> Result<Pattern, &'static str> {
    let mut parts = Vec::new();
    loop {
        let end = rest.find(['(', ')', '|', '{', '}']).unwrap_or(rest.len());
        if end > 0 {
            parts.push(Part::Text(rest[..end].to_owned()));
        }
        *rest = &rest[end..];
        match rest.as_bytes().first() {
            Some(b'(') => parts.push(choice(rest)?),
            Some(b'{') => {
                let end = rest.find('}').ok_or("a `{` without `}`")?;
                parts.push(Part::Slot(rest[1..end].to_owned()));
                *rest = &rest[end + 1..];
            }
            Some(b'}') => return Err("a `}` without `{`"),
            _ => return Ok(Pattern(parts)),
        }
    }
}

fn choice(rest: &mut &str) -> Result<Part, &'static str> {
    let mut patterns = Vec::new();
    loop {
        *rest = &rest[1..];
        patterns.push(sequence(rest)?);
        match rest.as_bytes().first() {
            Some(b'|') => {}
            Some(_) => break,
            None => return Err("the end, where a `)` was expected,"),
        }
    }
    *rest = &rest[1..];
    Ok(Part::Choice(patterns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_taken() {
        let pattern = Pattern::parse("(a|b (c|d)|) {x}e").unwrap();
        assert_eq!((pattern.breadth(), pattern.slots()), (4, vec!["x"]));
        let lists = Lists::from([("x".to_owned(), vec!["1".to_owned()])]);
        let mut rng = Rng::with_seed(1);
        let texts: std::collections::BTreeSet<_> =
            (0..100).map(|_| pattern.draw(&mut rng, &lists, &mut Taken::new())).collect();
        assert_eq!(Vec::from_iter(texts), ["1e", "a 1e", "b c 1e", "b d 1e"]);
    }

    #[test]
    fn brackets_have_partners() {
        for (text, expected) in [
            ("a (b", "the end, where a `)` was expected, at byte 4 of the pattern `a (b`"),
            ("a) b", "a `)` or `|` without `(` at byte 1 of the pattern `a) b`"),
            ("{a", "a `{` without `}` at byte 0 of the pattern `{a`"),
        ] {
            assert_eq!(Pattern::parse(text).unwrap_err().to_string(), expected);
        }
    }
}
