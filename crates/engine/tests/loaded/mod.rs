//! A model on a backend with its plan, and batches to run through it.

use engine::{Pages, arch};
use kernels::{Backend, Batch, CacheFormat, Plan, PlanId, Shape, Table, Tensor};
use loader::ModelFile;

const PAGES: Pages = Pages { blocks: 16, block_len: 4, format: CacheFormat::F32 };
const MAX: Shape = Shape { rows: 16, seqs: 4, outputs: 4, len: 16 };

/// The tiny model, on a backend, with its plan.
pub(crate) struct Loaded<B> {
    backend: B,
    plan: PlanId,
    logits: Tensor,
}

impl<B: Backend> Loaded<B> {
    pub(crate) fn new(file: &ModelFile, backend: B) -> Self {
        Self::with(file, backend, |plan| plan)
    }

    /// The same with another plan in place of the model's.
    pub(crate) fn with(
        file: &ModelFile,
        mut backend: B,
        change: impl FnOnce(Plan) -> Plan,
    ) -> Self {
        let loaded = arch::load(file, &mut backend, PAGES).expect("the tiny model is complete");
        let mut plan = Plan::new();
        let logits = loaded.model.forward(&mut plan);
        plan.port(logits);
        let plan = backend.load(&change(plan), MAX).expect("memory for the tiny model");
        Self { backend, plan, logits }
    }

    /// The logits of the rows in `batch.out`.
    pub(crate) fn run(&mut self, batch: &Batch) -> Vec<f32> {
        let mut logits = Vec::with_capacity(MAX.outputs * self.logits.cols);
        self.run_into(batch, &mut logits);
        logits
    }

    pub(crate) fn run_into(&mut self, batch: &Batch, logits: &mut Vec<f32>) {
        logits.clear();
        self.backend.run(self.plan, batch).expect("a sound batch");
        let see = &mut |rows: &[f32]| logits.extend_from_slice(rows);
        self.backend.read(self.plan, self.logits, see).expect("the run succeeded");
    }
}

/// Sequence `s` gets `tokens` after `past` others; its last row goes to the head.
pub(crate) fn push(batch: &mut Batch, s: u32, past: u32, tokens: &[u32]) {
    batch.push(past, tokens, Table(vec![vec![12 + s, s, 8 + s, 4 + s]]));
    batch.out.push(batch.tokens.len() as u32 - 1);
}

/// Only sequence `s`.
pub(crate) fn one(s: u32, past: u32, tokens: &[u32]) -> Batch {
    let mut batch = Batch::default();
    push(&mut batch, s, past, tokens);
    batch
}
