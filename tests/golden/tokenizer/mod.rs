//! Token ids against recorded ones: llama.cpp's vocabularies, the golden families from
//! `tokenizer.json` and from GGUF, and the real models.
#![expect(clippy::unwrap_used, reason = "golden data is as it was recorded, or the test fails")]

mod containers;
mod injection;

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine::{
    Prompt, Tokenizer,
    tokenizer::{Bos, Specials},
};
use ingle_tests::{files, golden, real};
use loader::{Bytes, Container, Metadata, ModelFile, QkOrder, Value};
use serde_json::Value as Json;

/// Vocabularies that do not know capital letters, accents or where spaces stood.
const LOSSY: [&str; 1] = ["ggml-vocab-bert-bge.gguf"];

#[track_caller]
fn load(file: &ModelFile) -> Tokenizer {
    Tokenizer::load(file).unwrap_or_else(|error| panic!("{}: {error}", file.path.display()))
}

fn open(path: &Path) -> ModelFile {
    ModelFile::open(path, &[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What of a Hugging Face folder the tokenizer reads.
fn folder(path: &Path) -> ModelFile {
    let json = |name: &str| -> Json {
        fs::read(path.join(name)).map_or(Json::Null, |it| serde_json::from_slice(&it).unwrap())
    };
    let config = json("tokenizer_config.json");
    let mut metadata = Metadata::default();
    let template = config["chat_template"].as_str().map(str::to_owned);
    let template = template.or_else(|| fs::read_to_string(path.join("chat_template.jinja")).ok());
    if let Some(template) = template {
        metadata.insert("tokenizer.chat_template", Value::String(template));
    }
    ModelFile {
        path: path.to_owned(),
        container: Container::Safetensors,
        metadata,
        tensors: Default::default(),
        low_rank: Default::default(),
        qk_order: QkOrder::Halves,
        tokenizer_json: Some(Bytes::new(fs::read(path.join("tokenizer.json")).unwrap())),
        mappings: vec![],
    }
}

fn ids(json: &Json) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[track_caller]
fn check(what: &str, tokenizer: &Tokenizer, prompt: &Prompt, bos: Bos, expected: &[u32]) {
    let found = tokenizer.encode(prompt, bos).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found, expected, "{what}: {:?}", prompt.text);
}

#[test]
fn golden_vocabularies() {
    let Some(golden) = golden() else { return };
    for path in files(&golden.join("vocabs"), "gguf") {
        let file = open(&path);
        let tokenizer = load(&file);
        let with = |end: &str| fs::read_to_string(format!("{}.{end}", path.display())).unwrap();
        let (inputs, outputs) = (with("inp"), with("out"));
        let inputs: Vec<_> = inputs.split("\n__ggml_vocab_test__\n").collect();
        assert!(outputs.lines().count() >= inputs.len() - 1, "{}", path.display());
        for (text, expected) in inputs.iter().zip(outputs.lines()) {
            let expected: Vec<u32> =
                expected.split_whitespace().map(|id| id.parse().unwrap()).collect();
            let name = path.file_name().unwrap().to_string_lossy();
            for prompt in [Prompt::trusted(*text), Prompt::foreign(*text)] {
                check(&name, &tokenizer, &prompt, Bos::Never, &expected);
            }
            let decoded = tokenizer.decode(&expected, Specials::Keep);
            if LOSSY.contains(&&*name) {
                check(&name, &tokenizer, &Prompt::trusted(decoded), Bos::Never, &expected);
            } else {
                assert_eq!(decoded.trim_start(), text.trim_start(), "{name}");
            }
        }
        println!("{}: {} texts", path.display(), inputs.len());
    }
}

fn check_family(name: &str, folder: &Path, tokenizer: &Tokenizer) {
    let read = |file: &str| -> Json {
        serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
    };
    for case in read("tokenize.json")["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        for prompt in [Prompt::trusted(text), Prompt::foreign(text)] {
            check(name, tokenizer, &prompt, Bos::AsModel, &ids(&case["ids"]));
            check(name, tokenizer, &prompt, Bos::Never, &ids(&case["ids_no_special"]));
        }
        let decoded = tokenizer.decode(&ids(&case["ids"]), Specials::Skip);
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{name}");
    }
    for case in read("chat.json")["cases"].as_array().unwrap() {
        let Some(text) = case["rendered"].as_str() else { continue };
        let mut expected = ids(&case["ids"]);
        check(name, tokenizer, &Prompt::trusted(text), Bos::Never, &expected);
        // A template that begins with the token gets no second one.
        let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
        expected.splice(0..0, bos.filter(|bos| expected.first() != Some(bos)));
        check(name, tokenizer, &Prompt::trusted(text), Bos::AsModel, &expected);
    }
}

fn families(golden: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(golden.join("families")).unwrap().map(|it| it.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn golden_families_from_tokenizer_json() {
    let Some(golden) = golden() else { return };
    for path in families(&golden) {
        let name = path.file_name().unwrap().to_string_lossy();
        check_family(&format!("{name} (json)"), &path, &load(&folder(&path)));
        // As a user opens it.
        let file = ModelFile::open(&path, &[]).unwrap();
        check_family(&format!("{name} (folder)"), &path, &load(&file));
    }
}

#[test]
fn golden_families_from_gguf() {
    let Some(golden) = golden() else { return };
    for path in families(&golden) {
        let name = path.file_name().unwrap().to_string_lossy();
        let gguf = golden.join(format!("gguf/{name}-f16.gguf"));
        let file = ModelFile::open(&gguf, &[]).unwrap();
        check_family(&format!("{name} (gguf)"), &path, &load(&file));
    }
}

/// Prompts of the real models, as llama.cpp tokenises them.
#[test]
fn golden_real_models() {
    let Some(expected) = golden().map(|it| it.join("../real")) else { return };
    let prompts: Json =
        serde_json::from_slice(&fs::read(expected.join("prompts.json")).unwrap()).unwrap();
    for path in files(&expected.join("expected"), "safetensors") {
        let name = path.file_stem().unwrap().to_string_lossy();
        let Some(gguf) = real(&format!("{name}.gguf")) else { continue };
        let tokenizer = load(&open(&gguf));
        let bytes = fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let perplexity = fs::read_to_string(expected.join("perplexity.txt")).unwrap();
        let prompts = prompts.as_object().unwrap().iter();
        let prompts = prompts.map(|(prompt, text)| (prompt.as_str(), text.as_str().unwrap()));
        for (prompt, text) in prompts.chain([("perplexity", perplexity.as_str())]) {
            // A base model has no chat.
            let Ok(ids) = tensors.tensor(&format!("{prompt}.input_ids")) else { continue };
            let ids: Vec<u32> = ids
                .data()
                .as_chunks::<8>()
                .0
                .iter()
                .map(|id| i64::from_le_bytes(*id) as u32)
                .collect();
            check(&name, &tokenizer, &Prompt::trusted(text), Bos::AsModel, &ids);
        }
    }
}
