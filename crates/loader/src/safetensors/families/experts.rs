//! The tables of families with mixtures of experts.

use super::decoder::ATTENTION_BIASES;
use crate::{
    Value,
    safetensors::{
        Error, deepseek, experts,
        family::{Key, Means, Name, Otherwise, count_or, key, name, real, stack},
        hybrid,
        keys::View,
        llama4, window,
    },
};

pub(in crate::safetensors) const MIXTRAL_KEYS: &[Key] = &[
    count_or("num_local_experts", "expert_count", Otherwise::Is(8)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(2)),
    key("sliding_window", Means::Window { otherwise: None }),
];

/// Which layers have experts is what their tensors say.
pub(super) const QWEN_MOE_KEYS: &[Key] = &[
    Key {
        name: "norm_topk_prob",
        means: Means::Flag { key: "expert_weights_norm", otherwise: false },
    },
    key("decoder_sparse_step", Means::Elsewhere),
    key("mlp_only_layers", Means::Elsewhere),
];

pub(super) const QWEN2_MOE_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(16)),
    count_or("num_experts", "expert_count", Otherwise::Is(60)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(4)),
    count_or("moe_intermediate_size", "expert_feed_forward_length", Otherwise::Is(1408)),
    count_or(
        "shared_expert_intermediate_size",
        "expert_shared_feed_forward_length",
        Otherwise::Is(5632),
    ),
    key("qkv_bias", Means::Tensors { otherwise: true, names: QKV_BIAS_NAMES }),
    key("sliding_window", Means::By(window::before_a_layer)),
];

pub(super) const QWEN3_MOE_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(4)),
    count_or("num_experts", "expert_count", Otherwise::Is(128)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(8)),
    count_or("moe_intermediate_size", "expert_feed_forward_length", Otherwise::Is(768)),
    key("sliding_window", Means::By(window::if_used)),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
];

const QKV_BIAS_NAMES: &[&str] = &["attn_q.bias", "attn_k.bias", "attn_v.bias"];

pub(in crate::safetensors) const MIXTRAL_TENSORS: &[Name] = &[
    name("model.layers.{}.block_sparse_moe.gate.weight", "blk.{}.ffn_gate_inp.weight"),
    stack("model.layers.{}.block_sparse_moe.experts.{}.w1.weight", "blk.{}.ffn_gate_exps.weight"),
    stack("model.layers.{}.block_sparse_moe.experts.{}.w3.weight", "blk.{}.ffn_up_exps.weight"),
    stack("model.layers.{}.block_sparse_moe.experts.{}.w2.weight", "blk.{}.ffn_down_exps.weight"),
];

pub(super) const QWEN_MOE_TENSORS: &[Name] = &[
    name("model.layers.{}.mlp.gate.weight", "blk.{}.ffn_gate_inp.weight"),
    stack("model.layers.{}.mlp.experts.{}.gate_proj.weight", "blk.{}.ffn_gate_exps.weight"),
    stack("model.layers.{}.mlp.experts.{}.up_proj.weight", "blk.{}.ffn_up_exps.weight"),
    stack("model.layers.{}.mlp.experts.{}.down_proj.weight", "blk.{}.ffn_down_exps.weight"),
    name("model.layers.{}.mlp.shared_expert_gate.weight", "blk.{}.ffn_gate_inp_shexp.weight"),
    name("model.layers.{}.mlp.shared_expert.gate_proj.weight", "blk.{}.ffn_gate_shexp.weight"),
    name("model.layers.{}.mlp.shared_expert.up_proj.weight", "blk.{}.ffn_up_shexp.weight"),
    name("model.layers.{}.mlp.shared_expert.down_proj.weight", "blk.{}.ffn_down_shexp.weight"),
];

pub(super) const GRANITE_MOE_KEYS: &[Key] = &[
    count_or("num_local_experts", "expert_count", Otherwise::Is(8)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(2)),
    key("logits_scaling", Means::By(granite_multipliers)),
];

/// The multipliers, and the experts: gate and up are one matrix.
fn granite_multipliers(view: &mut View<'_>) -> Result<(), Error> {
    let scale = view.config.real("logits_scaling")?.unwrap_or(1.0);
    view.set("logit_scale", Value::F32(scale as f32));
    experts::halves(view)
}

pub(super) const GRANITE_MOE_TENSORS: &[Name] = &[
    name("model.layers.{}.block_sparse_moe.router.layer.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.block_sparse_moe.input_linear.weight", "blk.{}.ffn_gate_up_exps.weight"),
    name("model.layers.{}.block_sparse_moe.output_linear.weight", "blk.{}.ffn_down_exps.weight"),
];

