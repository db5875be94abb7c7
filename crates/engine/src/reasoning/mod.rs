//! Tells what a model thinks from what it answers, while the text arrives.
//!
//! The marks are the template's (`template::ReasoningMarks`). `tags` is for models that write one
//! span of reasoning before the answer, `channels` for those that write a message for each purpose.
//! The text must show the marks' tokens: see `Request::shown_ids`.

mod channels;
mod tags;

use crate::template::ReasoningMarks;
use channels::Channels;
use tags::Tags;

/// A piece of what the model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Reasoning, without its marks.
    Thought(String),
    /// What is meant for the person; calls of tools too, where they are part of the text.
    Answer(String),
    /// A part of a message to a tool, with the header that says which: for `tools::ToolFormat`.
    Call(String),
}

/// Splits an answer at its marks.
#[derive(Debug)]
pub struct Reasoning(Kind);

#[derive(Debug)]
enum Kind {
    /// All is the answer.
    Unmarked,
    Tags(Tags),
    Channels(Channels),
}

impl Reasoning {
    /// For a model with these marks; where the prompt ends with the first, the model thinks.
    pub fn new(marks: Option<&ReasoningMarks>, prompt: &str) -> Self {
        Self(match marks {
            None => Kind::Unmarked,
            Some(marks) if marks.are_channels() => {
                Kind::Channels(Channels::new(prompt.trim_end().ends_with(&marks.start)))
            }
            Some(marks) => Kind::Tags(Tags::new(marks, prompt)),
        })
    }

    /// Whether the model thinks now.
    pub fn is_open(&self) -> bool {
        match &self.0 {
            Kind::Unmarked => false,
            Kind::Tags(it) => it.is_open(),
            Kind::Channels(it) => it.is_open(),
        }
    }

    /// Takes more text; gives what can be told apart.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        match &mut self.0 {
            Kind::Unmarked if text.is_empty() => vec![],
            Kind::Unmarked => vec![Piece::Answer(text.to_owned())],
            Kind::Tags(it) => it.push(text),
            Kind::Channels(it) => it.push(text),
        }
    }

    /// What is left when no more comes.
    pub fn finish(&mut self) -> Option<Piece> {
        match &mut self.0 {
            Kind::Unmarked => None,
            Kind::Tags(it) => it.finish(),
            Kind::Channels(it) => it.finish(),
        }
    }
}

/// Bytes at the end of `text` with which `mark` begins.
fn overlap(text: &str, mark: &str) -> usize {
    let longest = text.len().min(mark.len() - 1);
    (1..=longest).rev().find(|&n| text.as_bytes().ends_with(&mark.as_bytes()[..n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_marks_all_is_the_answer() {
        let mut reasoning = Reasoning::new(None, "<think>");
        assert_eq!(reasoning.push("<think>a"), [Piece::Answer("<think>a".to_owned())]);
        assert_eq!(reasoning.push(""), []);
    }
}
