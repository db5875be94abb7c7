//! The tables of families with Mamba-2 layers.

use super::{
    decoder::{
        ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS, MLP_BIASES,
    },
    experts,
};
use crate::{
    QkOrder,
    safetensors::{
        family::{Family, Key, Means, Name, Otherwise, count_or, key, name, real},
        granite, hybrid, mamba,
    },
};

pub(super) const FALCON_H1: Family = Family {
    class: "FalconH1ForCausalLM",
    model_type: "falcon_h1",
    architecture: "falcon-h1",
    qk_order: QkOrder::Halves,
    keys: &[FALCON_H1_KEYS, MAMBA_KEYS, MAMBA_BIAS_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, FALCON_H1_TENSORS, MAMBA_TENSORS],
};

pub(super) const GRANITE_HYBRID: Family = Family {
    class: "GraniteMoeHybridForCausalLM",
    model_type: "granitemoehybrid",
    architecture: "granitehybrid",
    qk_order: QkOrder::Halves,
    keys: &[
        experts::GRANITE_MOE_KEYS,
        experts::GRANITE_SHARED_KEYS,
        GRANITE_HYBRID_KEYS,
        granite::GRANITE_KEYS,
        LLAMA_KEYS,
        MAMBA_KEYS,
        DECODER_KEYS,
    ],
    tensors: &[
        DECODER_TENSORS,
        LLAMA_BIASES,
        experts::GRANITE_MOE_TENSORS,
        experts::GRANITE_SHARED_TENSORS,
        MAMBA_TENSORS,
    ],
};

const FALCON_H1_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(8)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(8192)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("mlp_bias", Means::Tensors { otherwise: false, names: MLP_BIASES }),
    key("projectors_bias", Means::Tensors { otherwise: false, names: &["ssm_out.bias"] }),
    key("mamba_rms_norm", Means::Tensors { otherwise: false, names: &["ssm_norm.weight"] }),
    key("mamba_norm_before_gate", Means::By(mamba::gate_first)),
    real("embedding_multiplier", "embedding_scale", 1.0),
    real("lm_head_multiplier", "logit_scale", 1.0),
    real("attention_in_multiplier", "attention.input_scale", 1.0),
    real("key_multiplier", "attention.key_scale", 1.0),
    real("attention_out_multiplier", "attention.output_scale", 1.0),
    real("ssm_in_multiplier", "ssm.input_scale", 1.0),
    real("ssm_out_multiplier", "ssm.output_scale", 1.0),
    key("ssm_multipliers", Means::By(mamba::multipliers)),
    key("mlp_multipliers", Means::Elsewhere),
    // What transformers does not look at: all layers attend and have a feed-forward block.
    key("mamba_use_mlp", Means::Elsewhere),
    key("mlp_expansion_factor", Means::Elsewhere),
    key("num_logits_to_keep", Means::Elsewhere),
];

const MAMBA_KEYS: &[Key] = &[
    count_or("mamba_d_conv", "ssm.conv_kernel", Otherwise::Is(4)),
    count_or("mamba_d_state", "ssm.state_size", Otherwise::Is(256)),
    count_or("mamba_n_groups", "ssm.group_count", Otherwise::Is(1)),
    count_or("mamba_n_heads", "ssm.time_step_rank", Otherwise::Is(128)),
    key("mamba_d_head", Means::By(mamba::mixers)),
    key("mamba_d_ssm", Means::Elsewhere),
    key("mamba_expand", Means::Elsewhere),
    key("time_step_limit", Means::Elsewhere),
    // What is computed does not depend on how a scan is cut, nor on how weights began.
    key("mamba_chunk_size", Means::Elsewhere),
    key("time_step_floor", Means::Elsewhere),
    key("time_step_max", Means::Elsewhere),
    key("time_step_min", Means::Elsewhere),
    key("time_step_rank", Means::Elsewhere),
];

/// Where every layer has a mixer.
const MAMBA_BIAS_KEYS: &[Key] = &[
    key("mamba_conv_bias", Means::Tensors { otherwise: true, names: &["ssm_conv1d.bias"] }),
    key("mamba_proj_bias", Means::Tensors { otherwise: false, names: &["ssm_in.bias"] }),
];

const FALCON_H1_TENSORS: &[Name] = &[
    name("model.final_layernorm.weight", "output_norm.weight"),
    name("model.layers.{}.pre_ff_layernorm.weight", "blk.{}.ffn_norm.weight"),
    name("model.layers.{}.feed_forward.gate_proj.weight", "blk.{}.ffn_gate.weight"),
    name("model.layers.{}.feed_forward.gate_proj.bias", "blk.{}.ffn_gate.bias"),
    name("model.layers.{}.feed_forward.up_proj.weight", "blk.{}.ffn_up.weight"),
    name("model.layers.{}.feed_forward.up_proj.bias", "blk.{}.ffn_up.bias"),
    name("model.layers.{}.feed_forward.down_proj.weight", "blk.{}.ffn_down.weight"),
    name("model.layers.{}.feed_forward.down_proj.bias", "blk.{}.ffn_down.bias"),
];

const MAMBA_TENSORS: &[Name] = &[
    name("model.layers.{}.mamba.A_log", "blk.{}.ssm_a"),
    name("model.layers.{}.mamba.D", "blk.{}.ssm_d"),
    name("model.layers.{}.mamba.dt_bias", "blk.{}.ssm_dt.bias"),
    name("model.layers.{}.mamba.conv1d.weight", "blk.{}.ssm_conv1d.weight"),
    name("model.layers.{}.mamba.conv1d.bias", "blk.{}.ssm_conv1d.bias"),
    name("model.layers.{}.mamba.in_proj.weight", "blk.{}.ssm_in.weight"),
    name("model.layers.{}.mamba.in_proj.bias", "blk.{}.ssm_in.bias"),
    name("model.layers.{}.mamba.norm.weight", "blk.{}.ssm_norm.weight"),
    name("model.layers.{}.mamba.out_proj.weight", "blk.{}.ssm_out.weight"),
    name("model.layers.{}.mamba.out_proj.bias", "blk.{}.ssm_out.bias"),
];

const GRANITE_HYBRID_KEYS: &[Key] = &[
    key("layer_types", Means::By(hybrid::kinds)),
    key("layers_block_type", Means::Elsewhere),
    key("num_key_value_heads", Means::Elsewhere),
    key("position_embedding_type", Means::By(hybrid::positions)),
    key("intermediate_size", Means::By(hybrid::width)),
    key("normalization_function", Means::OneOf(&["rmsnorm"])),
    key("init_method", Means::Elsewhere),
    // The layers that could have one are not all layers: what tensors there are says it.
    key("attention_bias", Means::Elsewhere),
    key("mamba_conv_bias", Means::Elsewhere),
    key("mamba_proj_bias", Means::Elsewhere),
];
