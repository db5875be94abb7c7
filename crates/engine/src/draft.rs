//! A smaller model that guesses what comes next.
//!
//! It reads along, a chunk a step, with a cache of its own, and where it has read all it says which
//! token it finds most probable, and which after that. A guess is right where the sampler chooses the
//! same, so that the text is the one without a draft, token for token: also where tokens are drawn,
//! since a draw depends on the seed and the place alone. Leviathan, Kalman, Matias: "Fast inference
//! from transformers via speculative decoding", 2023; there, a draw of the draft's is kept with a
//! certain probability, which keeps the distribution and not the text.
//!
//! What the draft has of a sequence is a [`Line`]. Where the tokens became others than it read, after
//! a wrong guess or a cut, it goes back to what is alike. What it has of a sequence that ended stays
//! in its cache for the next turn.

use crate::{
    DraftError, Engine, Error,
    cache::{Blocks, Lease},
    options::Info,
    request::SeqId,
    sample,
    solo::Stretch,
    tokenizer::n_common,
};

/// A draft model and what it has read.
pub(crate) struct Draft {
    engine: Box<Engine>,
    /// The first so many tokens mean the same to both; beyond them one may have some more.
    vocab: usize,
    lines: Vec<Line>,
}

/// What a draft has of one sequence.
struct Line {
    seq: SeqId,
    lease: Lease,
    /// The tokens whose rows the lease holds.
    held: Vec<u32>,
    /// How many of them are the sequence's; the others were guesses.
    settled: usize,
}

impl Draft {
    /// Of `engine`, which guesses for `model`.
    pub(crate) fn new(engine: Engine, model: &Engine) -> Result<Self, DraftError> {
        let (found, expected) = (engine.info().vocab, model.info().vocab);
        let vocab = match engine.known_tokens().zip(model.known_tokens()) {
            // A matrix may have more rows than there are tokens.
            Some((ours, theirs)) => ours.n_alike(theirs)?.min(found).min(expected),
            None => n_common(found, expected)?,
        };
        Ok(Self { engine: Box::new(engine), vocab, lines: Vec::new() })
    }

    /// What the draft is and takes.
    pub(crate) fn info(&self) -> &Info {
        self.engine.info()
    }

    /// Reads at most a chunk of what is new in the `tokens` of `seq`.
    pub(crate) fn read(&mut self, seq: SeqId, tokens: &[u32]) -> Result<(), Error> {
        let done = self.next(seq, tokens).map(drop);
        done.map_err(|error| self.failed(seq, error))
    }

    /// Does so, and appends at most `n` tokens that may follow to `guesses`, which has none.
    pub(crate) fn guess(
        &mut self,
        seq: SeqId,
        tokens: &[u32],
        n: usize,
        guesses: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let n = n.min(self.engine.scheduler.limits.room(tokens.len()));
        if n == 0 {
            return Ok(());
        }
        let done = self.guess_all(seq, tokens, n, guesses);
        done.map_err(|error| self.failed(seq, error))
    }

    /// Lets go of the sequences that are not live any more, and keeps what it has of them for others
    /// that begin so.
    pub(crate) fn keep_only(&mut self, is_live: impl Fn(SeqId) -> bool) {
        let blocks = &mut self.engine.scheduler.blocks;
        let ended = self.lines.extract_if(.., |it| !is_live(it.seq));
        ended.for_each(|it| it.retain(blocks));
    }

    fn guess_all(
        &mut self,
        seq: SeqId,
        tokens: &[u32],
        n: usize,
        guesses: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let Some((i, first)) = self.next(seq, tokens)? else { return Ok(()) };
        guesses.push(first);
        while guesses.len() < n {
            let next = self.after(i, guesses)?;
            guesses.push(next);
        }
        Ok(())
    }

    /// The line of `seq`, and the most probable token after `tokens`, where a chunk is enough to read
    /// all that is new.
    fn next(&mut self, seq: SeqId, tokens: &[u32]) -> Result<Option<(usize, u32)>, Error> {
        let limits = self.engine.scheduler.limits;
        if tokens.len() > limits.context {
            return Ok(None);
        }
        let i = self.line(seq, tokens);
        let past = self.lines[i].held.len();
        let end = tokens.len().min(past + limits.chunk);
        let new = &tokens[past..end];
        // What the model alone knows the draft cannot read: from there on it guesses nothing.
        if new.is_empty() || new.iter().any(|&it| it as usize >= self.vocab) {
            return Ok(None);
        }
        let next = self.compute(i, Stretch { past, tokens: new, ahead: 0 })?;
        let line = &mut self.lines[i];
        line.held.extend_from_slice(new);
        line.settled = end;
        self.engine.scheduler.blocks.trim(&mut line.lease, end);
        Ok((end == tokens.len()).then_some((i, next)))
    }

    /// The most probable token after these guesses, of which all but the last were computed before.
    fn after(&mut self, i: usize, guesses: &[u32]) -> Result<u32, Error> {
        let past = self.lines[i].held.len();
        if self.engine.scheduler.blocks.has_slots() {
            // The state that there is, is that before all of them.
            return self.compute(i, Stretch { past, tokens: guesses, ahead: guesses.len() });
        }
        let last = &guesses[guesses.len() - 1..];
        let next = self.compute(i, Stretch { past, tokens: last, ahead: 1 })?;
        self.lines[i].held.extend_from_slice(last);
        Ok(next)
    }

    /// Computes these rows of a line; the most probable token after them.
    fn compute(&mut self, i: usize, stretch: Stretch<'_>) -> Result<u32, Error> {
        let (engine, lease, vocab) = (&mut *self.engine, &mut self.lines[i].lease, self.vocab);
        let n = stretch.tokens.len();
        let own = stretch.past + n - stretch.ahead;
        engine.scheduler.blocks.extend_ahead(lease, own, stretch.ahead)?;
        let mut next = 0;
        let see = &mut |_, row: &[f32]| next = sample::greedy(&row[..vocab]);
        engine.feed_chunk(lease, stretch, |row| row + 1 == n, see)?;
        Ok(next)
    }

    /// The line of `seq`, which holds a beginning of `tokens`.
    fn line(&mut self, seq: SeqId, tokens: &[u32]) -> usize {
        let scheduler = &mut self.engine.scheduler;
        let (limits, blocks) = (scheduler.limits, &mut scheduler.blocks);
        if let Some(i) = self.lines.iter().position(|it| it.seq == seq) {
            let line = &mut self.lines[i];
            let alike = line.held.iter().zip(tokens).take_while(|(a, b)| a == b).count();
            let set = line.lease.rope_set();
            // What comes before `settled` may be given back already.
            if alike >= line.settled && !limits.rope_sets.has_outgrown(set, tokens.len()) {
                line.held.truncate(alike);
                return i;
            }
            self.lines.swap_remove(i).retain(blocks);
        }
        let (lease, reused) = blocks.open_for(limits.rope_set(tokens.len()), tokens);
        let held = tokens[..reused].to_vec();
        self.lines.push(Line { seq, lease, held, settled: reused });
        self.lines.len() - 1
    }

    /// Forgets a line whose rows may be nonsense.
    fn failed(&mut self, seq: SeqId, error: Error) -> Error {
        if let Some(i) = self.lines.iter().position(|it| it.seq == seq) {
            let line = self.lines.swap_remove(i);
            self.engine.scheduler.blocks.release(line.lease);
        }
        Error::Draft(Box::new(error))
    }
}

impl Line {
    fn retain(self, blocks: &mut Blocks) {
        blocks.retain(self.lease, &self.held[..self.settled]);
    }
}
