//! One sequence on its way through the engine: its tokens, how many are cached, and what chooses,
//! shows and ends them.

use crate::{
    Error, Tokenizer,
    cache::Lease,
    draft::Draft,
    lookup::Lookup,
    output::Output,
    reach::Reach,
    request::{EventKind, Finish, Request, SeqId, Usage, WhenFull},
    sample::Sampler,
};

pub(crate) struct Sequence {
    pub(crate) id: SeqId,
    /// The prompt and what was chosen, less what a full context dropped.
    pub(crate) tokens: Vec<u32>,
    /// How many of them are in the cache.
    pub(crate) cached: usize,
    pub(crate) phase: Phase,
    pub(crate) lease: Lease,
    /// What may follow `tokens`, in the batch that is being computed.
    pub(crate) guesses: Vec<u32>,
    pub(crate) usage: Usage,
    pub(crate) ended: Option<Ended>,
    sampler: Sampler,
    lookup: Lookup,
    /// How far a draft guesses.
    drafting: Reach,
    /// Who guessed `guesses`.
    guesser: Guesser,
    output: Output,
    max_new: usize,
    stop_ids: Vec<u32>,
    shown_ids: Vec<u32>,
    when_full: WhenFull,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not all tokens before the next choice are computed.
    Prefill,
    /// Each step computes the last token and chooses the next.
    Decode,
}

/// Who guesses what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guesser {
    /// What was said before.
    Lookup,
    /// A smaller model.
    Draft,
}

/// What becomes of the blocks of a sequence that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// They are kept for the next turn.
    Kept,
    /// They may hold nonsense.
    Failed,
}

/// The texts of tokens, if anybody asks for texts.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'a>(pub(crate) Option<&'a Tokenizer>);

impl Pieces<'_> {
    fn of(&self, id: u32) -> &[u8] {
        self.0.map_or(&[], |it| it.piece(id))
    }

    /// What a reader sees of a token: nothing of those that only the model and the template use,
    /// unless they are `wanted`.
    fn shown(&self, id: u32, wanted: &[u32]) -> &[u8] {
        let is_hidden = self.0.is_some_and(|it| it.is_special(id)) && !wanted.contains(&id);
        if is_hidden { &[] } else { self.of(id) }
    }
}

impl Sequence {
    pub(crate) fn new(
        id: SeqId,
        request: Request,
        mut sampler: Sampler,
        pieces: Pieces<'_>,
    ) -> Self {
        // The sampler may look back.
        request.tokens.iter().for_each(|&token| sampler.accept(token, pieces.of(token)));
        let usage = Usage { prompt: request.tokens.len(), ..Usage::default() };
        Self {
            id,
            tokens: request.tokens,
            cached: 0,
            phase: Phase::Prefill,
            lease: Lease::default(),
            guesses: Vec::with_capacity(request.lookup.max(request.draft)),
            usage,
            ended: None,
            sampler,
            lookup: Lookup::new(request.lookup),
            drafting: Reach::new(request.draft),
            guesser: Guesser::Lookup,
            output: Output::new(request.stops),
            max_new: request.max_new.unwrap_or(usize::MAX),
            stop_ids: request.stop_ids,
            shown_ids: request.shown_ids,
            when_full: request.when_full,
        }
    }

    /// Tokens that are not in the cache.
    pub(crate) fn pending(&self) -> &[u32] {
        &self.tokens[self.cached..]
    }

    /// Guesses at most `room` of the next tokens: as the text went on where it was alike, else as
    /// `draft` does, which reads along.
    pub(crate) fn guess(&mut self, room: usize, draft: Option<&mut Draft>) -> Result<(), Error> {
        self.guesses.clear();
        // One is chosen without a guess.
        let wanted = self.max_new.saturating_sub(self.usage.generated + 1);
        let room = room.min(wanted);
        if self.phase == Phase::Decode {
            self.guesser = Guesser::Lookup;
            self.lookup.guess(&self.tokens, room, &mut self.guesses);
        }
        let Some(draft) = draft.filter(|_| wanted > 0 && !self.drafting.is_none()) else {
            return Ok(());
        };
        match self.phase {
            Phase::Prefill => draft.read(self.id, &self.tokens),
            Phase::Decode if self.guesses.is_empty() => {
                self.guesser = Guesser::Draft;
                let n = self.drafting.take(room);
                draft.guess(self.id, &self.tokens, n, &mut self.guesses)
            }
            Phase::Decode => Ok(()),
        }
    }

