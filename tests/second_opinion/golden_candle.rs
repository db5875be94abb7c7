//! Our logits beside those of candle-transformers' quantised Llama, on GGUF files of F16 and F32.
//!
//! It is another implementation from the file up, so that a mistake would have to be made twice.
//! It knows no rope scaling, no head size of its own and no biases; hence these three models.

use std::{fs, path::Path};

use candle_core::{Device, Tensor, quantized::gguf_file};
use candle_transformers::models::quantized_llama::ModelWeights;
use engine::{Pages, Runner, arch};
use ingle_tests::golden;
use kernels::{
    Batch, CacheFormat, Shape, Table,
    cpu::{Config, Cpu, Precision},
};
use loader::{Bytes, Format, ModelFile};

const PLACES: usize = 64;
const NEW_TOKENS: usize = 24;
const BOUND: f32 = 1e-3;

#[test]
fn golden_llama2() {
    check("gguf/llama2-f16.gguf", &[1, 417, 439, 315, 313, 448, 265, 261]);
}

#[test]
fn golden_mistral_7b_v03() {
    check("gguf/mistral_7b_v03-f16.gguf", &[1, 300, 17, 42, 255, 311, 8, 99]);
}

#[test]
fn golden_stories260k() {
    check("stories260K/stories260K-f32.gguf", &[1, 403, 407, 261, 378]);
}

/// The built-in model, its weights as F32, so that both multiply the same numbers.
#[test]
fn ember() {
    let built_in = ModelFile::from_bytes(ember::NAME, Bytes::new(ember::GGUF), &[]).expect("sound");
    let bytes = ember_forge::file::convert(&built_in, Format::F32).expect("no blocks to fill");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ember-f32.gguf");
    fs::write(&path, bytes).expect("room for it");
    // <|begin|><|user|>, some text, <|end|><|ember|>
    compare(&path, &[4091, 4094, 1500, 300, 700, 4092, 4095]);
}

/// As `compare`, with a file of the golden data.
fn check(name: &str, prompt: &[u32]) {
    let Some(path) = golden().map(|folder| folder.join(name)) else { return };
    compare(&path, prompt);
}

/// Feeds `prompt` to both and goes on greedily; the logits of each step must agree.
fn compare(path: &Path, prompt: &[u32]) {
    let name = path.display();
    let (mut ours, mut theirs) = (Ours::new(path), Theirs::new(path));
    let (mut a, mut b) = (ours.feed(prompt), theirs.feed(prompt));
    let mut worst = 0.0_f32;
    for step in 0..NEW_TOKENS {
        let distance = max_diff(&a, &b);
        worst = worst.max(distance);
        assert!(distance <= BOUND, "{name}: logits of step {step} differ by {distance}");
        let (next, other) = (engine::sample::greedy(&a), engine::sample::greedy(&b));
        assert_eq!(next, other, "{name}: greedy token of step {step}");
        (a, b) = (ours.feed(&[next]), theirs.feed(&[next]));
    }
    eprintln!("{name}: logits differ by at most {worst:.1e}");
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

struct Ours {
    runner: Runner,
    past: u32,
}

impl Ours {
    fn new(path: &Path) -> Self {
        let file = ModelFile::open(path, &[]).expect("a sound file");
        let config = Config { precision: Precision::Exact, ..Config::detect() };
        let mut cpu = Cpu::new(config).expect("the best instruction set is one that there is");
        let pages = Pages { blocks: 1, block_len: PLACES, format: CacheFormat::F32 };
        let loaded = arch::load(&file, &mut cpu, pages).expect("a complete model");
        let max = Shape { rows: PLACES, seqs: 1, outputs: 1, len: PLACES };
        let runner = Runner::new(&loaded, Box::new(cpu), max).expect("a tiny plan");
        Self { runner, past: 0 }
    }

    /// The logits after the last of `tokens`.
    fn feed(&mut self, tokens: &[u32]) -> Vec<f32> {
        let mut batch = Batch::default();
        batch.push(self.past, tokens, Table(vec![vec![0]]));
        batch.out.push(tokens.len() as u32 - 1);
        self.past += tokens.len() as u32;
        let mut logits = Vec::new();
        self.runner.step(&batch, &mut |rows| logits.extend_from_slice(rows)).expect("it runs");
        logits
    }
}

struct Theirs {
    model: ModelWeights,
    past: usize,
}

impl Theirs {
    fn new(path: &Path) -> Self {
        let mut file = fs::File::open(path).expect("it opened before");
        let content = gguf_file::Content::read(&mut file).expect("a file that we accept");
        let model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu).expect("a Llama");
        Self { model, past: 0 }
    }

    fn feed(&mut self, tokens: &[u32]) -> Vec<f32> {
        let x = Tensor::new(tokens, &Device::Cpu).and_then(|it| it.unsqueeze(0)).expect("small");
        let logits = self.model.forward(&x, self.past).expect("it runs");
        self.past += tokens.len();
        logits.flatten_all().and_then(|it| it.to_vec1()).expect("one row of f32")
    }
}
