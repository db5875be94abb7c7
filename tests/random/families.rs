//! What is drawn for each architecture: everything that its loader reads.
//!
//! Only what a published model could have: what loaders are right to refuse is in the engine's own
//! tests.

use loader::Value;

use crate::{
    draw::{Draw, Family},
    gemma,
    parts::{LAYER, RMS, Shared},
};

/// An architecture that is not here fails the test.
const FAMILIES: &[Family] = &[
    ("command-r", command_r),
    ("cohere2", cohere2),
    ("deepseek2", deepseek2),
    ("falcon", falcon),
    ("falcon-h1", falcon_h1),
    ("gemma", gemma::gemma),
    ("gemma2", gemma::gemma2),
    ("gemma3", gemma::gemma3),
    ("gemma3n", gemma::gemma3n),
    ("gemma4", gemma::gemma4),
    ("gpt-oss", gpt_oss),
    ("granite", granite),
    ("granitehybrid", granite_hybrid),
    ("granitemoe", granite_moe),
    ("llama", llama),
    ("llama4", llama4),
    ("mistral3", mistral3),
    ("olmo2", olmo2),
    ("phi3", phi3),
    ("phimoe", phimoe),
    ("qwen2", qwen2),
    ("qwen2moe", qwen2_moe),
    ("qwen3", qwen3),
    ("qwen3moe", qwen3_moe),
    ("smollm3", smollm3),
    ("stablelm", stablelm),
];

/// A configuration of the draw's architecture.
pub(crate) fn draw(d: &mut Draw) {
    let family = FAMILIES.iter().find(|it| it.0 == d.architecture);
    family.unwrap_or_else(|| panic!("`{}` is not in FAMILIES", d.architecture)).1(d);
}

const HEAD_NORMS: &[&str] = &["attn_q_norm.weight", "attn_k_norm.weight"];
const QKV: &[&str] = &["attn_q", "attn_k", "attn_v"];

fn command_r(d: &mut Draw) {
    d.decoder(LAYER);
    d.window();
    cohere(d);
}

/// Without a window none of its layers would look at positions.
fn cohere2(d: &mut Draw) {
    d.decoder(LAYER);
    let window = d.between(1..=12);
    d.count("attention.sliding_window", window);
    d.flags_if("attention.sliding_window_pattern");
    cohere(d);
}

fn cohere(d: &mut Draw) {
    d.rope_scaling();
    d.real("logit_scale", 0.05, 2.0);
    d.blocks_if(HEAD_NORMS);
    d.biases(&["attn_norm"]);
    d.tensor_if("output_norm.bias");
    d.head();
}

/// Latent keys: older files state the columns of a head, newer ones those of a latent, too.
fn deepseek2(d: &mut Draw) {
    d.decoder(RMS);
    let (turned, nope) = (2 * d.between(1..=8), d.between(1..=24));
    let (rank, v_dim) = (d.between(4..=40), d.between(1..=24));
    d.count("rope.dimension_count", turned);
    d.count("attention.kv_lora_rank", rank);
    let suffix = if d.coin() {
        d.count("attention.key_length", rank + turned);
        d.count("attention.value_length", rank);
        d.count("attention.head_count_kv", 1);
        "_mla"
    } else {
        d.count("attention.head_count_kv", d.n_heads);
        ""
    };
    d.count(&format!("attention.key_length{suffix}"), nope + turned);
    d.count(&format!("attention.value_length{suffix}"), v_dim);
    if d.coin() {
        let rank = d.between(4..=40);
        d.count("attention.q_lora_rank", rank);
    }
    d.blocks_if(&["attn_kv_b.weight"]);
    d.rope_scaling();
    d.window();
    let shared = if d.coin() { Shared::Plain } else { Shared::None };
    if d.coin() {
        d.grouped_mixture(shared)
    } else {
        d.mixture(shared)
    }
    d.head();
}

fn falcon(d: &mut Draw) {
    d.decoder(LAYER);
    d.rope_scaling();
    d.window();
    if d.coin() {
        d.blocks(&["attn_qkv.weight"]);
        d.biases(&["attn_qkv"]);
    } else {
        d.biases(QKV);
    }
    d.biases(&["attn_norm", "attn_output", "ffn_up", "ffn_down"]);
    if d.coin() {
        d.blocks(&["attn_norm_2.weight"]);
        d.biases(&["attn_norm_2"]);
    }
    d.tensor_if("output_norm.bias");
    d.head();
}

