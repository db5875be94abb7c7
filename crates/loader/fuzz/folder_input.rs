//! What the fuzzer of folders takes its input for, and the tests of its seeds with it.
//!
//! Parts end with a zero byte, which no text has. A part is a file: its first byte, from `0` on,
//! says which, the others are what it holds. The weights are those of a llama of one layer, in one
//! file, or in a shard if there is an index.

use std::collections::BTreeMap;

use loader::Bytes;

const NAMES: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "model.safetensors.index.json",
    "chat_template.jinja",
    "chat_template.json",
    "README.md",
];

/// Of tensors of 4 x 4 numbers, or 4.
const MATRICES: [&str; 9] = [
    "model.embed_tokens",
    "lm_head",
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.self_attn.k_proj",
    "model.layers.0.self_attn.v_proj",
    "model.layers.0.self_attn.o_proj",
    "model.layers.0.mlp.gate_proj",
    "model.layers.0.mlp.up_proj",
    "model.layers.0.mlp.down_proj",
];
const VECTORS: [&str; 3] =
    ["model.norm", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm"];

/// The folder that `input` stands for.
pub(crate) fn files(input: &[u8]) -> BTreeMap<String, Bytes> {
    let mut files = BTreeMap::new();
    for part in input.split(|it| *it == 0) {
        if let Some((which, text)) = part.split_first() {
            let name = NAMES[usize::from(which.wrapping_sub(b'0')) % NAMES.len()];
            files.insert(name.to_owned(), Bytes::new(text.to_vec()));
        }
    }
    let index = files.contains_key("model.safetensors.index.json");
    let shard = if index { "a.safetensors" } else { "model.safetensors" };
    files.insert(shard.to_owned(), Bytes::new(weights()));
    files
}

fn weights() -> Vec<u8> {
    let (mut header, mut at) = (Vec::new(), 0);
    let matrices = MATRICES.map(|name| (name, "4,4", 64));
    for (name, shape, len) in matrices.into_iter().chain(VECTORS.map(|name| (name, "4", 16))) {
        let offsets = format!("[{at},{}]", at + len);
        header.push(format!(
            r#""{name}.weight":{{"dtype":"F32","shape":[{shape}],"data_offsets":{offsets}}}"#
        ));
        at += len;
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; at]].concat()
}
