//! Which sequences run in the next step, and with which rows.
//!
//! Decoding sequences come first, in every step; prompts fill up what the budget leaves, in the order
//! in which they came. So a long prompt never halts an answer, unless [`Order::PromptsFirst`] asks for
//! that. A decoding sequence has one row of its own, and after it those of the guesses at its next
//! tokens; what turns out wrong is overwritten in the cache by what comes in its place. A state cannot
//! be overwritten in part: there, that after a sequence's own rows is kept, and what was guessed rightly
//! is computed again in the next step, beside what follows it, so that a sequence of a recurrent model
//! may have up to 16 rows of its own.

use std::{collections::VecDeque, ops::Range};

use kernels::Batch;

use crate::{
    Error,
    arch::RopeSets,
    cache::Blocks,
    draft::Draft,
    options::Order,
    request::{Event, EventKind, Finish, SeqId},
    sequence::{Ended, Phase, Pieces, Sequence},
};

/// All sequences of an engine and the blocks of their cache.
pub(crate) struct Scheduler {
    pub(crate) blocks: Blocks,
    pub(crate) stats: Stats,
    pub(crate) slots: Vec<Slot>,
    live: Vec<Sequence>,
    waiting: VecDeque<Sequence>,
    pub(crate) limits: Limits,
}

/// What a scheduler keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Tokens a sequence may have.
    pub(crate) context: usize,
    /// Sequences a step.
    pub(crate) max_seqs: usize,
    /// Rows of prompts a step.
    pub(crate) chunk: usize,
    /// Rows of a decoding sequence a step, besides one.
    pub(crate) ahead: usize,
    /// Who waits for whom.
    pub(crate) order: Order,
    /// The sets of rotary frequencies.
    pub(crate) rope_sets: RopeSets,
}

impl Limits {
    /// The set of rotary frequencies that a sequence of `len` tokens begins with.
    pub(crate) fn rope_set(&self, len: usize) -> u32 {
        self.rope_sets.of(len)
    }

    /// How much longer a sequence of `len` tokens may become in one step.
    pub(crate) fn room(&self, len: usize) -> usize {
        let end = match self.rope_sets {
            RopeSets::Two { short } if len <= short => short.min(self.context),
            _ => self.context,
        };
        end.saturating_sub(len)
    }
}

/// What an engine has done, and what its cache holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps.
    pub steps: u64,
    /// Rows of prompts that were computed.
    pub prefilled: u64,
    /// Tokens of prompts that were found in the cache.
    pub reused: u64,
    /// Tokens that were chosen.
    pub generated: u64,
    /// Blocks, and slots of states, that sequences use.
    pub blocks_in_use: usize,
    /// Blocks and slots that nobody uses and that hold what a later sequence may begin with.
    pub blocks_retained: usize,
    /// All blocks and slots.
    pub blocks: usize,
}

/// A sequence of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    live: usize,
    /// Of its own tokens, without the guesses.
    rows: usize,
    /// Its rows of logits: of the last token and of each guess.
    pub(crate) outputs: Range<usize>,
}

impl Scheduler {
    pub(crate) fn new(blocks: Blocks, limits: Limits) -> Self {
        Self {
            blocks,
            stats: Stats::default(),
            slots: Vec::with_capacity(limits.max_seqs),
            live: Vec::with_capacity(limits.max_seqs),
            waiting: VecDeque::new(),
            limits,
        }
    }

