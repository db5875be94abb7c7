//! Messages with a header that says what they are for, OpenAI's "harmony":
//!
//! ```text
//! <|channel|>analysis<|message|>…<|end|>                                  reasoning
//! <|start|>assistant<|channel|>commentary to=functions.f<|message|>…<|call|>    a call
//! <|start|>assistant<|channel|>final<|message|>…<|return|>                the answer
//! ```
//!
//! Only `final` is the answer; what is said on another channel to nobody is reasoning.

use super::{Piece, overlap};

/// Ends a header.
const MESSAGE: &str = "<|message|>";

/// What ends a message.
const ENDS: [&str; 4] = ["<|end|>", "<|return|>", "<|call|>", "<|start|>"];

/// A longer header is none: the model left the format.
const MAX_HEADER: usize = 256;

/// The messages of an answer.
#[derive(Debug)]
pub(super) struct Channels {
    state: State,
    /// A header, or what may be the beginning of a mark.
    held: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first header, or text without one.
    Start,
    Header,
    Body(Purpose),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Thought,
    Answer,
    Call,
}

impl Purpose {
    fn of(header: &str) -> Self {
        match header.split_once("<|channel|>").map(|it| it.1.trim_start()) {
            _ if header.contains("to=") => Self::Call,
            Some(channel) if !channel.starts_with("final") => Self::Thought,
            Some(_) | None => Self::Answer,
        }
    }

    fn piece(self, text: String) -> Option<Piece> {
        (!text.is_empty()).then_some(match self {
            Self::Thought => Piece::Thought(text),
            Self::Answer => Piece::Answer(text),
            Self::Call => Piece::Call(text),
        })
    }
}

impl Channels {
    /// Where the prompt opened a message, it is one of reasoning.
    pub(super) fn new(prompt_thinks: bool) -> Self {
        let state = if prompt_thinks { State::Body(Purpose::Thought) } else { State::Start };
        Self { state, held: String::new() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Body(Purpose::Thought)
    }

    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held += text;
        let mut pieces = vec![];
        loop {
            match self.state {
                State::Start if !may_be_header(&self.held) => {
                    self.state = State::Body(Purpose::Answer);
                }
                State::Start | State::Header => match self.held.find(MESSAGE) {
                    Some(at) => {
                        let purpose = Purpose::of(&self.held[..at]);
                        let header = self.take(at + MESSAGE.len());
                        if purpose == Purpose::Call {
                            pieces.extend(purpose.piece(header));
                        }
                        self.state = State::Body(purpose);
                    }
                    None if self.held.len() > MAX_HEADER => {
                        self.state = State::Body(Purpose::Answer);
                    }
                    None => return pieces,
                },
                State::Body(purpose) => {
                    let ends = ENDS.iter().filter_map(|it| Some((self.held.find(it)?, it.len())));
                    let Some((at, len)) = ends.min() else {
                        let kept = ENDS.iter().map(|it| overlap(&self.held, it)).max();
                        let text = self.take(self.held.len() - kept.unwrap_or(0));
                        pieces.extend(purpose.piece(text));
                        return pieces;
                    };
                    pieces.extend(purpose.piece(self.take(at)));
                    self.take(len);
                    self.state = State::Header;
                }
            }
        }
    }

    pub(super) fn finish(&mut self) -> Option<Piece> {
        let rest = std::mem::take(&mut self.held);
        match self.state {
            State::Body(purpose) => purpose.piece(rest),
            State::Start | State::Header => Purpose::Answer.piece(rest),
        }
    }

    /// The first `n` bytes held.
    fn take(&mut self, n: usize) -> String {
        let rest = self.held.split_off(n);
        std::mem::replace(&mut self.held, rest)
    }
}

/// Whether a header can begin so.
fn may_be_header(text: &str) -> bool {
    let text = text.trim_start();
    ["<|channel|>", "<|start|>", "<|message|>", "to="]
        .iter()
        .any(|it| it.starts_with(text) || text.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thoughts in parentheses, calls in brackets.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        for cut in 1..=text.len() {
            let mut channels = Channels::new(false);
            let mut shown = String::new();
            let mut show = |piece: Piece| match piece {
                Piece::Thought(it) => shown += &format!("({it})"),
                Piece::Answer(it) => shown += &it,
                Piece::Call(it) => shown += &format!("[{it}]"),
            };
            for part in text.as_bytes().chunks(cut) {
                channels.push(str::from_utf8(part).unwrap()).into_iter().for_each(&mut show);
            }
            channels.finish().into_iter().for_each(&mut show);
            let shown = shown.replace(")(", "").replace("][", "");
            assert_eq!(shown, expected, "in parts of {cut}");
        }
    }

    #[test]
    fn only_the_final_channel_is_the_answer() {
        check(
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes",
            "(hm)yes",
        );
        // The tokens between two messages may be hidden.
        check(
            "<|channel|>analysis<|message|>hm<|end|>assistant<|channel|>final<|message|>x<y",
            "(hm)x<y",
        );
        check("<|channel|>commentary<|message|>I will look<|end|>", "(I will look)");
        check("no channels <|at all", "no channels <|at all");
        check("", "");
    }

    #[test]
    fn messages_to_tools_keep_their_header() {
        let call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}";
        check(&format!("{call}<|call|>"), &format!("[{call}]"));
        let call = " to=functions.f<|channel|>commentary json<|message|>{}";
        check(call, &format!("[{call}]"));
    }

    #[test]
    fn what_leaves_the_format_is_shown() {
        let long = format!("<|channel|>{}", "x".repeat(300));
        check(&long, &long);
        check("<|channel|>fin", "<|channel|>fin");
    }
}