    /// Chooses the next token from the first row of `logits`, and from each after it whose guess
    /// was the token that was chosen. Where such a row is not finite, the next step tells why.
    pub(crate) fn choose_all<'a>(
        &mut self,
        logits: impl Iterator<Item = &'a mut [f32]>,
        pieces: Pieces<'_>,
        say: &mut impl FnMut(EventKind),
    ) {
        let guesses = std::mem::take(&mut self.guesses);
        let mut right = 0;
        // Counted at once: the answer may end with any row.
        self.count_guesses(guesses.len(), 0);
        for (i, logits) in logits.enumerate() {
            if i > 0 {
                let is_right = self.tokens.last() == Some(&guesses[i - 1]);
                if !is_right || logits.iter().any(|it| !it.is_finite()) {
                    break;
                }
                self.cached += 1;
                right += 1;
                self.count_guesses(0, 1);
            }
            self.choose(logits, pieces, say);
            if self.ended.is_some() {
                break;
            }
        }
        match self.guesser {
            Guesser::Lookup => self.lookup.learn(guesses.len(), right),
            Guesser::Draft => self.drafting.learn(guesses.len(), right),
        }
        self.guesses = guesses;
        self.guesses.clear();
    }

    fn count_guesses(&mut self, made: usize, right: usize) {
        self.usage.guessed += made;
        self.usage.guessed_right += right;
        if self.guesser == Guesser::Draft {
            self.usage.drafted += made;
            self.usage.drafted_right += right;
        }
    }

    /// Chooses the next token from `logits`, and says what happened.
    fn choose(&mut self, logits: &mut [f32], pieces: Pieces<'_>, say: &mut impl FnMut(EventKind)) {
        if self.usage.generated == self.max_new {
            return self.finish(Finish::Length, say);
        }
        let id = self.sampler.sample(logits);
        self.usage.generated += 1;
        if self.stop_ids.contains(&id) {
            return self.finish(Finish::StopToken(id), say);
        }
        self.sampler.accept(id, pieces.of(id));
        self.tokens.push(id);
        let chunk = self.output.push(pieces.shown(id, &self.shown_ids));
        say(EventKind::Token { id, text: chunk.text });
        if let Some(stop) = chunk.stopped {
            self.finish(Finish::StopString(stop), say);
        } else if self.usage.generated == self.max_new {
            self.finish(Finish::Length, say);
        }
    }

    /// Ends the sequence; its blocks can serve another.
    pub(crate) fn finish(&mut self, why: Finish, say: &mut impl FnMut(EventKind)) {
        let stopped = matches!(why, Finish::StopString(_));
        let rest = if stopped { String::new() } else { self.output.finish() };
        if !rest.is_empty() {
            say(EventKind::Rest(rest));
        }
        let Usage { prompt, reused, prefilled, generated, guessed, guessed_right, .. } = self.usage;
        let Usage { drafted, drafted_right, .. } = self.usage;
        tracing::debug!(
            seq = self.id.0,
            prompt,
            reused,
            prefilled,
            generated,
            guessed,
            guessed_right,
            drafted,
            drafted_right,
            "sequence ended"
        );
        say(EventKind::Finished(why, self.usage));
        self.ended = Some(Ended::Kept);
    }

    /// Drops the oldest part that the request allows to drop; all after it has to be computed
    /// again. `None` if the request allows nothing.
    pub(crate) fn shift(&mut self) -> Option<EventKind> {
        let dropped = self.when_full.cut(&mut self.tokens)?;
        self.cached = 0;
        self.phase = Phase::Prefill;
        Some(EventKind::Shifted { dropped, kept: self.tokens.len() })
    }
}
