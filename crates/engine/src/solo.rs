//! A sequence run by itself, outside of steps: every position's logits, greedy continuations.
//!
//! For comparisons with a reference and for perplexity. It reuses nothing and leaves nothing in
//! the tree of prefixes.

use crate::{Engine, Error, cache::Lease, sample, scheduler::clear};

/// Rows of a sequence: these tokens after the `past` that it has, of which the last `ahead` are
/// guesses.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub(crate) past: usize,
    pub(crate) tokens: &'a [u32],
    pub(crate) ahead: usize,
}

/// Which rows' logits are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    Last,
}

impl Engine {
    /// Shows the logits after each of `tokens`, in order: the position and its row.
    ///
    /// # Errors
    ///
    /// If the prompt cannot be a sequence of this model, the cache is full, or logits are not
    /// finite.
    pub fn logits(
        &mut self,
        tokens: &[u32],
        mut see: impl FnMut(usize, &[f32]),
    ) -> Result<(), Error> {
        self.check_prompt(tokens)?;
        let set = self.scheduler.limits.rope_set(tokens.len());
        let mut lease = self.scheduler.blocks.open_for(set, &[]).0;
        let done = self.feed(&mut lease, 0, tokens, Wanted::All, &mut see);
        self.scheduler.blocks.release(lease);
        done
    }

    /// The `n` most probable tokens after `tokens`, one after the other; nothing stops it.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits); all `n` must fit into the context.
    pub fn greedy(&mut self, tokens: &[u32], n: usize) -> Result<Vec<u32>, Error> {
        self.check_prompt(tokens)?;
        let prompt = tokens.len().saturating_add(n.saturating_sub(1));
        let context = self.context();
        if prompt > context {
            return Err(Error::PromptTooLong { prompt, context });
        }
        let set = self.scheduler.limits.rope_set(tokens.len());
        let mut lease = self.scheduler.blocks.open_for(set, &[]).0;
        let done = self.continue_greedily(&mut lease, tokens, n);
        self.scheduler.blocks.release(lease);
        done
    }

    fn continue_greedily(
        &mut self,
        lease: &mut Lease,
        tokens: &[u32],
        n: usize,
    ) -> Result<Vec<u32>, Error> {
        let mut all = tokens.to_vec();
        let mut past = 0;
        while all.len() < tokens.len() + n {
            let mut next = 0;
            let see = &mut |_, row: &[f32]| next = sample::greedy(row);
            let limits = self.scheduler.limits;
            if limits.rope_sets.has_outgrown(lease.rope_set(), all.len()) {
                let set = limits.rope_set(all.len());
                let old = std::mem::replace(lease, self.scheduler.blocks.open_for(set, &[]).0);
                self.scheduler.blocks.release(old);
                past = 0;
            }
            self.feed(lease, past, &all[past..], Wanted::Last, see)?;
            past = all.len();
            all.push(next);
        }
        Ok(all.split_off(tokens.len()))
    }

    /// Computes `tokens` after the `past` that `lease` holds.
    fn feed(
        &mut self,
        lease: &mut Lease,
        past: usize,
        tokens: &[u32],
        wanted: Wanted,
        see: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), Error> {
        let (outputs, chunk) = (self.runner.max().outputs, self.scheduler.limits.chunk);
        let rows = if wanted == Wanted::All { outputs.min(chunk) } else { chunk };
        let mut at = past;
        for chunk in tokens.chunks(rows) {
            let is_last = at + chunk.len() == past + tokens.len();
            let wants = |i| wanted == Wanted::All || is_last && i + 1 == chunk.len();
            self.scheduler.blocks.extend(lease, at + chunk.len())?;
            let stretch = Stretch { past: at, tokens: chunk, ahead: 0 };
            self.feed_chunk(lease, stretch, wants, see)?;
            at += chunk.len();
            self.scheduler.blocks.trim(lease, at);
        }
        Ok(())
    }

    /// Computes rows that `lease` has blocks for, at most a chunk, and shows the logits of those that
    /// are wanted.
    pub(crate) fn feed_chunk(
        &mut self,
        lease: &mut Lease,
        stretch: Stretch<'_>,
        wants: impl Fn(usize) -> bool,
        see: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), Error> {
        let Stretch { past, tokens, ahead } = stretch;
        clear(&mut self.batch);
        self.scheduler.blocks.push_ahead(&mut self.batch, lease, past, tokens, ahead);
        self.batch.out.extend((0..tokens.len()).filter(|&i| wants(i)).map(|i| i as u32));
        let (out, vocab) = (&self.batch.out, self.runner.vocab());
        let mut finite = true;
        let ran = self.runner.step(&self.batch, &mut |rows| {
            for (row, &i) in rows.chunks_exact(vocab).zip(out) {
                finite &= row.iter().all(|it| it.is_finite());
                see(past + i as usize, row);
            }
        });
        let ran = ran.and_then(|()| self.check_intact());
        let ran = match ran {
            Ok(()) if !finite => Err(self.runner.diagnose(&self.batch, 0)),
            ran => ran,
        };
        lease.table = self.batch.tables.pop().expect("it was pushed above");
        ran
    }
}
