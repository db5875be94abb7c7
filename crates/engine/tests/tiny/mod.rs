//! A tiny made-up model, and one that is loaded: what the tests of this crate run.

use std::collections::BTreeMap;

use engine::{Pages, arch};
use kernels::{Backend, Batch, Bytes, Format, Plan, PlanId, Shape, Table, Tensor};
use loader::{Container, FileTensor, Metadata, ModelFile, QkOrder, Value};

const DIM: usize = 64;
const HIDDEN: usize = 96;
const VOCAB: usize = 32;
const PAGES: Pages = Pages { blocks: 16, block_len: 4 };
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
        let model = arch::load(file, &mut backend, PAGES).expect("the tiny model is complete");
        let mut plan = Plan::new();
        let logits = model.forward(&mut plan);
        plan.port(logits);
        let plan = backend.load(&change(plan), MAX).expect("memory for the tiny model");
        Self { backend, plan, logits }
    }

    /// The logits of the rows in `batch.out`.
    pub(crate) fn run(&mut self, batch: &Batch) -> Vec<f32> {
        let mut logits = Vec::with_capacity(MAX.outputs * VOCAB);
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

pub(crate) fn tiny(architecture: &str) -> ModelFile {
    let mut file = ModelFile {
        path: "tiny".into(),
        container: Container::Gguf { version: 3 },
        metadata: Metadata::default(),
        tensors: BTreeMap::new(),
        qk_order: QkOrder::Interleaved,
        tokenizer_json: None,
        mappings: Vec::new(),
    };
    let name = Value::String(architecture.to_owned());
    file.metadata.insert("general.architecture", name);
    for (key, value) in [
        ("embedding_length", DIM as f64),
        ("feed_forward_length", HIDDEN as f64),
        ("vocab_size", VOCAB as f64),
        ("block_count", 2.0),
        ("attention.head_count", 4.0),
        ("attention.head_count_kv", 2.0),
        ("attention.layer_norm_rms_epsilon", 1e-5),
        ("rope.freq_base", 10000.0),
    ] {
        file.metadata.insert(format!("{architecture}.{key}"), Value::F64(value));
    }
    let mut seed = 7;
    let mut put = |name: &str, format, shape| {
        let tensor = random(&mut seed, format, shape);
        file.tensors.insert(name.to_owned(), tensor);
    };
    put("token_embd.weight", Format::F32, [VOCAB, DIM]);
    put("output_norm.weight", Format::F32, [1, DIM]);
    for layer in 0..2 {
        let mut put =
            |name: &str, format, shape| put(&format!("blk.{layer}.{name}"), format, shape);
        put("attn_norm.weight", Format::F32, [1, DIM]);
        put("attn_q.weight", Format::Q4_0, [DIM, DIM]);
        put("attn_k.weight", if layer == 0 { Format::Q8_0 } else { Format::Q4_0 }, [DIM / 2, DIM]);
        put("attn_k.bias", Format::F32, [1, DIM / 2]);
        put("attn_v.weight", Format::Q4_0, [DIM / 2, DIM]);
        put("attn_output.weight", Format::Q4_0, [DIM, DIM]);
        put("ffn_norm.weight", Format::F32, [1, DIM]);
        put("ffn_gate.weight", Format::Q4_0, [HIDDEN, DIM]);
        put("ffn_up.weight", Format::Q4_0, [HIDDEN, DIM]);
        put("ffn_down.weight", Format::Q8_0, [DIM, HIDDEN]);
        if architecture == "qwen3" {
            put("attn_q_norm.weight", Format::F32, [1, DIM / 4]);
            put("attn_k_norm.weight", Format::F32, [1, DIM / 4]);
        }
    }
    file
}

fn random(seed: &mut u64, format: Format, shape: [usize; 2]) -> FileTensor {
    let mut number = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let numbers: Vec<f32> = (0..shape[0] * shape[1]).map(|_| number()).collect();
    let parts = vec![Bytes::new(format.encode(&numbers))];
    FileTensor { format, shape: shape.to_vec(), parts }
}
