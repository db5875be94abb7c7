//! Runs one model in all ways and compares.
//!
//! What one backend computes in two ways is compared bit for bit: a row's sums depend on that row
//! alone. Two backends agree up to the rounding of `f32`.

use std::ops::Range;

use engine::{
    Engine, EventKind, Options, Pages, Request,
    arch::{self, RopeSets},
    sample::Sampling,
};
use fastrand::Rng;
use kernels::{
    Backend, Batch, CacheFormat, NONE, Plan, PlanId, Shape, Table, Tensor,
    cpu::{Config, Cpu, Isa, Precision},
    reference::Reference,
};
use loader::ModelFile;

/// How far logits may be from the reference's, in units of the largest. Sums of a few hundred
/// products in `f32` are off by some 1e-6, and five layers add that up; softmax and norms of small
/// numbers make up to ten times more of it. A wrong place, head or factor moves logits by far more.
const BOUND: f32 = 1e-4;

/// Tokens of the longest prompt.
const LEN: usize = 16;
const MAX: Shape = Shape { rows: 2 * LEN, seqs: 3, outputs: 2 * LEN, len: LEN };
/// Few tokens a block, so that a prompt has several.
const PAGES: Pages = Pages { blocks: 12, block_len: 4, format: CacheFormat::F32 };

/// Three prompts, whole on all backends, and on the CPU in every other way.
pub(crate) fn check(file: &ModelFile, rng: &mut Rng) {
    let config = arch::config(file).expect("it was loaded before");
    let mut prompt = |n: usize| (0..n).map(|_| rng.u32(..config.vocab as u32)).collect::<Vec<_>>();
    let prompts = [LEN, 11, 5].map(&mut prompt);
    let sets = config.rope_sets;
    let reference = &mut Device::new(file, Box::new(Reference::default()), sets);
    let want = [0, 1].map(|s| reference.whole(s, &prompts[s]));
    for &isa in Isa::ALL.iter().filter(|it| it.is_available()) {
        let device = &mut Device::new(file, cpu(isa), sets);
        let whole = [0, 1, 2].map(|s| device.whole(s, &prompts[s]));
        for (got, want) in whole.iter().zip(&want) {
            check_near(got, want, isa);
        }
        device.check_one_by_one(&prompts[0], &whole[0]);
        device.check_chunks(&prompts[1], &whole[1], rng);
        device.check_together(&prompts, &whole);
        if isa == Isa::best() {
            check_engine(file, &prompts, &whole);
        }
    }
}

fn cpu(isa: Isa) -> Box<dyn Backend> {
    let config = Config { isa, precision: Precision::Exact, threads: 1, ..Config::detect() };
    Box::new(Cpu::new(config).expect("it is available"))
}

fn check_near(got: &[f32], want: &[f32], isa: Isa) {
    assert_eq!(got.len(), want.len());
    assert!(want.iter().chain(got).all(|it| it.is_finite()), "{isa}: logits are not finite");
    let size = want.iter().fold(0.0, |max: f32, it| max.max(it.abs()));
    let off = got.iter().zip(want).fold(0.0, |max: f32, (g, w)| max.max((g - w).abs()));
    assert!(size > 0.0, "{isa}: all logits are 0");
    assert!(off <= BOUND * size, "{isa}: logits of up to {size:e} are off by {off:e}");
}

/// A model on a backend.
struct Device {
    backend: Box<dyn Backend>,
    plan: PlanId,
    logits: Tensor,
    sets: RopeSets,
}

/// Some tokens of a sequence: its number, and the range of its tokens.
type Piece<'a> = (usize, Range<usize>, &'a [u32]);

impl Device {
    fn new(file: &ModelFile, mut backend: Box<dyn Backend>, sets: RopeSets) -> Self {
        let loaded = arch::load(file, backend.as_mut(), PAGES).expect("it was loaded before");
        let mut plan = Plan::new();
        let logits = loaded.model.forward(&mut plan);
        plan.port(logits);
        let plan = backend.load(&plan, MAX).expect("memory for it");
        Self { backend, plan, logits, sets }
    }

