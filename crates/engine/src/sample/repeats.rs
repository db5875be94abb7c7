//! What a sequence has said so far, and the stages that hold it against a token: penalties here,
//! DRY in `dry`.

use std::collections::BTreeSet;

use super::{Dry, Penalties, Sampling, Stage, dry};

/// The tokens of a sequence.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    tokens: Vec<u32>,
    /// The end of the text, as long as the longest breaker may need.
    tail: Vec<u8>,
    /// Tokens up to this one lie before a breaker's end.
    after_breaker: usize,
    /// Those seen that hold a breaker by themselves: repeating them is no fault.
    breakers: BTreeSet<u32>,
}

impl Repeats {
    pub(super) fn n_tokens(&self) -> u64 {
        self.tokens.len() as u64
    }

    pub(super) fn accept(&mut self, token: u32, piece: &[u8], dry: &Dry) {
        self.tokens.push(token);
        if dry.multiplier == 0.0 {
            return;
        }
        self.tail.extend_from_slice(piece);
        let breaks = |text: &[u8]| dry.breakers.iter().any(|it| contains(text, it.as_bytes()));
        if breaks(piece) {
            self.breakers.insert(token);
        }
        if breaks(&self.tail) {
            self.after_breaker = self.tokens.len();
            self.tail.clear();
        }
        let longest = dry.breakers.iter().map(String::len).max().unwrap_or(0);
        let surplus = self.tail.len().saturating_sub(longest.saturating_sub(1));
        self.tail.drain(..surplus);
    }

    /// What `stage` does to single tokens; nothing for the stages that drop candidates.
    pub(super) fn changes(&self, stage: Stage, settings: &Sampling) -> Changes {
        match stage {
            Stage::Penalties => self.penalties(&settings.penalties),
            Stage::Dry => {
                let last = last_n(&self.tokens, settings.dry.last_n);
                let unbroken = (self.tokens.len() - self.after_breaker).min(last.len());
                let mut changes = dry::changes(last, unbroken, &settings.dry);
                changes.0.retain(|(token, _)| !self.breakers.contains(token));
                changes
            }
            Stage::TopNSigma | Stage::TopK | Stage::Typical | Stage::TopP => Changes::default(),
            Stage::MinP | Stage::Xtc | Stage::Temperature => Changes::default(),
        }
    }

    fn penalties(&self, p: &Penalties) -> Changes {
        if (p.repeat, p.frequency, p.presence) == (1.0, 0.0, 0.0) {
            return Changes::default();
        }
        let mut last = last_n(&self.tokens, p.last_n).to_vec();
        last.sort_unstable();
        let change = |same: &[u32]| {
            let minus = same.len() as f32 * p.frequency + p.presence;
            (same[0], Change { factor: p.repeat, minus })
        };
        Changes(last.chunk_by(|a, b| a == b).map(change).collect())
    }
}

/// Changes of single logits, by token, ascending.
#[derive(Debug, Default)]
pub(super) struct Changes(pub(super) Vec<(u32, Change)>);

/// `logit / factor - minus`, or `logit * factor - minus` where the logit is not positive: dividing
/// a negative logit would make its token more probable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) factor: f32,
    pub(super) minus: f32,
}

impl Changes {
    pub(super) fn apply(&self, logits: &mut [f32]) {
        for (token, change) in &self.0 {
            let logit = &mut logits[*token as usize];
            *logit = change.of(*logit);
        }
    }

    pub(super) fn of(&self, token: u32) -> Option<Change> {
        let found = self.0.binary_search_by_key(&token, |it| it.0);
        found.ok().map(|i| self.0[i].1)
    }
}

impl Change {
    pub(super) fn of(self, logit: f32) -> f32 {
        let scaled = if logit > 0.0 { logit / self.factor } else { logit * self.factor };
        scaled - self.minus
    }
}

fn last_n(tokens: &[u32], n: Option<usize>) -> &[u32] {
    &tokens[tokens.len() - n.unwrap_or(tokens.len()).min(tokens.len())..]
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|it| it == part)
}
