//! Every architecture on a tiny made-up model: runs, agrees across backends, caches correctly.
//!
//! What one backend computes two ways is compared bit for bit: a row's sums depend on that row
//! alone. Two backends agree up to rounding.

use engine::arch;
use kernels::{
    Backend, Batch, Plan, PlanId, Tensor,
    cpu::{Config, Cpu, Fuse, Isa, Precision},
    reference::Reference,
};
use loader::{ModelFile, Value};

use crate::{
    batches::{MAX, PAGES, one, push},
    models::tiny,
};

const ARCHITECTURES: &[&str] =
    &["gemma2", "granite", "llama", "phi3", "qwen2", "qwen2moe", "qwen3"];
const PROMPT: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// The tiny model, on a backend, with its plan.
struct Loaded<B> {
    backend: B,
    plan: PlanId,
    logits: Tensor,
}

impl<B: Backend> Loaded<B> {
    fn new(file: &ModelFile, backend: B) -> Self {
        Self::with(file, backend, |plan| plan)
    }

    /// The same with another plan in place of the model's.
    fn with(file: &ModelFile, mut backend: B, change: impl FnOnce(Plan) -> Plan) -> Self {
        let loaded = arch::load(file, &mut backend, PAGES).expect("the tiny model is complete");
        let mut plan = Plan::new();
        let logits = loaded.model.forward(&mut plan);
        plan.port(logits);
        let plan = backend.load(&change(plan), MAX).expect("memory for the tiny model");
        Self { backend, plan, logits }
    }

    /// The logits of the rows in `batch.out`.
    fn run(&mut self, batch: &Batch) -> Vec<f32> {
        let mut logits = Vec::with_capacity(MAX.outputs * self.logits.cols);
        self.run_into(batch, &mut logits);
        logits
    }

    fn run_into(&mut self, batch: &Batch, logits: &mut Vec<f32>) {
        logits.clear();
        self.backend.run(self.plan, batch).expect("a sound batch");
        let see = &mut |rows: &[f32]| logits.extend_from_slice(rows);
        self.backend.read(self.plan, self.logits, see).expect("the run succeeded");
    }
}

/// Calls `check` with each tiny model, with and without a window.
fn each_model(check: impl Fn(&ModelFile, &str)) {
    for name in ARCHITECTURES {
        let mut file = tiny(name);
        check(&file, name);
        file.metadata.insert(format!("{name}.attention.sliding_window"), Value::U32(3));
        check(&file, &format!("{name}, window 3"));
    }
}

fn cpu(file: &ModelFile) -> Loaded<Cpu> {
    Loaded::new(file, Cpu::detect())
}

fn cpu_with(isa: Isa, fuse: Fuse) -> Option<Cpu> {
    Cpu::new(Config { isa, fuse, precision: Precision::Exact, threads: 1 }).ok()
}

/// The last logits after feeding `chunks` of one sequence.
fn chunked(model: &mut Loaded<impl Backend>, s: u32, chunks: &[&[u32]]) -> Vec<f32> {
    let (mut past, mut logits) = (0, Vec::new());
    for tokens in chunks {
        logits = model.run(&one(s, past, tokens));
        past += tokens.len() as u32;
    }
    logits
}

/// The largest distance of two numbers at the same place; infinite once one is no number.
fn max_diff(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "logits");
    let pairs = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    pairs.map(|it| if it.is_nan() { f32::INFINITY } else { it }).fold(0.0, f32::max)
}

#[test]
fn a_difference_that_is_no_number_is_the_largest() {
    assert_eq!(max_diff(&[f32::NAN, 1.0], &[0.0, 0.5]), f32::INFINITY);
}

#[test]
fn backends_agree() {
    each_model(|file, name| {
        let want = chunked(&mut Loaded::new(file, Reference::default()), 0, &[PROMPT]);
        for cpu in Isa::ALL.iter().filter_map(|&isa| cpu_with(isa, Fuse::Known)) {
            let got = chunked(&mut Loaded::new(file, cpu), 0, &[PROMPT]);
            let worst = max_diff(&got, &want);
            assert!(worst < 1e-4, "{name}: logits differ by {worst}");
        }
    });
}

