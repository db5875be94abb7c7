//! The rows of a family's sequences in steps of our own making, since an engine shows no logits of its
//! steps: beside other sequences, and with guesses after them that are given back.

use std::ops::Range;

use engine::{
    Pages, Runner,
    arch::{self, RopeSets},
};
use kernels::{Batch, CacheFormat, NONE, Shape, Table};
use loader::ModelFile;

use crate::data::Device;

/// Places of the longest sequence: the longer prompt and its greedy text.
const LEN: usize = 72;
const N_SEQS: usize = 3;
/// Fewer than a window has, so that guesses often begin a block.
const BLOCK_LEN: usize = 8;
const BLOCKS: usize = LEN / BLOCK_LEN;
/// The most rows of a prompt a step.
const CHUNK: usize = 20;
/// Of a model's own tokens, after its prompt.
const STEPS: usize = 8;

/// A prompt with what follows it, and the logits after each of its tokens, computed alone.
pub(crate) struct Sequence {
    pub(crate) tokens: Vec<u32>,
    pub(crate) n_prompt: usize,
    pub(crate) alone: Vec<f32>,
}

/// Rows of a sequence, and guesses after them.
struct Piece<'a> {
    seq: usize,
    rows: Range<usize>,
    tokens: &'a [u32],
    guesses: Vec<u32>,
}

/// A model on a device, with places for a few sequences.
pub(crate) struct Steps {
    runner: Runner,
    sets: RopeSets,
}

impl Steps {
    pub(crate) fn new(file: &ModelFile, device: Device) -> Self {
        let pages =
            Pages { blocks: N_SEQS * BLOCKS, block_len: BLOCK_LEN, format: CacheFormat::F32 };
        let mut backend = device.make();
        let loaded = arch::load(file, backend.as_mut(), pages).expect("it was loaded before");
        let rows = N_SEQS * LEN;
        let max = Shape { rows, seqs: N_SEQS, outputs: rows, len: LEN };
        let runner = Runner::new(&loaded, backend, max).expect("memory for it");
        Self { runner, sets: loaded.config.rope_sets }
    }

    /// Sequences beside one another, of which one begins later and one has a longer prompt than a
    /// step takes, give what each gives alone.
    pub(crate) fn check_together(&mut self, all: &[Sequence; N_SEQS], place: &str) {
        let mut done = [0; N_SEQS];
        for step in 0..STEPS {
            let n_seqs = if step == 0 { N_SEQS - 1 } else { N_SEQS };
            let piece = |seq: usize| {
                let it = &all[seq];
                let rows = it.n_prompt.saturating_sub(done[seq]).clamp(1, CHUNK);
                let rows = done[seq]..done[seq] + rows;
                Piece { seq, rows, tokens: &it.tokens, guesses: vec![] }
            };
            let pieces: Vec<_> = (0..n_seqs).map(piece).collect();
            pieces.iter().for_each(|it| done[it.seq] = it.rows.end);
            self.check(&pieces, all, &format!("{place}: together, step {step}"));
        }
    }

    /// Guesses that are wrong, after one right row and after two, leave no trace.
    pub(crate) fn check_given_back(&mut self, all: &[Sequence; N_SEQS], place: &str) {
        let vocab = self.runner.vocab() as u32;
        for (seq, it) in all.iter().enumerate() {
            let tokens = &it.tokens;
            let mut rows = 0..it.n_prompt;
            for step in 0..STEPS {
                let n = 1 + step % 3;
                let wrong = |i: usize| (tokens[rows.end + i] + 1) % vocab;
                let guesses = (0..n).map(wrong).collect();
                let piece = Piece { seq, rows: rows.clone(), tokens, guesses };
                self.check(&[piece], all, &format!("{place}: {n} rows given back, step {step}"));
                rows = rows.end..rows.end + 1 + step % 2;
            }
        }
    }

    /// The right rows of these pieces have the logits that they have alone.
    fn check(&mut self, pieces: &[Piece<'_>], all: &[Sequence; N_SEQS], place: &str) {
        let vocab = self.runner.vocab();
        let rows = |it: &Piece<'_>| it.rows.start * vocab..it.rows.end * vocab;
        let want = pieces.iter().flat_map(|it| &all[it.seq].alone[rows(it)]);
        assert!(self.run(pieces).iter().eq(want), "{place}: other logits than alone");
    }

    /// The logits of the right rows.
    fn run(&mut self, pieces: &[Piece<'_>]) -> Vec<f32> {
        let mut batch = Batch::default();
        let mut is_right = Vec::new();
        for piece in pieces {
            self.push(&mut batch, piece);
            is_right.resize(is_right.len() + piece.rows.len(), true);
            is_right.resize(is_right.len() + piece.guesses.len(), false);
        }
        batch.out = (0..batch.tokens.len() as u32).collect();
        let (mut logits, vocab) = (Vec::new(), self.runner.vocab());
        let see = &mut |rows: &[f32]| {
            let rows = rows.chunks_exact(vocab).zip(&is_right).filter(|it| *it.1);
            rows.for_each(|(row, _)| logits.extend_from_slice(row));
        };
        self.runner.step(&batch, see).expect("a sound batch");
        logits
    }

    fn push(&self, batch: &mut Batch, piece: &Piece<'_>) {
        let (seq, rows) = (piece.seq as u32, &piece.rows);
        let blocks: Vec<u32> = (0..BLOCKS as u32).map(|i| i * N_SEQS as u32 + seq).collect();
        let first = batch.tokens.len();
        let tokens = [&piece.tokens[rows.clone()], &piece.guesses].concat();
        batch.push(rows.start as u32, &tokens, Table(vec![blocks.clone(), blocks]));
        batch.turn_by(self.sets.of(piece.tokens.len()));
        // No step takes a multiple of so many rows: the state that it goes on from stays as it is.
        let slot = |len: usize| (piece.seq * BLOCKS + len % BLOCKS) as u32;
        let from = if rows.start == 0 { NONE } else { slot(rows.start) };
        *batch.from.last_mut().expect("it was pushed") = from;
        batch.keep[first + rows.len() - 1] = slot(rows.end);
    }
}
