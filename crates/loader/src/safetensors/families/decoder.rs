//! What the families of plain decoders have in common, as a Llama has it: keys and tensors that most
//! tables end with.

use crate::safetensors::{
    family::{Key, Means, Name, Otherwise, To, count, count_or, key, name, real},
    rope::ORIGINAL,
};

pub(in crate::safetensors) const DECODER_KEYS: &[Key] = &[
    count("vocab_size", "vocab_size"),
    count("hidden_size", "embedding_length"),
    count("intermediate_size", "feed_forward_length"),
    count("num_hidden_layers", "block_count"),
    count("num_attention_heads", "attention.head_count"),
    key("head_dim", Means::HeadDim { otherwise: None }),
    key("hidden_act", Means::OneOf(&["silu", "swish"])),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    key("rope_parameters", Means::Rope { theta: 10000.0 }),
    key("rope_scaling", Means::Elsewhere),
    key("rope_theta", Means::Elsewhere),
    key(ORIGINAL, Means::Elsewhere),
    key("tie_word_embeddings", Means::Tied { otherwise: false }),
    key("layer_types", Means::Elsewhere),
];

pub(in crate::safetensors) const LLAMA_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("mlp_bias", Means::Tensors { otherwise: false, names: MLP_BIASES }),
];

pub(in crate::safetensors) const SAME_AS_HEADS: Otherwise = Otherwise::Same("num_attention_heads");
pub(super) const ATTENTION_BIASES: &[&str] =
    &["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias"];
pub(super) const HEAD_NORMS: &[&str] = &["attn_q_norm.weight", "attn_k_norm.weight"];
pub(super) const MLP_BIASES: &[&str] = &["ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"];

pub(in crate::safetensors) const DECODER_TENSORS: &[Name] = &[
    name("model.embed_tokens.weight", "token_embd.weight"),
    name("model.norm.weight", "output_norm.weight"),
    name("lm_head.weight", "output.weight"),
    name("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"),
    name("model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight"),
    name("model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight"),
    name("model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight"),
    name("model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight"),
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight"),
    name("model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight"),
    name("model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight"),
    name("model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight"),
    Name { from: "model.layers.{}.self_attn.rotary_emb.inv_freq", to: To::Dropped },
    Name { from: "model.rotary_emb.inv_freq", to: To::Dropped },
];

pub(super) const QKV_BIASES: &[Name] = &[
    name("model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"),
    name("model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"),
    name("model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"),
];

pub(in crate::safetensors) const LLAMA_BIASES: &[Name] = &[
    name("model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"),
    name("model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"),
    name("model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"),
    name("model.layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias"),
    name("model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias"),
    name("model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias"),
    name("model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias"),
];

pub(super) const POST_NORMS: &[Name] = &[
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"),
    name("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"),
];

pub(in crate::safetensors) const QK_NORMS: &[Name] = &[
    name("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"),
    name("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"),
];