#[test]
fn fused_operations_are_their_meaning() {
    each_model(|file, name| {
        for &isa in Isa::ALL {
            let [Some(fused), Some(plain)] = [Fuse::Known, Fuse::Nothing].map(|f| cpu_with(isa, f))
            else {
                continue;
            };
            // Joined operations have a meaning to expand only in a plan that was fused before.
            let again = cpu_with(isa, Fuse::Nothing).expect("`plain` is one");
            let mut expanded = Loaded::with(file, again, |plan| plan.lower(&fused));
            let want = chunked(&mut Loaded::new(file, plain), 0, &[PROMPT]);
            assert_eq!(chunked(&mut expanded, 0, &[PROMPT]), want, "{name}: expanded");
            let fused = &mut Loaded::new(file, fused);
            assert_eq!(chunked(fused, 0, &[PROMPT]), want, "{name}: fused");
        }
    });
}

#[test]
fn one_token_at_a_time_is_the_same_as_all_at_once() {
    each_model(|file, name| {
        let want = chunked(&mut cpu(file), 0, &[&[1, 2, 3, 4]]);
        assert_eq!(chunked(&mut cpu(file), 0, &[&[1], &[2], &[3], &[4]]), want, "{name}");
    });
}

#[test]
fn a_chunked_prompt_is_the_same_as_a_whole_one() {
    each_model(|file, name| {
        let want = chunked(&mut cpu(file), 1, &[PROMPT]);
        let (a, b) = PROMPT.split_at(5);
        assert_eq!(chunked(&mut cpu(file), 1, &[a, b]), want, "{name}");
    });
}

/// Three sequences: one decodes, one goes on with its prompt, one starts.
fn mixed() -> Batch {
    let mut batch = Batch::default();
    push(&mut batch, 0, 3, &[4]);
    push(&mut batch, 2, 4, &[5, 6, 7]);
    push(&mut batch, 1, 0, &[9, 8]);
    batch
}

/// What [`mixed`] needs in the cache.
fn warm(model: &mut Loaded<impl Backend>) {
    model.run(&one(0, 0, &[1, 2, 3]));
    model.run(&one(2, 0, &[1, 2, 3, 4]));
}

#[test]
fn sequences_in_a_batch_are_the_same_as_alone() {
    each_model(|file, name| {
        let mut batched = cpu(file);
        warm(&mut batched);
        let mut want = chunked(&mut cpu(file), 0, &[&[1, 2, 3], &[4]]);
        want.extend(chunked(&mut cpu(file), 0, &[&[1, 2, 3, 4], &[5, 6, 7]]));
        want.extend(chunked(&mut cpu(file), 0, &[&[9, 8]]));
        assert_eq!(batched.run(&mixed()), want, "{name}");
    });
}

#[test]
fn padding_rows_change_nothing() {
    each_model(|file, name| {
        let (mut model, mut padded) = (cpu(file), cpu(file));
        warm(&mut model);
        warm(&mut padded);
        let mut batch = mixed();
        (0..5).for_each(|_| batch.pad());
        assert_eq!(padded.run(&batch), model.run(&mixed()), "{name}: this step");
        let next = one(1, 2, &[7]);
        assert_eq!(padded.run(&next), model.run(&next), "{name}: the next step");
    });
}

#[test]
fn a_plan_that_ran_is_the_same_as_a_fresh_one() {
    each_model(|file, name| {
        let mut used = cpu(file);
        warm(&mut used);
        used.run(&mixed());
        for batch in [one(3, 0, PROMPT), one(3, 0, &[5]), one(3, 1, &[6, 7])] {
            let mut fresh = cpu(file);
            if batch.at[0] > 0 {
                fresh.run(&one(3, 0, &[5]));
            }
            assert_eq!(used.run(&batch), fresh.run(&batch), "{name}");
        }
    });
}

#[test]
fn a_window_hides_what_is_before_it() {
    let windowed = |window: u32, prompt: &[u32]| {
        let mut file = tiny("llama");
        file.metadata.insert("llama.attention.sliding_window", Value::U32(window));
        chunked(&mut cpu(&file), 0, &[prompt])
    };
    let full = chunked(&mut cpu(&tiny("llama")), 0, &[PROMPT]);
    assert_eq!(windowed(11, PROMPT), full);
    assert_ne!(windowed(10, PROMPT), full);
    // Row 10 sees 8 in layer 1, and 8 sees 6 in layer 0.
    let mut other = PROMPT.to_vec();
    other[5] = 30;
    assert_eq!(windowed(3, &other), windowed(3, PROMPT), "place 5 is out of sight");
    other[6] = 30;
    assert_ne!(windowed(3, &other), windowed(3, PROMPT), "place 6 is seen through 8");
}
