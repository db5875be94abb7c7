//! The seeds of the fuzzers are what is written here, and they open.
//!
//! `INGLE_BLESS=1` writes them anew.

use std::{env, fs, path::Path};

use loader::{Array, Bytes, Format, ModelFile, Value, gguf::Writer, safetensors};

fn gguf_seeds() -> [(&'static str, Writer); 3] {
    let mut model = Writer::new();
    model.set("general.architecture", Value::String("llama".to_owned()));
    model.set("general.alignment", Value::U32(8));
    model.set("llama.block_count", Value::U32(1));
    model.set("llama.rope.freq_base", Value::F32(1e4));
    for (i, format) in [Format::F32, Format::Q8_0, Format::Q4_K].into_iter().enumerate() {
        let cols = format.layout().block_len;
        let data = format.encode(&vec![0.5; 2 * cols]);
        model.tensor(format!("blk.{i}.w"), format, &[2, cols], data);
    }

    let mut vocabulary = Writer::new();
    let strings = |it: &[&str]| Value::Array(Array::String(it.iter().collect()));
    vocabulary.set("tokenizer.ggml.tokens", strings(&["<s>", "</s>", "a"]));
    vocabulary.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0, -1.0, 1.0])));
    vocabulary.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![3, 3, 1])));
    vocabulary.set("tokenizer.ggml.merges", strings(&["a a"]));
    vocabulary.set("tokenizer.ggml.bos_token_id", Value::U32(0));
    vocabulary.set("tokenizer.ggml.add_bos_token", Value::Bool(true));

    [("empty", Writer::new()), ("model", model), ("vocabulary", vocabulary)]
}

/// A header, and what its tensors need in bytes.
const SAFETENSORS_SEEDS: [(&str, &str, usize); 3] = [
    ("empty", "{}", 0),
    (
        "model",
        r#"{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[],"data_offsets":[12,16]}}  "#,
        16,
    ),
    ("escapes", r#"{ "\u00e9\n" : {"shape":[1],"data_offsets":[0,1],"dtype":"U8"} }"#, 1),
];

/// Compares the committed seed `name` with `bytes`, or writes it.
fn check(kind: &str, name: &str, bytes: &[u8]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(kind);
    let path = dir.join(format!("seed-{name}.{kind}"));
    if env::var_os("INGLE_BLESS").is_some() {
        fs::create_dir_all(&dir).expect("the repository is writable");
        fs::write(&path, bytes).expect("the repository is writable");
    }
    let found = fs::read(&path).expect("a seed");
    assert!(found == bytes, "{} is not what is written now", path.display());
}

#[test]
fn seeds_of_the_gguf_fuzzer_are_as_written_and_open() {
    for (name, writer) in gguf_seeds() {
        let bytes = writer.to_bytes();
        check("gguf", name, &bytes);
        ModelFile::from_bytes(name, Bytes::new(bytes), &[]).expect("a sound seed");
    }
}

#[test]
fn seeds_of_the_safetensors_fuzzer_are_as_written_and_open() {
    for (name, header, len) in SAFETENSORS_SEEDS {
        let header_len = (header.len() as u64).to_le_bytes();
        let bytes = [&header_len, header.as_bytes(), &vec![0; len]].concat();
        check("safetensors", name, &bytes);
        safetensors::header(&bytes).expect("a sound seed");
    }
}