    /// The logits of all rows of these pieces, run together with some padding.
    fn run(&mut self, pieces: &[Piece<'_>], padding: usize) -> Vec<f32> {
        let mut batch = Batch::default();
        for (s, range, tokens) in pieces {
            self.push(&mut batch, *s, range.clone(), tokens);
        }
        batch.out = (0..batch.tokens.len() as u32).collect();
        (0..padding).for_each(|_| batch.pad());
        let mut logits = Vec::new();
        let see = &mut |rows: &[f32]| logits.extend_from_slice(rows);
        self.backend.run(self.plan, &batch).expect("a sound batch");
        self.backend.read(self.plan, self.logits, see).expect("the run succeeded");
        logits
    }

    fn push(&self, batch: &mut Batch, s: usize, range: Range<usize>, tokens: &[u32]) {
        // The blocks of a sequence are apart, and not in order; layers with a window have others.
        let s = s as u32;
        let table = vec![vec![9 + s, s, 6 + s, 3 + s], vec![s, 9 + s, 3 + s, 6 + s]];
        batch.push(range.start as u32, &tokens[range.clone()], Table(table));
        batch.turn_by(self.sets.of(tokens.len()));
        // A sequence's states after an even and after an odd number of tokens.
        let slot = |n: usize| 2 * s + n as u32 % 2;
        *batch.from.last_mut().expect("it was pushed") =
            if range.start == 0 { NONE } else { slot(range.start) };
        *batch.keep.last_mut().expect("it has a row") = slot(range.end);
    }

    fn whole(&mut self, s: usize, tokens: &[u32]) -> Vec<f32> {
        self.run(&[(s, 0..tokens.len(), tokens)], 0)
    }

    fn check_one_by_one(&mut self, tokens: &[u32], whole: &[f32]) {
        let rows = (0..tokens.len()).flat_map(|i| self.run(&[(1, i..i + 1, tokens)], 0));
        assert!(rows.collect::<Vec<_>>() == whole, "one by one");
    }

    fn check_chunks(&mut self, tokens: &[u32], whole: &[f32], rng: &mut Rng) {
        let cut = rng.usize(1..tokens.len());
        let mut rows = self.run(&[(2, 0..cut, tokens)], 0);
        rows.extend(self.run(&[(2, cut..tokens.len(), tokens)], 0));
        assert!(rows == whole, "in chunks, cut at {cut}");
    }

    /// One sequence decodes, one goes on with its prompt, one begins.
    fn check_together(&mut self, prompts: &[Vec<u32>; 3], whole: &[Vec<f32>; 3]) {
        let [a, b, c] = prompts;
        let (last, middle) = (a.len() - 1, b.len() / 2);
        self.run(&[(0, 0..last, a), (1, 0..middle, b)], 0);
        let pieces: [Piece<'_>; 3] =
            [(0, last..a.len(), a), (1, middle..b.len(), b), (2, 0..c.len(), c)];
        let vocab = self.logits.cols;
        let want = pieces.iter().flat_map(|(s, range, _)| &whole[*s][range.start * vocab..]);
        let rows = self.run(&pieces, 3);
        assert!(rows.iter().eq(want), "beside others");
    }
}

/// An engine computes the same, whatever it decides about caches, slots, chunks and sets.
fn check_engine(file: &ModelFile, prompts: &[Vec<u32>; 3], whole: &[Vec<f32>; 3]) {
    let options = Options { ctx_size: Some(2 * LEN), max_seqs: 3, chunk: 5, ..Options::default() };
    let mut engine =
        Engine::load_ids_only(file, cpu(Isa::best()), &options).expect("it was loaded before");
    for (tokens, whole) in prompts.iter().zip(whole) {
        let mut rows = Vec::new();
        engine.logits(tokens, |_, row| rows.extend_from_slice(row)).expect("finite logits");
        assert!(rows == *whole, "in an engine");
    }
    let alone = prompts.each_ref().map(|it| engine.greedy(it, 6).expect("finite logits"));
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    let request = |tokens: &Vec<u32>| {
        let request = Request::new(tokens.clone(), sampling.clone());
        Request { max_new: Some(6), ..request }
    };
    let seqs = prompts.each_ref().map(|it| engine.submit(request(it)).expect("a sound request"));
    let mut answers = [(); 3].map(|()| Vec::new());
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            let s = seqs.iter().position(|it| *it == event.seq).expect("one of them");
            match event.kind {
                EventKind::Token { id, .. } => answers[s].push(id),
                EventKind::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }
    assert_eq!(answers, alone, "answers of an engine");
}
