//! A trained model in several containers and formats, and one model in every weight format.

use std::path::Path;

use engine::{Engine, EventKind, Options, Prompt, Request, sample::Sampling, tokenizer::Bos};
use kernels::cpu::{Isa, Precision};
use loader::ModelFile;

use ingle_tests::golden;

use crate::data::{Device, Expected, json, logits, max_diff};

const EXACT: Precision = Precision::Exact;

fn engine(path: &Path, device: Device) -> Engine {
    let file = ModelFile::open(path, &[]).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let options = Options { ctx_size: Some(512), ..Options::default() };
    device.engine(&file, &options).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn cpu(precision: Precision) -> Device {
    Device::Cpu(Isa::best(), precision)
}

/// What each token but the first costs after all before it: `-ln p`.
pub(crate) fn nll(engine: &mut Engine, ids: &[u32]) -> Vec<f64> {
    let mut all = Vec::new();
    let see = |at: usize, row: &[f32]| {
        let Some(&next) = ids.get(at + 1) else { return };
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|&it| f64::from(it - max).exp()).sum();
        all.push(sum.ln() - f64::from(row[next as usize] - max));
    };
    engine.logits(ids, see).expect("finite logits");
    all
}

fn perplexity(engine: &mut Engine, ids: &[u32]) -> f64 {
    let all = nll(engine, ids);
    (all.iter().sum::<f64>() / all.len() as f64).exp()
}

#[test]
fn golden_stories_in_full_precision() {
    let Some(dir) = golden().map(|it| it.join("stories260K")) else { return };
    let expected = Expected::read(&dir.join("expected.safetensors"));
    let ppl = json(&dir.join("expected.json"))["ppl"].as_f64().expect("a number");
    for path in [dir.join("hf"), dir.join("stories260K-f32.gguf")] {
        let mut engine = engine(&path, cpu(EXACT));
        let want = expected.ids("greedy_ids");
        let found = engine.greedy(expected.ids("prompt.input_ids"), want.len());
        assert_eq!(found.as_deref(), Ok(want), "{path:?}");
        let ids = expected.ids("ppl.input_ids");
        let diff = max_diff(&logits(&mut engine, ids), expected.numbers("ppl.logits"));
        assert!(diff <= 1e-4, "{path:?}: {diff:e}");
        let found = perplexity(&mut engine, ids);
        assert!((found / ppl - 1.0).abs() <= 1e-3, "{path:?}: perplexity {found}, expected {ppl}");
    }
}

#[test]
fn golden_stories_as_text() {
    let Some(dir) = golden().map(|it| it.join("stories260K")) else { return };
    let want = json(&dir.join("expected.json"))["greedy_text"].clone();
    for path in [dir.join("hf"), dir.join("stories260K-f32.gguf")] {
        let file = ModelFile::open(&path, &[]).expect("a sound file");
        let mut engine = Engine::load(&file, cpu(EXACT).make(), &Options::default()).expect("all");
        let prompt = Prompt::foreign("Once upon a time");
        let ids = engine.tokenizer().encode(&prompt, Bos::AsModel).expect("plain text");
        let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
        let request = Request { max_new: Some(200), ..Request::new(ids, sampling) };
        engine.submit(request).expect("a sound request");
        let mut text = prompt.text;
        while !engine.is_idle() {
            for event in engine.step().expect("a step") {
                match event.kind {
                    EventKind::Token { text: more, .. } | EventKind::Rest(more) => text += &more,
                    _ => {}
                }
            }
        }
        assert_eq!(want, text, "{path:?}");
    }
}

#[test]
fn golden_stories_in_q8_0() {
    let Some(dir) = golden().map(|it| it.join("stories260K")) else { return };
    let expected = Expected::read(&dir.join("expected.safetensors"));
    let ppl = json(&dir.join("expected.json"))["ppl"].as_f64().expect("a number");
    for precision in [EXACT, Precision::Fast] {
        let mut engine = engine(&dir.join("stories260K-q8_0.gguf"), cpu(precision));
        let found = perplexity(&mut engine, expected.ids("ppl.input_ids"));
        let want = expected.ids("greedy_ids");
        let greedy = engine.greedy(expected.ids("prompt.input_ids"), want.len()).expect("finite");
        let first = greedy.iter().zip(want).position(|(a, b)| a != b);
        let at = first.map_or("none".to_owned(), |it| it.to_string());
        println!("q8_0, {precision:?}: perplexity {found:.4}; first other token than f32: {at}");
        assert!((found / ppl - 1.0).abs() <= 0.015, "{precision:?}: {found}, expected {ppl}");
    }
}

#[test]
fn golden_quants_in_both_precisions() {
    let Some(dir) = golden().map(|it| it.join("quants")) else { return };
    let expected = Expected::read(&dir.join("expected.safetensors"));
    let distances = json(&dir.join("expected.json"));
    let files = ingle_tests::files(&dir, "gguf");
    assert!(files.len() >= 20, "{files:?}");
    for path in files {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let want = expected.numbers(&format!("{name}.logits"));
        let diff = |device| {
            let found = logits(&mut engine(&path, device), expected.ids("input_ids"));
            max_diff(&found, want)
        };
        for &isa in Isa::ALL.iter().filter(|it| it.is_available()) {
            let exact = diff(Device::Cpu(isa, EXACT));
            assert!(exact <= 1e-4, "{name}, {isa:?}, exact: {exact:e}");
            let fast = diff(Device::Cpu(isa, Precision::Fast));
            let theirs = &distances[name.to_uppercase()]["llamacpp_vs_expected"];
            let theirs = theirs.as_f64().expect("a distance") as f32;
            println!("{name}, {isa:?}: exact {exact:.1e}, fast {fast:.3}, llama.cpp {theirs:.3}");
            assert!(fast <= 1.5 * theirs, "{name}, {isa:?}, fast: {fast} > 1.5 x {theirs}");
        }
    }
}
