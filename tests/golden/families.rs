//! Logits and greedy texts of every golden family, beside those of transformers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine::{Engine, EventKind, Options, Request, sample::Sampling};
use loader::ModelFile;

use crate::data::{Device, Expected, folders, is_beside, is_there, logits, max_diff, overrides};

/// What exact precision may differ by.
const BOUND: f32 = 1e-4;

/// Architectures whose GGUF files hold other numbers than the folders: their converter multiplies the
/// model's multipliers into the weights, and rounds the products to 16 bits.
const ROUNDED: &[(&str, f32)] = &[("falcon-h1", 3.2e-3)];

/// How many families the data beside the project have.
const N_FAMILIES: usize = 44;

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
    assert_eq!(compared.into_keys().collect::<Vec<_>>(), ["llama", "qwen2"]);
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
        let whole = &mut engine(&options(1, 64));
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
        let cached = &mut engine(&options(1, 1));
        for prompt in ["a", "b"] {
            let ids = expected.ids(&format!("{prompt}.input_ids"));
            assert!(logits(cached, ids) == logits(whole, ids), "{place}: {prompt}: cached");
        }
        ["a", "b", "text"].iter().for_each(|it| check_greedy(whole, &expected, it, &place));
        check_given_back(whole, &expected, &place);
        let batched = &mut engine(&options(3, 20));
        check_batched(batched, &expected, &place);
    }
    all
}

fn options(max_seqs: usize, chunk: usize) -> Options {
    Options { ctx_size: Some(96), max_seqs, chunk, ..Options::default() }
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

/// Rows that go on otherwise, as a draft that is rejected does, and are given back leave no trace:
/// neither in the cache nor in a recurrent state.
fn check_given_back(engine: &mut Engine, expected: &Expected, place: &str) {
    let other = expected.ids("b.input_ids");
    for prompt in ["a", "text"] {
        let ids = expected.ids(&format!("{prompt}.input_ids"));
        for n in [1, other.len()] {
            let draft: Vec<u32> = ids.iter().chain(&other[..n]).copied().collect();
            engine.greedy(&draft, 2).expect("finite logits");
            check_greedy(engine, expected, prompt, &format!("{place}, {n} rows given back"));
        }
    }
}

/// The three prompts together, in one engine, give the ids that each gives alone.
fn check_batched(engine: &mut Engine, expected: &Expected, place: &str) {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    let mut found = BTreeMap::new();
    for prompt in ["a", "b", "text"] {
        let ids = expected.ids(&format!("{prompt}.input_ids")).to_vec();
        let request = Request { max_new: Some(24), ..Request::new(ids, sampling.clone()) };
        found.insert(engine.submit(request).expect("a sound request"), (prompt, vec![]));
    }
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            if let EventKind::Token { id, .. } = event.kind {
                found.get_mut(&event.seq).expect("one of ours").1.push(id);
            }
        }
    }
    for (prompt, ids) in found.into_values() {
        assert_eq!(ids, expected.ids(&format!("{prompt}.greedy_ids")), "{place}: {prompt}: batch");
    }
}
