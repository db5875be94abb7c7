//! The tables of `StableLM` 2.

use super::decoder::{DECODER_KEYS, DECODER_TENSORS, HEAD_NORMS, QKV_BIASES};
use crate::{
    QkOrder,
    safetensors::family::{Family, Key, Means, Name, Otherwise, count_or, key, name, real, stack},
};

pub(super) const STABLELM: Family = Family {
    class: "StableLmForCausalLM",
    model_type: "stablelm",
    architecture: "stablelm",
    qk_order: QkOrder::Halves,
    keys: &[STABLELM_KEYS, DECODER_KEYS, STABLELM_TURNED],
    tensors: &[DECODER_TENSORS, QKV_BIASES, STABLELM_TENSORS],
};

const STABLELM_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(32)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(4096)),
    real("layer_norm_eps", "attention.layer_norm_epsilon", 1e-5),
    key("rms_norm_eps", Means::Elsewhere),
    key("use_qkv_bias", Means::Tensors { otherwise: false, names: &["attn_q.bias"] }),
    key("qk_layernorm", Means::Tensors { otherwise: false, names: HEAD_NORMS }),
    // A layer's second norm is there, or not.
    key("use_parallel_residual", Means::Elsewhere),
];

const STABLELM_TURNED: &[Key] = &[key("partial_rotary_factor", Means::Turned { otherwise: 0.25 })];

const STABLELM_TENSORS: &[Name] = &[
    name("model.norm.bias", "output_norm.bias"),
    name("model.layers.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("model.layers.{}.post_attention_layernorm.bias", "blk.{}.ffn_norm.bias"),
    stack("model.layers.{}.self_attn.q_layernorm.norms.{}.weight", "blk.{}.attn_q_norm.weight"),
    stack("model.layers.{}.self_attn.k_layernorm.norms.{}.weight", "blk.{}.attn_k_norm.weight"),
];
