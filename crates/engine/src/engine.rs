//! The engine: a model, its cache and its sequences, as a synchronous state machine.
//!
//! [`submit`](Engine::submit) takes a request, [`step`](Engine::step) runs all sequences a little
//! further, [`cancel`](Engine::cancel) ends one. Threads and clocks are the caller's. What runs in a
//! step is decided in `scheduler`, how tokens are chosen and ended in `sequence`, who guesses what
//! comes next in `lookup` and `draft`.

use kernels::{Backend, Batch};
use loader::{Mapping, ModelFile};

use crate::{
    DraftError, Error, LoadError, Runner, Tokenizer, arch,
    cache::Blocks,
    draft::Draft,
    options::{Info, Options},
    request::{Event, Request, SeqId, WhenFull},
    sample::Sampler,
    scheduler::{Limits, Scheduler, Slot, Stats},
    sequence::{Pieces, Sequence},
};

/// A loaded model with its sequences.
pub struct Engine {
    pub(crate) runner: Runner,
    pub(crate) scheduler: Scheduler,
    pub(crate) batch: Batch,
    info: Info,
    mappings: Vec<Mapping>,
    tokenizer: Option<Tokenizer>,
    /// The logits of a step.
    logits: Vec<f32>,
    /// The most tokens that a step guesses for a sequence.
    lookup: usize,
    /// A smaller model that guesses, too.
    draft: Option<Draft>,
    next_id: u64,
}

impl Engine {
    /// Builds the model of `file` on `backend`, and its tokenizer.
    ///
    /// # Errors
    ///
    /// If the file is no model that is supported, or does not fit.
    pub fn load(
        file: &ModelFile,
        backend: Box<dyn Backend>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let tokenizer = Some(Tokenizer::load(file)?);
        Ok(Self { tokenizer, ..Self::load_ids_only(file, backend, options)? })
    }

