//! Phi 3 and 4, and Phi-3.5 with experts: fused matrices, and heads that need not turn whole.

use super::{
    families::{
        DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS, MIXTRAL_KEYS, MIXTRAL_TENSORS,
        SAME_AS_HEADS,
    },
    family::{Family, Key, Means, Name, Otherwise, count_or, key, name, real},
};
use crate::QkOrder;

pub(super) const PHI3: Family = Family {
    class: "Phi3ForCausalLM",
    model_type: "phi3",
    architecture: "phi3",
    qk_order: QkOrder::Halves,
    keys: &[PHI_KEYS, DECODER_KEYS, PHI_TURNED],
    tensors: &[DECODER_TENSORS, PHI_TENSORS],
};

const PHI_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(4096)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    key("sliding_window", Means::Window { otherwise: None }),
    key("resid_pdrop", Means::Elsewhere),
    key("embd_pdrop", Means::Elsewhere),
    // What transformers does not look at.
    key("full_attn_mod", Means::Elsewhere),
    key("interpolate_factor", Means::Elsewhere),
];

const PHI_TURNED: &[Key] = &[key(TURNED, Means::Turned { otherwise: 1.0 })];

pub(super) const PHI_MOE: Family = Family {
    class: "PhiMoEForCausalLM",
    model_type: "phimoe",
    architecture: "phimoe",
    qk_order: QkOrder::Halves,
    keys: &[PHI_MOE_KEYS, MIXTRAL_KEYS, PHI_KEYS, LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, PHI_MOE_TENSORS, MIXTRAL_TENSORS],
};

const PHI_MOE_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("num_local_experts", "expert_count", Otherwise::Is(16)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    real("router_jitter_noise", "expert_jitter", 0.01),
    key("input_jitter_noise", Means::Elsewhere), // of training
    key("lm_head_bias", Means::Elsewhere),       // there, or not
];

const PHI_MOE_TENSORS: &[Name] = &[
    name("lm_head.bias", "output.bias"),
    name("model.norm.bias", "output_norm.bias"),
    name("model.layers.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("model.layers.{}.post_attention_layernorm.bias", "blk.{}.ffn_norm.bias"),
];

const PHI_TENSORS: &[Name] = &[
    name("model.layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight"),
    name("model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight"),
];

const TURNED: &str = "partial_rotary_factor";
