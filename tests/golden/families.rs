//! Logits and greedy texts of every golden family, beside those of transformers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine::{Engine, EventKind, Options, Request, Usage, sample::Sampling};
use loader::ModelFile;

use crate::{
    data::{Device, Expected, folders, is_beside, is_there, logits, max_diff, overrides},
    steps::{Sequence, Steps},
};

/// What exact precision may differ by.
const BOUND: f32 = 1e-4;

/// Architectures whose GGUF files hold other numbers than the folders: their converter multiplies the
/// model's multipliers into the weights, and rounds the products to 16 bits (see `falcon_h1`).
const ROUNDED: &[(&str, f32)] = &[("falcon-h1", 3.2e-3)];

/// How many families the data beside the project have.
const N_FAMILIES: usize = 44;

const PROMPTS: [&str; 3] = ["a", "b", "text"];

/// Rows of the longer prompt a step: each by itself; in pieces that end within windows, which are 16
/// long; as long as those; and longer.
const CHUNKS: [usize; 4] = [1, 7, 16, 20];

/// Tokens that a step guesses.
const LOOKUP: usize = 3;

/// Tokens of a sequence, at most.
const CONTEXT: usize = 96;

/// The families without which there is no first chat.
const FIRST: &[&str] = &[
    "llama2",
    "llama31",
    "llama32_tied",
    "llama_bias",
    "mistral_7b_v01",
    "mistral_7b_v03",
    "mistral_nemo",
    "qwen2",
];

#[test]
fn golden_families_agree_with_transformers() {
    let Some(dir) = ingle_tests::golden() else { return };
    let compared = check_families(&dir);
    assert!(!compared.is_empty(), "no family at {} was compared", dir.display());
    if !is_beside(&dir) {
        return;
    }
    for name in FIRST {
        assert!(compared.contains_key(*name), "{name} was not compared");
    }
    for (name, containers) in &compared {
        assert_eq!(*containers, ["safetensors", "gguf"], "{name}");
    }
    assert!(compared.len() >= N_FAMILIES, "{} families were compared", compared.len());
}

/// Those of this repository, so that something is compared without any other data.
#[test]
fn golden_small_families_agree_with_plain_formulas() {
    let compared = check_families(&ingle_tests::root().join("tests/golden/small"));
    assert_eq!(compared.into_keys().collect::<Vec<_>>(), ["llama", "llama_dynamic", "qwen2"]);
}

/// Each family below `dir` agrees, if its architecture is there. The containers of each that were
/// compared.
fn check_families(dir: &Path) -> BTreeMap<String, Vec<&'static str>> {
    let mut compared = BTreeMap::<_, Vec<_>>::new();
    for folder in folders(&dir.join("families")) {
        let name = folder.file_name().expect("a folder").to_string_lossy().into_owned();
        for (container, path) in containers(dir, &folder, &name) {
            let file = open(&folder, &path);
            if !is_there(&name, &file) {
                continue;
            }
            assert_eq!(engine::arch::unread_keys(&file), [""; 0], "{name} ({container})");
            let worst = check_family(&folder, &file, bound(&file, container));
            let worst = worst.iter().map(|(device, it)| format!("{device} {it:.1e}"));
            let worst = worst.collect::<Vec<_>>().join(", ");
            println!("{name} ({container}): max |difference| {worst}");
            compared.entry(name.clone()).or_default().push(container);
        }
    }
    compared
}

/// The files of a family, by the name of their container.
fn containers(dir: &Path, folder: &Path, name: &str) -> Vec<(&'static str, PathBuf)> {
    let gguf = dir.join("gguf").join(format!("{name}-f16.gguf"));
    let all = [("safetensors", folder.to_owned()), ("gguf", gguf)];
    all.into_iter().filter(|(_, path)| path.exists()).collect()
}