    /// Builds the model of `file` on `backend` without its tokenizer, for work on token ids: the
    /// text of each event is empty.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_ids_only(
        file: &ModelFile,
        mut backend: Box<dyn Backend>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let config = arch::config(file)?;
        let sizes = options.sizes(&config, backend.info().cache)?;
        let model = arch::load_with(file, backend.as_mut(), config, &sizes.layout)?;
        let runner = Runner::new(&model, backend, sizes.max)?;
        let logits = (runner.device().to_owned(), runner.vocab());
        let info = Info::new(file, &model, &sizes, options, (logits, runner.scratch()));
        tracing::debug!(
            architecture = info.architecture,
            device = info.device,
            context = info.context,
            weight_bytes = info.weight_bytes,
            cache_bytes = info.cache_bytes,
            scratch_bytes = info.scratch_bytes,
            "model loaded"
        );
        let blocks = Blocks::new(&sizes.layout);
        let limits = Limits {
            context: sizes.context,
            max_seqs: options.max_seqs,
            chunk: options.chunk.min(sizes.context),
            ahead: options.lookup,
            order: options.order,
            rope_sets: model.config.rope_sets,
        };
        Ok(Self {
            scheduler: Scheduler::new(blocks, limits),
            batch: Batch::default(),
            logits: Vec::with_capacity(options.max_seqs * (options.lookup + 1) * info.vocab),
            mappings: file.mappings.clone(),
            next_id: 0,
            lookup: options.lookup,
            draft: None,
            tokenizer: None,
            runner,
            info,
        })
    }

    /// An empty backend for a second engine, which computes with the same threads or units as this
    /// one does: see [`Backend::beside`].
    pub fn backend_beside(&self) -> Box<dyn Backend> {
        self.runner.beside()
    }

    /// From here on `draft` guesses, for requests that ask for it, what comes next. It reads each of
    /// their prompts, too; beyond its own context, and after a token that it does not know, it guesses
    /// nothing. Where both engines were loaded with a tokenizer, the texts of their tokens are
    /// compared, else how many there are; one may have up to 128 more. On a backend
    /// [beside](Self::backend_beside) this engine's it takes no threads of its own.
    ///
    /// # Errors
    ///
    /// If the ids of one do not mean what those of the other mean.
    ///
    /// # Panics
    ///
    /// If it was made for fewer sequences at a time, or for fewer tokens of
    /// [`Options::lookup`].
    pub fn draft_with(&mut self, draft: Self) -> Result<(), DraftError> {
        assert!(
            draft.info.max_seqs >= self.info.max_seqs,
            "the draft has room for fewer sequences"
        );
        assert!(draft.lookup >= self.lookup, "the draft has room for fewer guesses");
        self.draft = Some(Draft::new(draft, self)?);
        Ok(())
    }

    /// What the draft is and takes, if there is one.
    pub fn draft(&self) -> Option<&Info> {
        self.draft.as_ref().map(Draft::info)
    }

    /// The tokenizer, if the engine was loaded with one.
    pub(crate) fn known_tokens(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// The model's tokenizer.
    ///
    /// # Panics
    ///
    /// If the engine was loaded for ids only.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.tokenizer.as_ref().expect("an engine that is asked for text was loaded with `load`")
    }

    /// What it is and what it takes.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Tokens a sequence may have.
    pub fn context(&self) -> usize {
        self.info.context
    }

    /// What it has done, and what its cache holds.
    pub fn stats(&self) -> Stats {
        self.scheduler.stats()
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Takes a request. It begins with the next step, or when a sequence before it ends.
    ///
    /// # Errors
    ///
    /// If the prompt is empty, too long or not of this vocabulary, or a setting is out of range.
    pub fn submit(&mut self, request: Request) -> Result<SeqId, Error> {
        self.check_prompt(&request.tokens)?;
        self.check_shift(&request.when_full)?;
        let pieces = Pieces(self.tokenizer.as_ref());
        let sampler = Sampler::new(&request.sampling, self.info.vocab)?;
        let id = SeqId(self.next_id);
        self.next_id += 1;
        let most = if self.draft.is_some() { self.lookup } else { 0 };
        let (lookup, draft) = (request.lookup.min(self.lookup), request.draft.min(most));
        let request = Request { lookup, draft, ..request };
        self.scheduler.enqueue(Sequence::new(id, request, sampler, pieces));
        Ok(id)
    }

    /// Runs each sequence a little further: decoding ones by a token and by those that were guessed
    /// rightly, prompts by a chunk.
    ///
    /// A sequence that cannot go on has an [`EventKind::Failed`](crate::EventKind::Failed) as its
    /// last. If nothing could be computed, since the device failed or the model file was lost, each
    /// sequence that took part has one; those that wait go on, and the engine can be used again.
    ///
    /// # Errors
    ///
    /// None yet: whatever fails belongs to sequences, and an error in place of the events would
    /// lose those of others.
    pub fn step(&mut self) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        self.scheduler.begin(self.draft.as_mut(), &mut events);
        self.scheduler.fill(&mut self.batch, &mut events);
        let faults = self.run().map(|()| self.faults());
        self.scheduler.take_back(&mut self.batch);
        match faults {
            Ok(faults) => self.advance(faults, &mut events),
            Err(error) => self.scheduler.fail_batch(&error, &mut events),
        }
        self.scheduler.sweep();
        self.let_go();
        Ok(events)
    }

    /// Ends a sequence and frees its blocks. Gives its last events: none if there is no such
    /// sequence any more.
    pub fn cancel(&mut self, seq: SeqId) -> Vec<Event> {
        let events = self.scheduler.cancel(seq);
        self.let_go();
        events
    }

    /// Lets the draft forget the sequences that have ended.
    fn let_go(&mut self) {
        if let Some(draft) = &mut self.draft {
            draft.keep_only(|seq| self.scheduler.is_live(seq));
        }
    }

    /// Runs the batch; its logits are in `self.logits` then.
    fn run(&mut self) -> Result<(), Error> {
        self.logits.clear();
        if self.batch.tokens.is_empty() {
            return Ok(());
        }
        tracing::trace!(tokens = self.batch.tokens.len(), rows = self.batch.out.len(), "step");
        let logits = &mut self.logits;
        self.runner.step(&self.batch, &mut |rows| logits.extend_from_slice(rows))?;
        self.check_intact()
    }

    /// An error if the model file changed: what was computed since may be nonsense.
    pub(crate) fn check_intact(&self) -> Result<(), Error> {
        let changed = self.mappings.iter().find_map(|it| it.check().err());
        changed.map_or(Ok(()), |error| Err(Error::File(error.to_string())))
    }

    /// The sequences of the batch whose logits are not finite, with the reason.
    fn faults(&mut self) -> Vec<(usize, Error)> {
        let (runner, vocab) = (&mut self.runner, self.info.vocab);
        let slots = self.scheduler.slots.iter().enumerate();
        let bad = slots.filter(|(_, slot)| {
            let row = slot.outputs.clone().next();
            let row = row.map_or(&[][..], |i| &self.logits[i * vocab..][..vocab]);
            // Some at a time, which is vectors: there may be very many.
            row.chunks(64).any(|some| some.iter().fold(false, |bad, it| bad | !it.is_finite()))
        });
        bad.map(|(i, _)| (i, runner.diagnose(&self.batch, i as u32))).collect()
    }

    fn advance(&mut self, mut faults: Vec<(usize, Error)>, events: &mut Vec<Event>) {
        let (vocab, pieces) = (self.info.vocab, Pieces(self.tokenizer.as_ref()));
        for i in 0..self.scheduler.slots.len() {
            let slot: Slot = self.scheduler.slots[i].clone();
            if let Some(at) = faults.iter().position(|(bad, _)| *bad == i) {
                self.scheduler.fail(&slot, faults.swap_remove(at).1, events);
                continue;
            }
            let rows = slot.outputs.start * vocab..slot.outputs.end * vocab;
            let logits = self.logits[rows].chunks_exact_mut(vocab);
            self.scheduler.advance(&slot, logits, pieces, events);
        }
    }

    pub(crate) fn check_prompt(&self, tokens: &[u32]) -> Result<(), Error> {
        let Info { vocab, context, .. } = self.info;
        if tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if tokens.len() > context {
            return Err(Error::PromptTooLong { prompt: tokens.len(), context });
        }
        let foreign = tokens.iter().find(|&&id| id as usize >= vocab);
        foreign.map_or(Ok(()), |&id| Err(Error::Token { id, vocab }))
    }

    fn check_shift(&self, when_full: &WhenFull) -> Result<(), Error> {
        let context = self.context();
        match when_full {
            WhenFull::Shift { keep, .. } if *keep >= context => {
                Err(Error::Keep { keep: *keep, context })
            }
            _ => Ok(()),
        }
    }
}
