//! A real model beside a numpy forward pass over the same weights.
//!
//! The model's file is looked for in `INGLE_REAL`, what it should compute beside the golden data.

use engine::{Engine, Options};
use kernels::cpu::{Config, Cpu, Precision};
use loader::ModelFile;

use crate::{
    data::{Expected, max_diff},
    trained::nll,
};

const NAME: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m";

/// The engine in a precision, with what it should compute.
fn qwen(precision: Precision) -> Option<(Engine, Expected)> {
    let path = ingle_tests::real(&format!("{NAME}.gguf"))?;
    let expected =
        ingle_tests::golden()?.parent()?.join(format!("real/expected/{NAME}.safetensors"));
    if !expected.is_file() {
        println!("skipped: no expected logits of {NAME}");
        return None;
    }
    let file = ModelFile::open(&path, &[]).expect("a sound file");
    let cpu = Cpu::new(Config { precision, ..Config::detect() }).expect("what was detected");
    let options = Options { ctx_size: Some(256), ..Options::default() };
    let engine = Engine::load_ids_only(&file, Box::new(cpu), &options).expect("a qwen2 model");
    Some((engine, Expected::read(&expected)))
}

#[test]
fn golden_real_logits_and_greedy_texts() {
    let Some((mut engine, expected)) = qwen(Precision::Exact) else { return };
    for prompt in ["chat", "fact", "code", "odd"] {
        let ids = expected.ids(&format!("{prompt}.input_ids"));
        let mut last = Vec::new();
        engine.logits(ids, |_, row| last = row.to_vec()).expect("finite logits");
        let diff = max_diff(&last, expected.numbers(&format!("{prompt}.logits_last")));
        let gap = expected.numbers(&format!("{prompt}.top1_gap"))[0];
        println!("{NAME}, {prompt}: max |difference| {diff:.1e}, smallest lead {gap:.1e}");
        assert!(diff <= 2e-3, "{prompt}: {diff:e}");
        let want = expected.ids(&format!("{prompt}.greedy_ids"));
        let found = engine.greedy(ids, want.len()).expect("finite logits");
        assert!(found == want || gap <= 1e-2, "{prompt}: {found:?}, expected {want:?}");
    }
}

#[test]
fn golden_real_perplexity_in_fast_precision() {
    let Some((mut engine, expected)) = qwen(Precision::Fast) else { return };
    let mut all = Vec::new();
    // As llama-perplexity: windows of 256, of which the second half counts.
    for window in expected.ids("perplexity.input_ids").chunks_exact(256) {
        all.extend_from_slice(&nll(&mut engine, window)[128..]);
    }
    let found = (all.iter().sum::<f64>() / all.len() as f64).exp();
    println!("{NAME}: perplexity {found:.4}");
    assert!((found / 57.5496 - 1.0).abs() <= 0.005, "perplexity {found}, expected 57.5496");
}
