//! The seeds of the fuzzers are what is written here, and they open.
//!
//! `INGLE_BLESS=1` writes them anew.

#[path = "../../fuzz/folder_input.rs"]
mod folder_input;

use std::{env, fs, path::Path};

use loader::{Array, Bytes, Format, ModelFile, Value, gguf::Writer, safetensors};

fn gguf_seeds() -> [(&'static str, Writer); 3] {
    let mut model = Writer::new();
    model.set("general.architecture", Value::String("llama".to_owned()));
    model.set("general.alignment", Value::U32(8));
    model.set("llama.block_count", Value::U32(1));
    model.set("llama.rope.freq_base", Value::F32(1e4));
    for (i, format) in [Format::F32, Format::Q8_0, Format::Q4_K].into_iter().enumerate() {
        // Zeros, which no encoder may change its mind about.
        let cols = format.layout().block_len;
        let data = vec![0; 2 * format.row_bytes(cols).expect("whole blocks")];
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

/// A llama whose small files say all that they can; the same with an index; a class that nobody
/// knows.
const FOLDER_SEEDS: [(&str, &[&str]); 3] = [
    (
        "llama",
        &[
            r#"0{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","hidden_size":4,"intermediate_size":4,"num_attention_heads":2,"num_key_value_heads":2,"head_dim":2,"num_hidden_layers":1,"vocab_size":4,"max_position_embeddings":64,"rms_norm_eps":1e-5,"rope_theta":1e4,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":32},"bos_token_id":0,"eos_token_id":[1,2],"tie_word_embeddings":false,"torch_dtype":"float32"}"#,
            r#"1{"temperature":0.6,"top_k":40,"top_p":0.9,"min_p":0.1,"repetition_penalty":1.1,"do_sample":true,"eos_token_id":1}"#,
            r#"2{"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true,"add_eos_token":false,"chat_template":[{"name":"default","template":"{{ messages }}"},{"name":"tool_use","template":"{{ tools }}"}]}"#,
            r#"3{"unk_token":"<unk>","pad_token":null}"#,
            r#"4{"added_tokens":[{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>","special":true}],"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},"model":{"type":"BPE","vocab":{"<s>":0,"</s>":1,"a":2},"merges":[]}}"#,
            "6{% for m in messages %}{{ m.content }}{% endfor %}",
            "8---\nlicense: mit\n---\n",
        ],
    ),
    (
        "index",
        &[
            r#"0{"architectures":["X"],"model_type":"x"}"#,
            r#"5{"metadata":{"total_size":624},"weight_map":{"model.embed_tokens.weight":"a.safetensors","lm_head.weight":"a.safetensors","model.layers.0.self_attn.q_proj.weight":"a.safetensors","model.layers.0.self_attn.k_proj.weight":"a.safetensors","model.layers.0.self_attn.v_proj.weight":"a.safetensors","model.layers.0.self_attn.o_proj.weight":"a.safetensors","model.layers.0.mlp.gate_proj.weight":"a.safetensors","model.layers.0.mlp.up_proj.weight":"a.safetensors","model.layers.0.mlp.down_proj.weight":"a.safetensors","model.norm.weight":"a.safetensors","model.layers.0.input_layernorm.weight":"a.safetensors","model.layers.0.post_attention_layernorm.weight":"a.safetensors"}}"#,
            r#"7{"chat_template":"x"}"#,
        ],
    ),
    ("unknown", &[r#"0{"architectures":["MambaForCausalLM"],"model_type":"mamba"}"#]),
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

#[test]
fn seeds_of_the_folder_fuzzer_are_as_written_and_open() {
    for (name, parts) in FOLDER_SEEDS {
        let bytes = parts.join("\0").into_bytes();
        check("folder", name, &bytes);
        ModelFile::from_files(name, folder_input::files(&bytes), &[]).expect("a sound seed");
    }
}
