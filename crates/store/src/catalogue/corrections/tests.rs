//! What is to be corrected is sound, and only what has exactly a model's shape is corrected.

use std::{collections::BTreeSet, fs, path::Path};

use loader::{Bytes, ModelFile, gguf::Writer};

use super::*;

/// Metadata of exactly this shape.
fn metadata(model: &Model) -> Metadata {
    let mut all = Metadata::default();
    for (key, fact) in &model.shape {
        all.insert(key, value(key, fact));
    }
    all
}

fn value(key: &str, fact: &Fact) -> Value {
    match fact {
        Fact::Whole(n) if key == "tokenizer.ggml.tokens" => {
            Value::Array(Array::String((0..*n).map(|it| it.to_string()).collect()))
        }
        Fact::Whole(n) => Value::U32(u32::try_from(*n).expect("a count of GGUF")),
        Fact::Real(x) => Value::F32(*x as f32),
        Fact::Text(text) => Value::String(text.clone()),
    }
}

fn named(name: &str) -> &'static Model {
    models().find(|it| it.name == name).expect("it is in the catalogue")
}

/// What is set for `metadata`, as `KEY=VALUE`.
fn set(metadata: &Metadata) -> Vec<String> {
    let text = |it: Correction| format!("{}={:?}", it.set.key, it.set.value);
    corrections_of(metadata).into_iter().map(text).collect()
}

#[test]
fn every_model_says_what_it_is_and_where_that_is_written_down() {
    let mut names = BTreeSet::new();
    for model in models() {
        let name = &model.name;
        assert!(names.insert(name.clone()), "`{name}` is there twice");
        assert!(model.source.starts_with("https://"), "{name}: {}", model.source);
        let Some(Fact::Text(architecture)) = model.shape.get("general.architecture") else {
            panic!("{name} has no architecture");
        };
        for key in
            ["block_count", "embedding_length", "feed_forward_length", "attention.head_count"]
        {
            assert!(model.shape.contains_key(&format!("{architecture}.{key}")), "{name}: {key}");
        }
        let keys = model.shape.keys().chain(&model.absent);
        for key in keys.chain(model.correction.iter().map(|it| &it.set.key)) {
            let own = key.strip_prefix(&**architecture).is_some_and(|it| it.starts_with('.'));
            let general = key == "general.architecture" || key.starts_with("tokenizer.ggml.");
            assert!(own || general, "{name}: `{key}` is of another architecture");
        }
        for Entry { set, why, .. } in &model.correction {
            assert!(!model.shape.contains_key(&set.key), "{name}: `{}` is its shape", set.key);
            assert!(why.len() > 20 && !why.ends_with('.'), "{name}: {why}");
        }
    }
}

/// A key that nobody reads would correct nothing.
#[test]
fn every_key_is_one_that_the_loader_or_the_engine_reads() {
    let sources = sources();
    for model in models() {
        let keys = model.shape.keys().chain(&model.absent);
        for key in keys.chain(model.correction.iter().map(|it| &it.set.key)) {
            let general = key.starts_with("general.") || key.starts_with("tokenizer.");
            let own = if general { key } else { key.split_once('.').expect("a prefix").1 };
            assert!(
                sources.contains(&format!("\"{own}\"")),
                "{}: nobody reads `{key}`",
                model.name
            );
        }
    }
}

/// All source of the loader and the engine.
fn sources() -> String {
    let mut folders = ["loader", "engine"]
        .map(|it| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(it).join("src"))
        .to_vec();
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => all += &fs::read_to_string(path).unwrap(),
            }
        }
    }
    all
}

/// The numbers of a corrected file are those of a model.
#[test]
fn the_engine_takes_what_is_corrected() {
    for model in models() {
        let mut file = Writer::new();
        let Some(Fact::Text(architecture)) = model.shape.get("general.architecture") else {
            panic!("{} has no architecture", model.name);
        };
        file.set(format!("{architecture}.vocab_size"), Value::U32(256));
        file.set(format!("{architecture}.context_length"), Value::U32(4096));
        file.set(format!("{architecture}.attention.layer_norm_rms_epsilon"), Value::F32(1e-6));
        for (key, value) in metadata(model).iter() {
            file.set(key, value.clone());
        }
        for Entry { set, .. } in &model.correction {
            file.set(&set.key, set.value.clone());
        }
        let window = format!("{architecture}.attention.sliding_window");
        if model.correction.iter().all(|it| it.set.key != window) {
            file.set(window, Value::U32(1024));
        }
        let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
        let config = engine::arch::config(&file);
        assert!(config.is_ok(), "{}: {:?}", model.name, config.err());
        assert_eq!(engine::arch::unread_keys(&file), [""; 0], "{}", model.name);
    }
}

#[test]
fn each_shape_is_corrected_as_its_own_model_alone() {
    for model in models() {
        let found = corrections_of(&metadata(model));
        let ours = found.iter().filter(|it| it.model == model.name).count();
        let always = model.correction.iter().filter(|it| it.instead_of.is_none()).count();
        assert_eq!((ours, found.len()), (always, always), "{}", model.name);
    }
}

#[test]
fn another_shape_is_not_corrected() {
    for model in models() {
        for key in model.shape.keys() {
            let mut other = metadata(model);
            let changed = match &model.shape[key] {
                Fact::Whole(n) => Fact::Whole(n + 1),
                Fact::Real(x) => Fact::Real(x + 1.0),
                Fact::Text(text) => Fact::Text(format!("{text}2")),
            };
            other.insert(key, value(key, &changed));
            assert_eq!(set(&other), [""; 0], "{} with another `{key}`", model.name);
            other.remove(key);
            assert_eq!(set(&other), [""; 0], "{} without `{key}`", model.name);
        }
        for key in &model.absent {
            let mut other = metadata(model);
            other.insert(key, Value::String("yarn".to_owned()));
            assert_eq!(set(&other), [""; 0], "{} with `{key}`", model.name);
        }
    }
}

#[test]
fn what_the_file_says_stands_unless_it_is_the_known_wrong_value() {
    let mut falcon = metadata(named("Falcon 2 11B"));
    let context = "falcon.context_length";
    let base = "falcon.rope.freq_base=F32(500042.0)";
    falcon.insert(context, Value::U32(2048));
    assert_eq!(set(&falcon), [base, "falcon.context_length=U32(8192)"]);
    falcon.insert(context, Value::U32(4096));
    assert_eq!(set(&falcon), [base]);
    falcon.insert("falcon.rope.freq_base", Value::F32(10_000.0));
    assert_eq!(set(&falcon), [""; 0]);
}

#[test]
fn scores_of_gemma_27b_are_scaled_with_the_width_of_a_share() {
    for (model, share) in [("Gemma 2 27B", 144.0_f64), ("Gemma 3 27B", 168.0)] {
        let found = corrections_of(&metadata(named(model)));
        let scale = found.iter().find(|it| it.set.key.ends_with("attention.scale"));
        let expected = Value::F32(share.sqrt().recip() as f32);
        assert_eq!(scale.expect("a scale").set.value, expected, "{model}");
    }
}

#[test]
fn a_gguf_file_is_corrected() {
    let model = named("Mistral 7B v0.1");
    let mut file = Writer::new();
    for (key, value) in metadata(model).iter() {
        file.set(key, value.clone());
    }
    let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
    let found = corrections(&file);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].set, "llama.attention.sliding_window=u32:4096".parse().unwrap());
    let folder = ModelFile { container: Container::Safetensors, ..file };
    assert_eq!(corrections(&folder), []);
}