/// Of what all rows share.
pub(super) const GRANITE_SHARED_KEYS: &[Key] =
    &[key("shared_intermediate_size", Means::By(hybrid::shared))];

pub(super) const GRANITE_SHARED_TENSORS: &[Name] = &[
    name("model.layers.{}.shared_mlp.input_linear.weight", "blk.{}.ffn_gate_up_shexp.weight"),
    name("model.layers.{}.shared_mlp.output_linear.weight", "blk.{}.ffn_down_shexp.weight"),
];

pub(super) const GPT_OSS_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(8)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("num_local_experts", "expert_count", Otherwise::Is(128)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(4)),
    key("experts_per_token", Means::Elsewhere), // the same under another name
    key("intermediate_size", Means::By(gpt_oss_experts)),
    key("head_dim", Means::HeadDim { otherwise: Some(64) }),
    key("attention_bias", Means::Tensors { otherwise: true, names: ATTENTION_BIASES }),
    key("sliding_window", Means::WindowPattern { window: 128, every: 2 }),
    key("initial_context_length", Means::Elsewhere), // that of rope's parameters
    real("swiglu_alpha", "expert_swiglu_alpha", 1.702),
    real("swiglu_limit", "expert_swiglu_limit", 7.0),
];

fn gpt_oss_experts(view: &mut View<'_>) -> Result<(), Error> {
    let hidden = view.need("intermediate_size")?;
    view.set("feed_forward_length", Value::U32(hidden));
    view.set("expert_feed_forward_length", Value::U32(hidden));
    experts::alternating(view)
}

pub(super) const GPT_OSS_TENSORS: &[Name] = &[
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"),
    name("model.layers.{}.self_attn.sinks", "blk.{}.attn_sinks.weight"),
    name("model.layers.{}.mlp.router.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.mlp.router.bias", "blk.{}.ffn_gate_inp.bias"),
    name("model.layers.{}.mlp.experts.gate_up_proj", "blk.{}.ffn_gate_up_exps.transposed"),
    name("model.layers.{}.mlp.experts.down_proj", "blk.{}.ffn_down_exps.transposed"),
    name("model.layers.{}.mlp.experts.gate_up_proj_blocks", "blk.{}.ffn_gate_up_exps.rows"),
    name("model.layers.{}.mlp.experts.down_proj_blocks", "blk.{}.ffn_down_exps.weight"),
    name("model.layers.{}.mlp.experts.gate_up_proj_bias", "blk.{}.ffn_gate_up_exps.bias"),
    name("model.layers.{}.mlp.experts.down_proj_bias", "blk.{}.ffn_down_exps.bias"),
];

pub(super) const LLAMA4_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(8)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("intermediate_size", "expert_feed_forward_length", Otherwise::Is(8192)),
    count_or("intermediate_size_mlp", "feed_forward_length", Otherwise::Is(16_384)),
    count_or("num_local_experts", "expert_count", Otherwise::Is(16)),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(1)),
    count_or("interleave_moe_layer_step", "interleave_moe_layer_step", Otherwise::Is(1)),
    key("moe_layers", Means::By(experts::halves_of_columns)), // which they are, their tensors say
    key("head_dim", Means::HeadDim { otherwise: Some(128) }),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("use_qk_norm", Means::Flag { key: "attention.head_norms", otherwise: true }),
    key("attention_chunk_size", Means::By(llama4::layers)),
    key("no_rope_layers", Means::Elsewhere),
    key("no_rope_layer_interval", Means::Elsewhere),
    key("attn_temperature_tuning", Means::By(llama4::temperature)),
    key("attn_scale", Means::Elsewhere),
    key("floor_scale", Means::Elsewhere),
    key("for_llm_compressor", Means::Elsewhere),
];

pub(super) const LLAMA4_TENSORS: &[Name] = &[
    name("model.layers.{}.feed_forward.router.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.feed_forward.experts.gate_up_proj", "blk.{}.ffn_gate_up_exps.transposed"),
    name("model.layers.{}.feed_forward.experts.down_proj", "blk.{}.ffn_down_exps.transposed"),
    name(
        "model.layers.{}.feed_forward.shared_expert.gate_proj.weight",
        "blk.{}.ffn_gate_shexp.weight",
    ),
    name("model.layers.{}.feed_forward.shared_expert.up_proj.weight", "blk.{}.ffn_up_shexp.weight"),
    name(
        "model.layers.{}.feed_forward.shared_expert.down_proj.weight",
        "blk.{}.ffn_down_shexp.weight",
    ),
    name("model.layers.{}.feed_forward.gate_proj.weight", "blk.{}.ffn_gate.weight"),
    name("model.layers.{}.feed_forward.up_proj.weight", "blk.{}.ffn_up.weight"),
    name("model.layers.{}.feed_forward.down_proj.weight", "blk.{}.ffn_down.weight"),
];

