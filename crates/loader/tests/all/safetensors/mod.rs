//! Safetensors files and Hugging Face folders: T8, and what becomes of `config.json`.

mod config;
mod header;
mod index;
mod tokens;

use std::{error::Error as _, fs, path::Path};

use loader::{Access, Bytes, Error, FileTensor, ModelFile};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A safetensors file: the length, the header as it is, the data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A file of f32 tensors with these names and shapes, all zero.
fn zeros(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for (name, shape) in tensors {
        let end = at + 4 * shape.iter().product::<usize>();
        let info = json!({ "dtype": "F32", "shape": shape, "data_offsets": [at, end] });
        header.insert((*name).to_owned(), info);
        at = end;
    }
    file(&Value::Object(header).to_string(), &vec![0; at])
}

/// The tensors of a llama of one layer; a shard is a part of them.
const TENSORS: &[(&str, &[usize])] = &[
    ("model.embed_tokens.weight", &[6, 4]),
    ("model.norm.weight", &[4]),
    ("lm_head.weight", &[6, 4]),
    ("model.layers.0.input_layernorm.weight", &[4]),
    ("model.layers.0.self_attn.q_proj.weight", &[4, 4]),
    ("model.layers.0.self_attn.k_proj.weight", &[4, 4]),
    ("model.layers.0.self_attn.v_proj.weight", &[4, 4]),
    ("model.layers.0.self_attn.o_proj.weight", &[4, 4]),
    ("model.layers.0.post_attention_layernorm.weight", &[4]),
    ("model.layers.0.mlp.gate_proj.weight", &[8, 4]),
    ("model.layers.0.mlp.up_proj.weight", &[8, 4]),
    ("model.layers.0.mlp.down_proj.weight", &[4, 8]),
];

/// Bytes of all [`TENSORS`].
const TOTAL: usize = 4 * (6 * 4 + 4 + 6 * 4 + 4 + 4 * 16 + 4 + 3 * 32);

/// `config.json` for [`TENSORS`].
fn llama() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": 4,
        "intermediate_size": 8,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "vocab_size": 6,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": false,
    })
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("a file in a temporary folder");
    }
    dir
}

/// A folder of the llama with this `config.json`.
fn model(config: &Value) -> TempDir {
    let weights = zeros(TENSORS);
    folder(&[("config.json", config.to_string().as_bytes()), ("model.safetensors", &weights)])
}

fn open(path: &Path) -> Result<ModelFile, Error> {
    ModelFile::open(path, &[])
}

/// The error and what caused it, without the names of temporary folders.
fn refusal(path: &Path) -> String {
    let error = open(path).expect_err("this must not open");
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    let dir = if path.is_dir() { path } else { path.parent().expect("it is in a folder") };
    text.replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), "DIR")
}

#[test]
fn a_folder_and_its_file_are_one_model() {
    let dir = model(&llama());
    for path in [dir.path().to_owned(), dir.path().join("model.safetensors")] {
        let file = open(&path).expect("a model");
        assert_eq!((file.architecture(), file.tensors.len()), ("llama", TENSORS.len()));
        assert_eq!(file.tensors["blk.0.ffn_down.weight"].shape, [4, 8]);
        assert_eq!(file.path, path);
    }
}

#[test]
fn a_folder_is_the_same_mapped_read_and_in_memory() {
    let (config, weights) = (llama().to_string(), zeros(TENSORS));
    let tokens = br#"{"add_bos_token":true,"chat_template":[{"name":"default","template":"x"}]}"#;
    let files: [(&str, &[u8]); 4] = [
        ("config.json", config.as_bytes()),
        ("model.safetensors", &weights),
        ("tokenizer_config.json", tokens),
        ("README.md", b"---\nlicense: mit\n---\n"),
    ];
    let dir = folder(&files);
    let path = dir.path().join("model.safetensors");
    let in_memory = files.map(|(name, bytes)| (name.to_owned(), Bytes::new(bytes.to_vec())));
    let name = dir.path().display().to_string();
    let all = [
        open(dir.path()),
        ModelFile::open_with(dir.path(), &[], Access::Read),
        ModelFile::open_with(&path, &[], Access::Read),
        ModelFile::from_files(&name, in_memory.into(), &[]),
    ];
    let [mapped, others @ ..] = all.map(|it| it.expect("a model"));
    fs::OpenOptions::new().write(true).open(&path).and_then(|it| it.set_len(9)).expect("ours");
    assert!(mapped.check_intact().is_err());
    let shown = |it: &ModelFile| {
        let tensor = |it: &FileTensor| (it.format, it.shape.clone(), it.parts[0].to_vec());
        let tensors = it.tensors.iter().map(|(name, it)| (name.clone(), tensor(it)));
        let metadata = it.metadata.iter().map(|(key, value)| (key.to_owned(), value.clone()));
        (metadata.collect::<Vec<_>>(), tensors.collect::<Vec<_>>())
    };
    for it in &others {
        it.check_intact().expect("it does not hang on the file");
        assert_eq!(shown(it), shown(&others[0]));
        assert_eq!(it.metadata.iter().count(), mapped.metadata.iter().count());
        assert_eq!(it.metadata.str("general.license").ok(), Some(Some("mit")));
    }
}

#[test]
fn a_class_that_is_not_known_keeps_its_names() {
    let config = json!({ "architectures": ["MambaForCausalLM"], "model_type": "mamba", "x": 1 });
    let file = open(model(&config).path()).expect("it opens");
    assert_eq!(file.architecture(), "MambaForCausalLM");
    assert!(file.tensors.contains_key("model.layers.0.mlp.gate_proj.weight"));
}

/// What is not known must not pass for what is.
#[test]
fn a_class_of_a_known_type_is_not_its_family() {
    let opened = |class: &str| {
        let mut config = llama();
        config["architectures"] = json!([class]);
        open(model(&config).path()).expect("it opens")
    };
    let file = opened("LlamaForSequenceClassification");
    assert_eq!(file.architecture(), "LlamaForSequenceClassification");
    assert!(file.metadata.get("llama.block_count").is_none());
    let file = opened("LLaMAForCausalLM");
    assert_eq!(file.architecture(), "llama");
    assert!(file.tensors.contains_key("blk.0.ffn_gate.weight"));
    let mut config = llama();
    config["architectures"] = Value::Null;
    assert_eq!(open(model(&config).path()).expect("it opens").architecture(), "llama");
}

/// A pipe that nobody writes into would be waited for, for ever.
#[cfg(unix)]
#[test]
fn pipes_are_refused_at_once() {
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for name in ["config.json", "tokenizer.json", "model.safetensors.index.json"] {
            let dir = model(&llama());
            if name.ends_with("index.json") {
                fs::remove_file(dir.path().join("model.safetensors")).expect("it was there");
                fs::write(dir.path().join("a.safetensors"), "").expect("a file");
            }
            let path = dir.path().join(name);
            fs::remove_file(&path).ok();
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.expect("every Unix has it").success());
            said.send((name, refusal(dir.path()))).expect("somebody listens");
        }
    });
    for _ in 0..3 {
        let (name, found) =
            heard.recv_timeout(std::time::Duration::from_secs(60)).expect("no wait");
        assert_eq!(found, format!("`{name}` is not a plain file"));
    }
}
