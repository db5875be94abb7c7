//! What people tell around a question: who they are, what they have done, what they do not mean. It
//! decides nothing, whatever words it is made of, and so teaches to look for the question.

use anyhow::{Context, ensure};
use fastrand::Rng;
use serde::Deserialize;

use crate::{
    pattern::{Lists, Pattern, Taken, pick, word},
    speech::{capital, chance},
};

/// Sentences of `../data/situations.toml`, understood.
#[derive(Clone, Debug)]
pub(crate) struct Situations {
    before: Vec<Pattern>,
    after: Vec<Pattern>,
    frames: Vec<Pattern>,
}

/// The file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    before: Vec<String>,
    after: Vec<String>,
    frames: Vec<String>,
}

impl Situations {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// If it is not TOML of this form, a pattern is malformed, or a frame has no place for a
    /// question, or several.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let Written { before, after, frames } = toml::from_str(text)?;
        let understood = |patterns: &[String], slots: &[&str]| {
            let understand = |it: &String| {
                let pattern = Pattern::parse(it)?;
                ensure!(pattern.slots() == slots, "its slots are not {slots:?}");
                Ok(pattern)
            };
            let all = patterns.iter().map(|it| understand(it).with_context(|| format!("`{it}`")));
            all.collect::<anyhow::Result<Vec<_>>>()
        };
        let found = Self {
            before: understood(&before, &[])?,
            after: understood(&after, &[])?,
            frames: understood(&frames, &[""])?,
        };
        let empty = [&found.before, &found.after, &found.frames].iter().any(|it| it.is_empty());
        ensure!(!empty, "one of the lists is empty");
        Ok(found)
    }

    /// `question`, told with more than it needs.
    pub(crate) fn around(&self, rng: &mut Rng, question: &str) -> String {
        match rng.u8(..20) {
            0..8 => self.before(rng, question),
            8..13 => self.after(rng, question),
            13..15 => {
                let inner = self.before(rng, question);
                self.before(rng, &inner)
            }
            15..17 => {
                let inner = self.after(rng, question);
                self.before(rng, &inner)
            }
            _ => {
                let frame = pick(rng, &self.frames);
                drawn(rng, frame, question)
            }
        }
    }

    /// `question` after a sentence.
    pub(crate) fn before(&self, rng: &mut Rng, question: &str) -> String {
        let told = apart(rng, &self.before, question);
        match rng.u8(..10) {
            0..6 => {
                let question =
                    if chance(rng, 65) { capital(question) } else { question.to_owned() };
                format!("{}{} {question}", capital(&told), word(rng, &[".", ".", ".", "!", ";"]))
            }
            6..9 => format!("{told}, {question}"),
            _ => format!("{told} and {question}"),
        }
    }

    fn after(&self, rng: &mut Rng, question: &str) -> String {
        let told = apart(rng, &self.after, question);
        match rng.u8(..10) {
            0..6 => {
                let end = word(rng, &["?", "?", "?", ".", "!"]);
                let end = if question.ends_with(['?', '.', '!']) { "" } else { end };
                format!("{question}{end} {}", capital(&told))
            }
            _ => format!("{question}, {told}"),
        }
    }
}

/// One of `patterns` that has no longer word in common with `question`, if a few draws find one: it
/// might say that just this is not meant.
fn apart(rng: &mut Rng, patterns: &[Pattern], question: &str) -> String {
    let shared = |it: &str| it.len() > 4 && question.contains(it);
    let mut told = String::new();
    for _ in 0..8 {
        let pattern = pick(rng, patterns);
        told = drawn(rng, pattern, "");
        if !told.split_whitespace().any(shared) {
            break;
        }
    }
    told
}

fn drawn(rng: &mut Rng, pattern: &Pattern, question: &str) -> String {
    let lists = Lists::from([(String::new(), vec![question.to_owned()])]);
    pattern.draw(rng, &lists, &mut Taken::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        before = ["I am (a nurse|a cook)"]
        after = ["thanks"]
        frames = ["so: {}"]
    "#;

    #[test]
    fn the_question_stays_whole() {
        let situations = Situations::parse(SMALL).unwrap();
        let mut rng = Rng::with_seed(1);
        for _ in 0..200 {
            let told = situations.around(&mut rng, "how do I stop it");
            assert!(told.to_lowercase().contains("how do i stop it"), "{told}");
            assert!(told.len() > "how do I stop it".len(), "{told}");
        }
    }

    #[test]
    fn frames_have_one_place_for_the_question() {
        let text = SMALL.replace("so: {}", "so");
        let error = Situations::parse(&text).unwrap_err();
        assert_eq!(format!("{error:#}"), r#"`so`: its slots are not [""]"#);
    }
}