/// The container at `path` of the family in `folder`.
fn open(folder: &Path, path: &Path) -> ModelFile {
    let overrides = match path.is_dir() {
        true => vec![],
        false => overrides(&folder.join("gguf_overrides.json")),
    };
    ModelFile::open(path, &overrides).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn bound(file: &ModelFile, container: &str) -> f32 {
    let rounded = ROUNDED.iter().find(|it| it.0 == file.architecture() && container == "gguf");
    rounded.map_or(BOUND, |it| it.1)
}

/// The largest difference on each device.
fn check_family(folder: &Path, file: &ModelFile, bound: f32) -> Vec<(Device, f32)> {
    let expected = Expected::read(&folder.join("expected.safetensors"));
    let mut all = Vec::new();
    for device in Device::exact() {
        let mut worst = 0.0f32;
        let place = format!("{} on {device:?}", file.path.display());
        let engine = |options: &Options| match device.engine(file, options) {
            Ok(engine) => engine,
            Err(error) => panic!("{place}: {error}"),
        };
        // With so many guesses, a step gives enough rows of logits for a whole prompt.
        let whole = &mut engine(&Options { lookup: 63, ..options(1, 64) });
        let prompts: &[&str] = if device == Device::Reference { &["a"] } else { &["a", "b"] };
        for prompt in prompts {
            let diff = check_logits(whole, &expected, prompt);
            assert!(diff <= bound, "{place}, {prompt}: {diff:e} > {bound:e}");
            worst = worst.max(diff);
        }
        all.push((device, worst));
        if device == Device::Reference {
            check_greedy(whole, &expected, "a", &place);
            continue;
        }
        let ids = expected.ids("b.input_ids");
        let want = logits(whole, ids);
        for chunk in CHUNKS {
            let found = logits(&mut engine(&options(1, chunk)), ids);
            assert!(found == want, "{place}: b: chunks of {chunk}");
        }
        PROMPTS.iter().for_each(|it| check_greedy(whole, &expected, it, &place));
        check_used_blocks(whole, &expected, &place);
        let sequences = PROMPTS.map(|it| sequence(whole, &expected, it));
        let mut steps = Steps::new(file, device);
        steps.check_together(&sequences, &place);
        steps.check_given_back(&sequences, &place);
        let batched = &mut engine(&Options { lookup: LOOKUP, ..options(3, 20) });
        check_batched(batched, &expected, &place);
        check_guesses(batched, &expected, &place);
    }
    all
}

fn options(max_seqs: usize, chunk: usize) -> Options {
    Options { ctx_size: Some(CONTEXT), max_seqs, chunk, ..Options::default() }
}

/// How far the logits of a prompt, and of its continuation in one pass, are from the expected.
fn check_logits(engine: &mut Engine, expected: &Expected, prompt: &str) -> f32 {
    let mut ids = expected.ids(&format!("{prompt}.input_ids")).to_vec();
    let n = ids.len();
    let want = expected.numbers(&format!("{prompt}.logits"));
    let diff = max_diff(&logits(engine, &ids), want);
    if prompt != "a" {
        return diff;
    }
    let greedy = expected.ids("a.greedy_ids");
    ids.extend(&greedy[..greedy.len() - 1]);
    let found = logits(engine, &ids);
    diff.max(max_diff(&found[(n - 1) * want.len() / n..], expected.numbers("a.greedy_logits")))
}

fn check_greedy(engine: &mut Engine, expected: &Expected, prompt: &str, place: &str) {
    let ids = expected.ids(&format!("{prompt}.input_ids"));
    let want = expected.ids(&format!("{prompt}.greedy_ids"));
    let found = engine.greedy(ids, want.len()).expect("finite logits");
    assert_eq!(found, want, "{place}: {prompt}: greedy ids");
}

/// Blocks and slots that other tokens were in leave no trace of them.
fn check_used_blocks(engine: &mut Engine, expected: &Expected, place: &str) {
    let other = expected.ids("b.input_ids");
    for prompt in ["a", "text"] {
        let ids = expected.ids(&format!("{prompt}.input_ids"));
        for n in [1, other.len()] {
            let longer: Vec<u32> = ids.iter().chain(&other[..n]).copied().collect();
            engine.greedy(&longer, 2).expect("finite logits");
            check_greedy(engine, expected, prompt, &format!("{place}, after {n} rows more"));
        }
    }
}

/// The three prompts together, in one engine, give the ids that each gives alone.
fn check_batched(engine: &mut Engine, expected: &Expected, place: &str) {
    let requests = PROMPTS.map(|it| request(expected.ids(&format!("{it}.input_ids"))));
    for (prompt, (ids, _)) in PROMPTS.iter().zip(run(engine, &requests)) {
        assert_eq!(ids, expected.ids(&format!("{prompt}.greedy_ids")), "{place}: {prompt}: batch");
    }
}

/// Guesses that turn out wrong change no token; nor where a state has to come back.
fn check_guesses(engine: &mut Engine, expected: &Expected, place: &str) {
    let other = expected.ids("b.input_ids");
    let mut wrong = 0;
    for prompt in ["a", "text"] {
        let ids = expected.ids(&format!("{prompt}.input_ids"));
        let tokens = misleading(engine, ids, &other[1..1 + LOOKUP]);
        let want = engine.greedy(&tokens, 24).expect("finite logits");
        let request = Request { lookup: LOOKUP, ..request(&tokens) };
        let (ids, usage) = run(engine, &[request]).remove(0);
        assert_eq!(ids, want, "{place}: {prompt}: guesses");
        wrong += usage.guessed - usage.guessed_right;
    }
    assert!(wrong > 0, "{place}: nothing was guessed wrongly");
}

/// These tokens, after parts in which the last of them and what the model says next go on otherwise.
fn misleading(engine: &mut Engine, ids: &[u32], otherwise: &[u32]) -> Vec<u32> {
    let (mut tokens, mut said) = (ids.to_vec(), Vec::new());
    loop {
        let next = engine.greedy(&tokens, 1).expect("finite logits")[0];
        // Before the context is full, too: what guesses there are then must do.
        if said.contains(&next) || tokens.len() + otherwise.len() + 3 > CONTEXT - 24 {
            return tokens;
        }
        // It may say something else after one part more.
        said.push(next);
        tokens = [&ids[ids.len() - 2..], &[next], otherwise, &tokens].concat();
    }
}

/// The most probable token, 24 times.
fn request(tokens: &[u32]) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    Request { max_new: Some(24), ..Request::new(tokens.to_vec(), sampling) }
}

/// What comes of requests that run beside one another.
fn run(engine: &mut Engine, requests: &[Request]) -> Vec<(Vec<u32>, Usage)> {
    let submit = |it: &Request| engine.submit(it.clone()).expect("a sound request");
    let seqs: Vec<_> = requests.iter().map(submit).collect();
    let mut found = vec![(vec![], Usage::default()); seqs.len()];
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            let i = seqs.iter().position(|it| *it == event.seq).expect("one of ours");
            match event.kind {
                EventKind::Token { id, .. } => found[i].0.push(id),
                EventKind::Finished(_, usage) => found[i].1 = usage,
                _ => {}
            }
        }
    }
    found
}

/// A prompt and its greedy text but the last token, computed alone.
fn sequence(engine: &mut Engine, expected: &Expected, prompt: &str) -> Sequence {
    let ids = expected.ids(&format!("{prompt}.input_ids"));
    let greedy = expected.ids(&format!("{prompt}.greedy_ids"));
    let tokens = [ids, &greedy[..greedy.len() - 1]].concat();
    let alone = logits(engine, &tokens);
    Sequence { tokens, n_prompt: ids.len(), alone }
}
