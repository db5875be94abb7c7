//! Real models beside a numpy forward pass over the same weights.
//!
//! A model's file is looked for in `INGLE_REAL`, what it should compute beside the golden data.

use engine::{Engine, Options};
use kernels::cpu::{Config, Cpu, Precision};
use loader::ModelFile;

use crate::{
    data::{Expected, max_diff},
    trained::nll,
};

/// A model, and what was computed of it.
struct Real {
    name: &'static str,
    prompts: &'static [&'static str],
    /// The token that a text begins with.
    bos: Option<u32>,
    /// By llama-perplexity's method, in windows of 256.
    perplexity: f64,
    /// Of all tokens in one pass.
    in_one_pass: f64,
}

/// What a logit, or the cost of a token, may differ by in exact precision.
const EXACT: f32 = 2e-3;

const REAL: &[Real] = &[
    Real {
        name: "qwen2.5-coder-0.5b-instruct-q4_k_m",
        prompts: &["chat", "fact", "code", "odd"],
        bos: None,
        perplexity: 57.5496,
        in_one_pass: 51.9561,
    },
    Real {
        name: "gemma-3-270m-q4_k_m",
        prompts: &["fact", "code", "odd"],
        bos: Some(2),
        perplexity: 40.2787,
        in_one_pass: 31.1580,
    },
];

/// The engine of a model in a precision, for so many tokens, with what it should compute.
fn engine(name: &str, precision: Precision, context: usize) -> Option<(Engine, Expected)> {
    let path = ingle_tests::real(&format!("{name}.gguf"))?;
    let expected =
        ingle_tests::golden()?.parent()?.join(format!("real/expected/{name}.safetensors"));
    if !expected.is_file() {
        println!("skipped: no expected logits of {name}");
        return None;
    }
    let file = ModelFile::open(&path, &[]).expect("a sound file");
    let cpu = Cpu::new(Config { precision, ..Config::detect() }).expect("what was detected");
    let options = Options { ctx_size: Some(context), ..Options::default() };
    let engine = Engine::load_ids_only(&file, Box::new(cpu), &options).expect("a supported model");
    Some((engine, Expected::read(&expected)))
}

#[test]
fn golden_real_logits_and_greedy_texts() {
    REAL.iter().for_each(check_logits);
}

fn check_logits(Real { name, prompts, .. }: &Real) {
    let Some((mut engine, expected)) = engine(name, Precision::Exact, 256) else { return };
    for prompt in *prompts {
        let ids = expected.ids(&format!("{prompt}.input_ids"));
        let mut last = Vec::new();
        engine.logits(ids, |_, row| last = row.to_vec()).expect("finite logits");
        let diff = max_diff(&last, expected.numbers(&format!("{prompt}.logits_last")));
        let gap = expected.numbers(&format!("{prompt}.top1_gap"))[0];
        println!("{name}, {prompt}: max |difference| {diff:.1e}, smallest lead {gap:.1e}");
        assert!(diff <= EXACT, "{name}, {prompt}: {diff:e}");
        let want = expected.ids(&format!("{prompt}.greedy_ids"));
        let found = engine.greedy(ids, want.len()).expect("finite logits");
        assert!(found == want || gap <= 1e-2, "{name}, {prompt}: {found:?}, expected {want:?}");
    }
}

#[test]
fn golden_real_perplexity_in_fast_precision() {
    REAL.iter().for_each(check_perplexity);
}

fn check_perplexity(Real { name, bos, perplexity, .. }: &Real) {
    let Some((mut engine, expected)) = engine(name, Precision::Fast, 256) else { return };
    let mut all = Vec::new();
    // As llama-perplexity: windows of 256, of which the second half counts; each begins with the
    // token that a text begins with, if there is one, in place of its own.
    for window in expected.ids("perplexity.input_ids").chunks_exact(256) {
        let mut window = window.to_vec();
        window[0] = bos.unwrap_or(window[0]);
        all.extend_from_slice(&nll(&mut engine, &window)[128..]);
    }
    check_perplexity_of(&all, *perplexity, name);
}

fn check_perplexity_of(nll: &[f64], expected: f64, name: &str) {
    let found = (nll.iter().sum::<f64>() / nll.len() as f64).exp();
    println!("{name}: perplexity {found:.4}");
    let off = (found / expected - 1.0).abs();
    assert!(off <= 0.005, "{name}: perplexity {found}, expected {expected}");
}

/// Beyond the window of Gemma 3, which is 512.
#[test]
fn golden_real_text_in_one_pass() {
    REAL.iter().for_each(check_one_pass);
}

fn check_one_pass(Real { name, in_one_pass, .. }: &Real) {
    for precision in [Precision::Exact, Precision::Fast] {
        let Some((mut engine, expected)) = engine(name, precision, 1024) else { return };
        let found = nll(&mut engine, expected.ids("perplexity.input_ids"));
        check_perplexity_of(&found, *in_one_pass, &format!("{name}, {precision}, one pass"));
        let found: Vec<f32> = found.iter().map(|&it| it as f32).collect();
        let diff = max_diff(&found, expected.numbers("perplexity.nll"));
        println!("{name}, {precision}, one pass: max |difference| of a token's cost {diff:.1e}");
        let bound = if precision == Precision::Exact { EXACT } else { f32::INFINITY };
        assert!(diff <= bound, "{name}, {precision}: {diff:e}");
    }
}