    pub(crate) fn enqueue(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.live.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            blocks_in_use: self.blocks.in_use(),
            blocks_retained: self.blocks.retained(),
            blocks: self.blocks.n_blocks(),
            ..self.stats
        }
    }

    /// Lets sequences in, as many as there may be at a time, and those whose turn it is guess what
    /// follows them. One whose draft fails cannot go on.
    pub(crate) fn begin(&mut self, mut draft: Option<&mut Draft>, events: &mut Vec<Event>) {
        self.admit();
        let turn = self.turn();
        for sequence in self.live.iter_mut().filter(|it| turn.contains(&it.phase)) {
            let room = (self.limits.ahead + 1).saturating_sub(sequence.pending().len());
            let room = room.min(self.limits.room(sequence.tokens.len()));
            if let Err(error) = sequence.guess(room, draft.as_deref_mut()) {
                sequence.ended = Some(Ended::Failed);
                events.push(Event { seq: sequence.id, kind: EventKind::Failed(error) });
            }
        }
        self.sweep();
    }

    /// The phases of the sequences that take part in the next step; those of the first come first.
    fn turn(&self) -> &'static [Phase] {
        let reads = self.live.iter().any(|it| it.phase == Phase::Prefill);
        match self.limits.order {
            Order::PromptsFirst if reads => &[Phase::Prefill],
            Order::PromptsFirst | Order::AnswersFirst => &[Phase::Decode, Phase::Prefill],
        }
    }

    /// Whether this sequence takes part in steps.
    pub(crate) fn is_live(&self, id: SeqId) -> bool {
        self.live.iter().any(|it| it.id == id)
    }

    /// Puts the next step's rows into `batch`, with the tables of their sequences.
    pub(crate) fn fill(&mut self, batch: &mut Batch, events: &mut Vec<Event>) {
        clear(batch);
        self.slots.clear();
        let mut budget = self.limits.chunk;
        for &phase in self.turn() {
            for i in 0..self.live.len() {
                if self.live[i].phase == phase {
                    let rows = if phase == Phase::Decode { usize::MAX } else { budget };
                    let rows = rows.min(self.live[i].pending().len());
                    let fits = rows > 0 && self.push(i, rows, batch, events);
                    budget -= if fits && phase == Phase::Prefill { rows } else { 0 };
                }
            }
        }
        self.stats.steps += u64::from(!self.slots.is_empty());
    }

    /// Returns the tables to their sequences.
    pub(crate) fn take_back(&mut self, batch: &mut Batch) {
        for (slot, table) in self.slots.iter().zip(&mut batch.tables) {
            self.live[slot.live].lease.table = std::mem::take(table);
        }
    }

    /// Notes that the rows of `slot` are in the cache; chooses a token for each of its rows of
    /// `logits` that it comes to.
    pub(crate) fn advance<'a>(
        &mut self,
        slot: &Slot,
        logits: impl ExactSizeIterator<Item = &'a mut [f32]>,
        pieces: Pieces<'_>,
        events: &mut Vec<Event>,
    ) {
        let sequence = &mut self.live[slot.live];
        let seq = sequence.id;
        let say = &mut |kind| events.push(Event { seq, kind });
        sequence.cached += slot.rows;
        if sequence.phase == Phase::Prefill {
            sequence.usage.prefilled += slot.rows;
            self.stats.prefilled += slot.rows as u64;
            say(EventKind::Prefilled { done: sequence.cached, total: sequence.tokens.len() });
        }
        let has_logits = logits.len() > 0;
        if has_logits && sequence.phase == Phase::Prefill {
            sequence.phase = Phase::Decode;
            self.blocks.publish(&mut sequence.lease, &sequence.tokens);
        }
        let (before, own) = (sequence.usage.generated, sequence.cached);
        sequence.choose_all(logits, pieces, say);
        if self.blocks.has_slots() {
            // The state that is kept is that after its own rows.
            sequence.cached = own;
        }
        self.stats.generated += (sequence.usage.generated - before) as u64;
        self.blocks.trim(&mut sequence.lease, sequence.cached);
        if !has_logits {
            return;
        }
        if sequence.ended.is_some() {
            return;
        }
        let len = sequence.tokens.len();
        if len > self.limits.context {
            self.make_room(slot.live, events);
        } else if self.limits.rope_sets.has_outgrown(sequence.lease.rope_set(), len) {
            let cached = sequence.tokens[..sequence.cached].to_vec();
            self.begin_again(slot.live, &cached);
        }
    }

    /// The sequence of `slot` cannot go on.
    pub(crate) fn fail(&mut self, slot: &Slot, error: Error, events: &mut Vec<Event>) {
        let sequence = &mut self.live[slot.live];
        sequence.ended = Some(Ended::Failed);
        events.push(Event { seq: sequence.id, kind: EventKind::Failed(error) });
    }

    /// Nothing of the last batch was computed: none of its sequences can go on.
    pub(crate) fn fail_batch(&mut self, error: &Error, events: &mut Vec<Event>) {
        for i in 0..self.slots.len() {
            let slot = self.slots[i].clone();
            self.fail(&slot, error.clone(), events);
        }
    }

    /// Lets go of the sequences that have ended.
    pub(crate) fn sweep(&mut self) {
        for mut sequence in self.live.extract_if(.., |it| it.ended.is_some()) {
            let lease = std::mem::take(&mut sequence.lease);
            match sequence.ended {
                Some(Ended::Kept) => self.blocks.retain(lease, &sequence.tokens[..sequence.cached]),
                _ => self.blocks.release(lease),
            }
        }
    }

    /// Ends a sequence; nothing happens if there is none of that name.
    pub(crate) fn cancel(&mut self, id: SeqId) -> Vec<Event> {
        let mut events = Vec::new();
        let say = &mut |kind| events.push(Event { seq: id, kind });
        if let Some(i) = self.waiting.iter().position(|it| it.id == id)
            && let Some(mut sequence) = self.waiting.remove(i)
        {
            sequence.finish(Finish::Cancelled, say);
        } else if let Some(sequence) = self.live.iter_mut().find(|it| it.id == id) {
            sequence.finish(Finish::Cancelled, say);
            self.sweep();
        }
        events
    }

    fn admit(&mut self) {
        while self.live.len() < self.limits.max_seqs
            && let Some(mut sequence) = self.waiting.pop_front()
        {
            self.open(&mut sequence);
            self.live.push(sequence);
        }
    }

    /// Gives a sequence its first blocks: those that the cache holds for it already.
    fn open(&mut self, sequence: &mut Sequence) {
        let set = self.limits.rope_set(sequence.tokens.len());
        let (lease, reused) = self.blocks.open_for(set, &sequence.tokens);
        (sequence.lease, sequence.cached) = (lease, reused);
        sequence.usage.reused += reused;
        self.stats.reused += reused as u64;
    }

    /// Appends the next `rows` of a sequence; false if it failed.
    fn push(
        &mut self,
        live: usize,
        rows: usize,
        batch: &mut Batch,
        events: &mut Vec<Event>,
    ) -> bool {
        let begin = batch.out.len();
        let slot = Slot { live, rows, outputs: begin..begin };
        let sequence = &mut self.live[live];
        let (len, own) = (sequence.tokens.len(), sequence.cached + rows);
        // The guesses belong to it only as long as this batch is made.
        sequence.tokens.extend_from_slice(&sequence.guesses);
        let ahead = sequence.guesses.len();
        let (past, end) = (sequence.cached, own + ahead);
        let extended = self.blocks.extend_ahead(&mut sequence.lease, own, ahead);
        if extended.is_ok() {
            let tokens = &sequence.tokens[past..end];
            self.blocks.push_ahead(batch, &mut sequence.lease, past, tokens, ahead);
        }
        sequence.tokens.truncate(len);
        if let Err(error) = extended {
            self.fail(&slot, error, events);
            return false;
        }
        let outputs = if own == len { 1 + end - own } else { 0 };
        let rows = batch.tokens.len() - outputs..batch.tokens.len();
        batch.out.extend(rows.map(|row| row as u32));
        self.slots.push(Slot { outputs: begin..begin + outputs, ..slot });
        true
    }

    /// The last token of a sequence has no place in the context.
    fn make_room(&mut self, live: usize, events: &mut Vec<Event>) {
        let sequence = &mut self.live[live];
        let seq = sequence.id;
        let cached = sequence.tokens[..sequence.cached].to_vec();
        let Some(kind) = sequence.shift() else {
            return sequence.finish(Finish::ContextFull, &mut |kind| {
                events.push(Event { seq, kind });
            });
        };
        events.push(Event { seq, kind });
        self.begin_again(live, &cached);
    }

    /// The tokens of a sequence are to be computed anew; its blocks hold those in `cached`.
    fn begin_again(&mut self, live: usize, cached: &[u32]) {
        let sequence = &mut self.live[live];
        let lease = std::mem::take(&mut sequence.lease);
        self.blocks.retain(lease, cached);
        let set = self.limits.rope_set(sequence.tokens.len());
        let (lease, reused) = self.blocks.open_for(set, &sequence.tokens);
        (sequence.lease, sequence.cached) = (lease, reused);
        sequence.phase = Phase::Prefill;
    }
}

/// Empties `batch` and keeps its memory.
pub(crate) fn clear(batch: &mut Batch) {
    let Batch { tokens, seq, at, positions, rope_set, sees, keep, first, len, from, tables, out } =
        batch;
    for column in [tokens, seq, at, positions, rope_set, sees, keep, first, len, from, out] {
        column.clear();
    }
    tables.clear();
}