fn falcon_h1(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.mamba_where(|_| true);
    for key in [
        "embedding_scale",
        "logit_scale",
        "attention.input_scale",
        "attention.key_scale",
        "attention.output_scale",
        "ssm.input_scale",
        "ssm.gate_scale",
        "ssm.x_scale",
        "ssm.b_scale",
        "ssm.c_scale",
        "ssm.dt_scale",
        "ssm.output_scale",
        "feed_forward.gate_scale",
        "feed_forward.down_scale",
    ] {
        d.real_if(key, 0.3, 1.7);
    }
    d.blocks_if(&["ffn_norm"]);
    d.biases(QKV);
    d.head();
}

fn gpt_oss(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.expert_counts();
    d.real_if("expert_swiglu_alpha", 0.5, 2.0);
    d.real_if("expert_swiglu_limit", 0.5, 7.0);
    d.blocks_if(&["attn_sinks.weight"]);
    d.biases(QKV);
    d.biases(&["attn_output", "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"]);
    d.head();
}

fn granite(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    granite_scales(d);
}

fn granite_moe(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    let shared = if d.coin() { Shared::Plain } else { Shared::None };
    d.mixture(shared);
    granite_scales(d);
}

/// Mixers and attention in any order, and neither missing from all layers, nor there in all, nor
/// each layer with as many key heads, is out of the ordinary.
fn granite_hybrid(d: &mut Draw) {
    d.decoder(RMS);
    let n_heads = d.n_heads;
    let kv_heads = d.by_layer(|it| if it.coin() { 0 } else { it.divisor(n_heads) });
    d.counts("attention.head_count_kv", &kv_heads);
    if kv_heads.contains(&0) {
        d.mamba_where(|layer| kv_heads[layer] == 0);
    }
    if d.coin() {
        d.set("rope.scaling.finetuned", Value::Bool(false));
    } else {
        d.rope_scaling();
    }
    if d.coin() {
        let shared = if d.coin() { Shared::Plain } else { Shared::None };
        d.mixture(shared);
    }
    granite_scales(d);
}

fn granite_scales(d: &mut Draw) {
    d.window();
    d.real_if("attention.scale", 0.05, 0.5);
    d.real_if("embedding_scale", 0.5, 12.0);
    d.real_if("residual_scale", 0.2, 1.0);
    d.real_if("logit_scale", 0.5, 8.0);
    d.head();
}

fn llama(d: &mut Draw) {
    like_llama(d);
    d.biases(QKV);
    d.biases(&["attn_output"]);
    if d.coin() {
        d.mixture(Shared::None);
    } else {
        d.biases(&["ffn_gate", "ffn_up", "ffn_down"]);
    }
}

fn like_llama(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.tensor_if("output.bias");
    d.head();
}

fn llama4(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.flags_if("rope.layers");
    d.growth_if();
    if d.coin() {
        let norms = d.coin();
        d.set("attention.head_norms", Value::Bool(norms));
    }
    let shared = if d.coin() { Shared::Plain } else { Shared::None };
    d.mixture(shared);
    d.head();
}

fn mistral3(d: &mut Draw) {
    like_llama(d);
    d.growth_if();
}

fn olmo2(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.head();
    d.base_if("rope.freq_base_swa");
}

/// Queries, keys and values in one tensor, as are both halves of the feed-forward block.
fn phi3(d: &mut Draw) {
    like_llama(d);
    d.blocks(&["attn_qkv.weight", "ffn_up.weight"]);
    d.biases(&["attn_qkv", "ffn_up"]);
}

fn phimoe(d: &mut Draw) {
    like_llama(d);
    d.biases(QKV);
    d.biases(&["attn_norm", "attn_output", "ffn_norm"]);
    d.tensor_if("output_norm.bias");
    d.real_if("expert_jitter", 0.01, 0.3);
    d.mixture(Shared::None);
}

fn qwen2(d: &mut Draw) {
    like_llama(d);
    d.biases(QKV);
}

fn qwen2_moe(d: &mut Draw) {
    qwen2(d);
    d.mixture(Shared::Gated);
}

fn qwen3(d: &mut Draw) {
    like_llama(d);
    d.blocks(HEAD_NORMS);
}

fn qwen3_moe(d: &mut Draw) {
    qwen3(d);
    d.mixture(Shared::None);
}

fn smollm3(d: &mut Draw) {
    like_llama(d);
    d.flags_if("rope.layers");
}

fn stablelm(d: &mut Draw) {
    d.decoder(LAYER);
    d.rope_scaling();
    d.window();
    d.biases(QKV);
    d.biases(&["attn_norm"]);
    d.blocks_if(HEAD_NORMS);
    if d.coin() {
        d.blocks(&["ffn_norm.weight"]);
        d.biases(&["ffn_norm"]);
    }
    d.tensor_if("output_norm.bias");
    d.head();
}
