//! One span of reasoning before the answer, such as `<think>…</think>`.

use super::{Piece, overlap};
use crate::template::ReasoningMarks;

/// An answer on both sides of its marks.
#[derive(Debug)]
pub(super) struct Tags {
    marks: ReasoningMarks,
    state: State,
    /// What may be the beginning of a mark.
    held: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Reasoning may begin: nothing but white space came.
    Start,
    Thinking,
    Answering,
}

impl Tags {
    pub(super) fn new(marks: &ReasoningMarks, prompt: &str) -> Self {
        let thinks = prompt.trim_end().ends_with(&marks.start);
        let state = if thinks { State::Thinking } else { State::Start };
        Self { marks: marks.clone(), state, held: String::new() }
    }

    /// Whether the model thinks now.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Thinking
    }

    /// Takes more text; gives what can be told apart.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held += text;
        let mut pieces = Vec::new();
        let marks = &self.marks;
        loop {
            match self.state {
                State::Answering => break,
                State::Start => {
                    let begun = self.held.trim_start();
                    if let Some(rest) = begun.strip_prefix(&marks.start) {
                        self.held = rest.to_owned();
                        self.state = State::Thinking;
                    } else if marks.start.starts_with(begun) {
                        return pieces;
                    } else {
                        self.state = State::Answering;
                    }
                }
                State::Thinking => {
                    let Some(at) = self.held.find(&marks.end) else {
                        let kept = overlap(&self.held, &marks.end);
                        let rest = self.held.split_off(self.held.len() - kept);
                        let thought = std::mem::replace(&mut self.held, rest);
                        pieces.extend((!thought.is_empty()).then_some(Piece::Thought(thought)));
                        return pieces;
                    };
                    let rest = self.held.split_off(at + marks.end.len());
                    self.held.truncate(at);
                    let thought = std::mem::replace(&mut self.held, rest);
                    pieces.extend((!thought.is_empty()).then_some(Piece::Thought(thought)));
                    self.state = State::Answering;
                }
            }
        }
        let answer = std::mem::take(&mut self.held);
        pieces.extend((!answer.is_empty()).then_some(Piece::Answer(answer)));
        pieces
    }

    /// What is left when no more comes.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        let rest = std::mem::take(&mut self.held);
        match (rest.is_empty(), self.state) {
            (true, _) => None,
            (false, State::Thinking) => Some(Piece::Thought(rest)),
            (false, _) => Some(Piece::Answer(rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thoughts in parentheses.
    #[track_caller]
    fn check(prompt: &str, pieces: &[&str], expected: &str) {
        let marks = ReasoningMarks { start: "<think>".to_owned(), end: "</think>".to_owned() };
        let mut reasoning = Tags::new(&marks, prompt);
        let mut all: Vec<Piece> = pieces.iter().flat_map(|it| reasoning.push(it)).collect();
        all.extend(reasoning.finish());
        let show = |it: &Piece| match it {
            Piece::Thought(text) => format!("({text})"),
            Piece::Answer(text) | Piece::Call(text) => text.clone(),
        };
        assert_eq!(all.iter().map(show).collect::<String>(), expected);
    }

    #[test]
    fn marks_may_be_cut_anywhere() {
        check("", &["<think>a", "b</think>", "c"], "(a)(b)c");
        check("", &["\n<th", "ink>a</", "think>\n\nb"], "(a)\n\nb");
        check("", &["plain <think>"], "plain <think>");
        check("", &["<thin"], "<thin");
        check("", &["<think>a <", "b"], "(a )(<b)");
        check("...<think>\n", &["a</think>b"], "(a)b");
        check("", &["<think></think>x"], "x");
    }
}
