//! What goes into an engine and what comes out: requests and events.

use crate::{Error, sample::Sampling};

/// Names a sequence; never used twice by one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqId(pub(crate) u64);

/// A prompt to continue, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt.
    pub tokens: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The most tokens to generate; absent: until something else ends it.
    pub max_new: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub stops: Vec<String>,
    /// Tokens that end the answer and are not part of it.
    pub stop_ids: Vec<u32>,
    /// Structural tokens whose text is part of the answer's, such as the marks of reasoning; the
    /// others have none.
    pub shown_ids: Vec<u32>,
    /// What happens when the context is full.
    pub when_full: WhenFull,
    /// Tokens that one step may guess and compute ahead, from what was said before; no more than
    /// [`Options::lookup`](crate::Options::lookup). No text depends on it.
    pub lookup: usize,
    /// Tokens that one step may compute ahead as the draft guesses them, where `lookup` finds
    /// nothing; no more than that option, either, and none without
    /// [`Engine::draft_with`](crate::Engine::draft_with). No text depends on it.
    pub draft: usize,
}

impl Request {
    /// A request that ends where the model ends it.
    pub fn new(tokens: Vec<u32>, sampling: Sampling) -> Self {
        Self {
            tokens,
            sampling,
            max_new: None,
            stops: vec![],
            stop_ids: vec![],
            shown_ids: vec![],
            when_full: WhenFull::Stop,
            lookup: 0,
            draft: 0,
        }
    }
}

/// What a sequence does when its next token has no place in the context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It ends with [`Finish::ContextFull`].
    #[default]
    Stop,
    /// It forgets what follows its first `keep` tokens, up to the first of `borders` that frees
    /// half of the others (or exactly half), computes the rest again, and goes on. Each cut is an
    /// event.
    Shift {
        /// Tokens at the beginning that stay.
        keep: usize,
        /// Where parts of the prompt begin that are dropped whole, such as messages; ascending.
        borders: Vec<usize>,
    },
}

impl WhenFull {
    /// Drops the oldest part of `tokens` that may be dropped, and how many these were; nothing if none
    /// may. `borders` are then those of what stays.
    pub fn cut(&mut self, tokens: &mut Vec<u32>) -> Option<usize> {
        let Self::Shift { keep, borders } = self else { return None };
        let others = tokens.len().checked_sub(*keep).filter(|it| *it > 0)?;
        let half = *keep + others.div_ceil(2);
        let whole = half..tokens.len();
        let end = borders.iter().copied().find(|it| whole.contains(it)).unwrap_or(half);
        let dropped = end - *keep;
        tokens.drain(*keep..end);
        borders.retain(|&it| it >= end);
        borders.iter_mut().for_each(|it| *it -= dropped);
        Some(dropped)
    }
}

/// Something that happened to a sequence in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// To which.
    pub seq: SeqId,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// More of the prompt is in the cache.
    Prefilled {
        /// Tokens in the cache.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// A token was chosen.
    Token {
        /// The token.
        id: u32,
        /// What can be shown now: whole characters, and nothing that may begin a stop text.
        text: String,
    },
    /// Text of earlier tokens that was held back, when no more tokens come.
    Rest(String),
    /// The context was full, and its oldest part was dropped.
    Shifted {
        /// Tokens that were dropped.
        dropped: usize,
        /// Tokens that stay.
        kept: usize,
    },
    /// The sequence ended. Its id is known no more.
    Finished(Finish, Usage),
    /// The sequence failed; the others go on. Its id is known no more.
    Failed(Error),
}

/// Why a sequence ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model chose a token that ends the answer.
    StopToken(u32),
    /// The answer reached a stop text.
    StopString(String),
    /// [`Request::max_new`] tokens were generated.
    Length,
    /// The next token has no place in the context.
    ContextFull,
    /// [`Engine::cancel`](crate::Engine::cancel).
    Cancelled,
}

/// What a sequence took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens of the prompt whose keys and values were found in the cache.
    pub reused: usize,
    /// Tokens that were computed before the first new one, after each cut, and when the sequence
    /// outgrew a set of rotary frequencies.
    pub prefilled: usize,
    /// Tokens that were chosen, the one that stopped it included.
    pub generated: usize,
    /// Tokens that were computed ahead, see [`Request::lookup`] and [`Request::draft`].
    pub guessed: usize,
    /// How many of them were chosen then.
    pub guessed_right: usize,
    /// Those of `guessed` that the draft guessed.
    pub drafted: usize,
    /// How many of them were chosen then.
    pub drafted_right: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_may_go_goes_or_more_up_to_a_border() {
        let mut shift = WhenFull::Shift { keep: 2, borders: vec![3, 8, 10] };
        let mut tokens: Vec<u32> = (0..12).collect();
        assert_eq!((shift.cut(&mut tokens), &tokens[..]), (Some(6), &[0, 1, 8, 9, 10, 11][..]));
        assert_eq!((shift.cut(&mut tokens), &tokens[..]), (Some(2), &[0, 1, 10, 11][..]));
        assert_eq!((shift.cut(&mut tokens), &tokens[..]), (Some(1), &[0, 1, 11][..]));
        assert_eq!((shift.cut(&mut tokens), &tokens[..]), (Some(1), &[0, 1][..]));
        assert_eq!(shift.cut(&mut tokens), None);
        assert_eq!(WhenFull::Stop.cut(&mut vec![1, 2]), None);
    }
}
