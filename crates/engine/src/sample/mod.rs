//! From logits to a token: settings, the chain of samplers, and a draw that a seed decides.
//!
//! [`Sampling`] is what a person sets. A [`Sampler`] belongs to one sequence: it is told every
//! token of it ([`accept`](Sampler::accept)) and chooses the next ([`sample`](Sampler::sample)).
//! The stages and their default order are llama.cpp's: those that change single logits are in
//! `repeats`, those that drop candidates in `chain`; `top` finds the largest logits. The draw for a
//! position depends on the seed and that position alone, so neither a batch nor a cancelled neighbour
//! can change a text.

mod chain;
mod draw;
mod dry;
mod repeats;
mod settings;
mod top;

pub use settings::{Dry, Error, Penalties, Sampling, Stage, Xtc};
pub use top::greedy;

use chain::{Candidates, acts};
use draw::{Stream, uniform};
use repeats::Repeats;

/// Chooses the tokens of one sequence.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    seed: u64,
    repeats: Repeats,
    candidates: Candidates,
}

/// A token that may be chosen, with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The token.
    pub token: u32,
    /// Its probability among the candidates that are left.
    pub probability: f32,
}

impl Sampler {
    /// A sampler for logits over `vocab` tokens.
    ///
    /// Without a seed in the settings it takes one from the operating system's randomness;
    /// [`seed`](Self::seed) tells which.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range; the error names it.
    pub fn new(settings: &Sampling, vocab: usize) -> Result<Self, Error> {
        settings.check(vocab)?;
        Ok(Self {
            settings: settings.clone(),
            seed: settings.seed.unwrap_or_else(draw::fresh_seed),
            repeats: Repeats::default(),
            candidates: Candidates::default(),
        })
    }

    /// The seed in use.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Takes note of the sequence's next token, of the prompt or sampled; `piece` is its text.
    pub fn accept(&mut self, token: u32, piece: &[u8]) {
        self.repeats.accept(token, piece, &self.settings.dry);
    }

    /// Chooses the token that follows those accepted. Changes `logits`.
    pub fn sample(&mut self, logits: &mut [f32]) -> u32 {
        if self.settings.temperature > 0.0 {
            let at = self.repeats.n_tokens();
            self.candidates(logits);
            return self.candidates.draw(uniform(self.seed, at, Stream::Token));
        }
        self.bias(logits);
        for stage in &self.settings.order {
            self.repeats.changes(*stage, &self.settings).apply(logits);
        }
        greedy(logits)
    }

    /// What [`sample`](Self::sample) draws from, most probable first. Changes `logits`.
    pub fn candidates(&mut self, logits: &mut [f32]) -> &[Candidate] {
        self.bias(logits);
        let at = self.repeats.n_tokens();
        let (before, most) = self.first_kept(logits.len());
        let (changing, order) = self.settings.order.split_at(before);
        for stage in changing {
            self.repeats.changes(*stage, &self.settings).apply(logits);
        }
        self.candidates.fill(logits, most);
        for stage in order {
            self.candidates.adjust(&self.repeats.changes(*stage, &self.settings));
            let chance = || uniform(self.seed, at, Stream::Xtc);
            self.candidates.keep(*stage, &self.settings, chance);
        }
        self.candidates.normalise()
    }

    /// Where few candidates are kept by the first stage that does more than change single logits: how
    /// many stages come before it, and how many are kept. All others need no order, and no list.
    fn first_kept(&self, vocab: usize) -> (usize, Option<usize>) {
        let Sampling { order, top_k, .. } = &self.settings;
        let first = order.iter().position(|stage| acts(*stage, &self.settings));
        match first {
            Some(i) if order[i] == Stage::TopK && *top_k <= vocab / 8 => (i, Some(*top_k)),
            _ => (0, None),
        }
    }

    fn bias(&self, logits: &mut [f32]) {
        for &(token, bias) in &self.settings.logit_bias {
            logits[token as usize] += bias;
        }
    }
}
