//! A tiny made-up model: what the tests of this crate run.

use std::collections::BTreeMap;

use kernels::{Bytes, Format};
use loader::{Container, FileTensor, Metadata, ModelFile, QkOrder, Value};

const DIM: usize = 64;
const HIDDEN: usize = 96;
const VOCAB: usize = 32;

pub(crate) fn tiny(architecture: &str) -> ModelFile {
    let mut file = ModelFile {
        path: "tiny".into(),
        container: Container::Gguf { version: 3 },
        metadata: Metadata::default(),
        tensors: BTreeMap::new(),
        low_rank: Default::default(),
        qk_order: match architecture {
            "gemma2" | "phi3" | "qwen2" | "qwen2moe" | "qwen3" => QkOrder::Halves,
            _ => QkOrder::Interleaved,
        },
        tokenizer_json: None,
        mappings: Vec::new(),
    };
    let name = Value::String(architecture.to_owned());
    file.metadata.insert("general.architecture", name);
    for (key, value) in [
        ("embedding_length", DIM as u32),
        ("feed_forward_length", HIDDEN as u32),
        ("vocab_size", VOCAB as u32),
        ("context_length", 512),
        ("block_count", 2),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
    ] {
        file.metadata.insert(format!("{architecture}.{key}"), Value::U32(value));
    }
    for (key, value) in [("attention.layer_norm_rms_epsilon", 1e-5), ("rope.freq_base", 10000.0)] {
        file.metadata.insert(format!("{architecture}.{key}"), Value::F32(value));
    }
    if architecture == "gemma2" {
        file.metadata.insert("gemma2.attention.sliding_window", Value::U32(0));
    }
    if architecture == "qwen2moe" {
        for (key, value) in [("expert_count", 4), ("expert_used_count", 2)] {
            file.metadata.insert(format!("{architecture}.{key}"), Value::U32(value));
        }
    }
    for (key, value) in numbers(architecture) {
        file.metadata.insert(format!("{architecture}.{key}"), Value::F32(*value));
    }
    let mut seed = 7;
    let mut put = |name: &str, format, shape: &[usize]| {
        let tensor = random(&mut seed, format, shape);
        file.tensors.insert(name.to_owned(), tensor);
    };
    put("token_embd.weight", Format::F32, &[VOCAB, DIM]);
    put("output_norm.weight", Format::F32, &[1, DIM]);
    for layer in 0..2 {
        let mut put = |name: &str, format, shape: &[usize]| {
            put(&format!("blk.{layer}.{name}"), format, shape)
        };
        let k_format = if layer == 0 { Format::Q8_0 } else { Format::Q4_0 };
        put_attention(architecture, k_format, &mut put);
        put_feed_forward(architecture, &mut put);
        if architecture.starts_with("qwen2") {
            put("attn_q.bias", Format::F32, &[1, DIM]);
            put("attn_v.bias", Format::F32, &[1, DIM / 2]);
        }
        if architecture == "qwen3" {
            put("attn_q_norm.weight", Format::F32, &[1, DIM / 4]);
            put("attn_k_norm.weight", Format::F32, &[1, DIM / 4]);
        }
    }
    file
}

/// Numbers that an architecture has and others have not.
fn numbers(architecture: &str) -> &'static [(&'static str, f32)] {
    match architecture {
        "gemma2" => &[("attn_logit_softcapping", 2.0), ("final_logit_softcapping", 3.0)],
        "granite" => &[
            ("attention.scale", 0.125),
            ("embedding_scale", 6.0),
            ("logit_scale", 8.0),
            ("residual_scale", 0.25),
        ],
        _ => &[],
    }
}

/// The tensors of attention and the norms of a block.
fn put_attention(
    architecture: &str,
    k_format: Format,
    put: &mut impl FnMut(&str, Format, &[usize]),
) {
    put("attn_norm.weight", Format::F32, &[1, DIM]);
    if architecture == "phi3" {
        put("attn_qkv.weight", Format::Q4_0, &[2 * DIM, DIM]);
    } else {
        put("attn_q.weight", Format::Q4_0, &[DIM, DIM]);
        put("attn_k.weight", k_format, &[DIM / 2, DIM]);
        if architecture == "llama" || architecture.starts_with("qwen2") {
            put("attn_k.bias", Format::F32, &[1, DIM / 2]);
        }
        put("attn_v.weight", Format::Q4_0, &[DIM / 2, DIM]);
    }
    put("attn_output.weight", Format::Q4_0, &[DIM, DIM]);
    put("ffn_norm.weight", Format::F32, &[1, DIM]);
    if architecture == "gemma2" {
        put("post_attention_norm.weight", Format::F32, &[1, DIM]);
        put("post_ffw_norm.weight", Format::F32, &[1, DIM]);
    }
}

fn put_feed_forward(architecture: &str, put: &mut impl FnMut(&str, Format, &[usize])) {
    if architecture == "qwen2moe" {
        put("ffn_gate_inp.weight", Format::F32, &[4, DIM]);
        put("ffn_gate_exps.weight", Format::Q4_0, &[4, HIDDEN, DIM]);
        put("ffn_up_exps.weight", Format::Q4_0, &[4, HIDDEN, DIM]);
        put("ffn_down_exps.weight", Format::Q8_0, &[4, DIM, HIDDEN]);
        put("ffn_gate_inp_shexp.weight", Format::F32, &[DIM]);
        put("ffn_gate_shexp.weight", Format::Q4_0, &[DIM, DIM]);
        put("ffn_up_shexp.weight", Format::Q4_0, &[DIM, DIM]);
        put("ffn_down_shexp.weight", Format::Q8_0, &[DIM, DIM]);
        return;
    }
    if architecture == "phi3" {
        put("ffn_up.weight", Format::Q4_0, &[2 * HIDDEN, DIM]);
    } else {
        put("ffn_gate.weight", Format::Q4_0, &[HIDDEN, DIM]);
        put("ffn_up.weight", Format::Q4_0, &[HIDDEN, DIM]);
    }
    put("ffn_down.weight", Format::Q8_0, &[DIM, HIDDEN]);
}

fn random(seed: &mut u64, format: Format, shape: &[usize]) -> FileTensor {
    let mut number = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| number()).collect();
    let parts = vec![Bytes::new(format.encode(&numbers))];
    FileTensor { format, shape: shape.to_vec(), parts }
}