/// Which layers have experts is what their tensors say.
pub(super) const DEEPSEEK_KEYS: &[Key] = &[
    key("kv_lora_rank", Means::By(deepseek::latents)),
    key("q_lora_rank", Means::Elsewhere),
    key("qk_nope_head_dim", Means::Elsewhere),
    key("qk_rope_head_dim", Means::Elsewhere),
    key("v_head_dim", Means::Elsewhere),
    key("head_dim", Means::Elsewhere),
    key("num_key_value_heads", Means::Elsewhere),
    key("rope_interleave", Means::Elsewhere),
    count_or("num_experts_per_tok", "expert_used_count", Otherwise::Is(8)),
    count_or("moe_intermediate_size", "expert_feed_forward_length", Otherwise::Is(2048)),
    key("topk_method", Means::Elsewhere),
    key("n_group", Means::Elsewhere),
    key("topk_group", Means::Elsewhere),
    key("aux_loss_alpha", Means::Elsewhere), // of training, as the next two
    key("seq_aux", Means::Elsewhere),
    key("ep_size", Means::Elsewhere),
    key("num_nextn_predict_layers", Means::By(deepseek::further_tokens)),
];

pub(super) const DEEPSEEK2_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    count_or("n_routed_experts", "expert_count", Otherwise::Is(64)),
    key("n_shared_experts", Means::By(deepseek::shared_of_v2)),
    count_or("first_k_dense_replace", "leading_dense_block_count", Otherwise::Is(0)),
    real("routed_scaling_factor", "expert_weights_scale", 1.0),
    key("scoring_func", Means::OneOf(&["softmax"])),
    key("norm_topk_prob", Means::By(deepseek::softmax)),
];

pub(super) const DEEPSEEK3_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(4096)),
    count_or("n_routed_experts", "expert_count", Otherwise::Is(256)),
    key("n_shared_experts", Means::By(deepseek::shared_of_v3)),
    count_or("first_k_dense_replace", "leading_dense_block_count", Otherwise::Is(3)),
    real("routed_scaling_factor", "expert_weights_scale", 2.5),
    key("scoring_func", Means::By(deepseek::sigmoid)),
    key("norm_topk_prob", Means::Flag { key: "expert_weights_norm", otherwise: true }),
];

pub(super) const DEEPSEEK_TENSORS: &[Name] = &[
    name("model.layers.{}.self_attn.q_a_proj.weight", "blk.{}.attn_q_a.weight"),
    name("model.layers.{}.self_attn.q_a_layernorm.weight", "blk.{}.attn_q_a_norm.weight"),
    name("model.layers.{}.self_attn.q_b_proj.weight", "blk.{}.attn_q_b.weight"),
    name("model.layers.{}.self_attn.kv_a_proj_with_mqa.weight", "blk.{}.attn_kv_a_mqa.weight"),
    name("model.layers.{}.self_attn.kv_a_layernorm.weight", "blk.{}.attn_kv_a_norm.weight"),
    name("model.layers.{}.self_attn.kv_b_proj.weight", "blk.{}.attn_kv_b.weight"),
    name("model.layers.{}.mlp.gate.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.mlp.gate.e_score_correction_bias", "blk.{}.exp_probs_b.bias"),
    stack("model.layers.{}.mlp.experts.{}.gate_proj.weight", "blk.{}.ffn_gate_exps.weight"),
    stack("model.layers.{}.mlp.experts.{}.up_proj.weight", "blk.{}.ffn_up_exps.weight"),
    stack("model.layers.{}.mlp.experts.{}.down_proj.weight", "blk.{}.ffn_down_exps.weight"),
    name("model.layers.{}.mlp.shared_experts.gate_proj.weight", "blk.{}.ffn_gate_shexp.weight"),
    name("model.layers.{}.mlp.shared_experts.up_proj.weight", "blk.{}.ffn_up_shexp.weight"),
    name("model.layers.{}.mlp.shared_experts.down_proj.weight", "blk.{}.ffn_down_shexp.weight"),
    name("model.layers.{}.embed_tokens.weight", "blk.{}.nextn.embed_tokens.weight"),
    name("model.layers.{}.enorm.weight", "blk.{}.nextn.enorm.weight"),
    name("model.layers.{}.hnorm.weight", "blk.{}.nextn.hnorm.weight"),
    name("model.layers.{}.eh_proj.weight", "blk.{}.nextn.eh_proj.weight"),
    name("model.layers.{}.shared_head.head.weight", "blk.{}.nextn.shared_head_head.weight"),
    name("model.layers.{}.shared_head.norm.weight", "blk.{}.nextn.shared_head_norm.weight"),
];
