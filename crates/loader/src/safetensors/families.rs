//! The tables of the families: `config.json` and tensor names, in transformers' spelling.

mod effects;
mod experts;
mod mamba;
mod mixtures;

use super::family::{Family, Key, Means, Name, Otherwise, To};
use super::{falcon, gemma, gemma3n, gemma4, granite, phi, rope};
use crate::QkOrder;

pub(super) use effects::{CHANGES_RESULTS, WITHOUT_EFFECT};
pub(super) use experts::{MIXTRAL_KEYS, MIXTRAL_TENSORS};

/// Every family that is known.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        class: "CohereForCausalLM",
        model_type: "cohere",
        architecture: "command-r",
        qk_order: QkOrder::Interleaved,
        keys: &[COHERE_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, LLAMA_BIASES, QK_NORMS],
    },
    Family {
        class: "Cohere2ForCausalLM",
        model_type: "cohere2",
        architecture: "cohere2",
        qk_order: QkOrder::Interleaved,
        keys: &[COHERE2_KEYS, COHERE_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, LLAMA_BIASES],
    },
    Family {
        class: "FalconForCausalLM",
        model_type: "falcon",
        architecture: "falcon",
        qk_order: QkOrder::Halves,
        keys: &[FALCON_KEYS, DECODER_KEYS],
        tensors: &[FALCON_TENSORS],
    },
    gemma::GEMMA,
    gemma::GEMMA2,
    gemma::GEMMA3,
    gemma::GEMMA3_WITH_VISION,
    granite::GRANITE,
    Family {
        class: "Gemma3nForCausalLM",
        model_type: "gemma3n_text",
        architecture: "gemma3n",
        qk_order: QkOrder::Halves,
        keys: &[GEMMA3N_KEYS],
        tensors: &[GEMMA3N_TENSORS, GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
    },
    Family {
        class: "Gemma3nForConditionalGeneration",
        model_type: "gemma3n",
        architecture: "gemma3n",
        qk_order: QkOrder::Halves,
        keys: &[GEMMA3N_KEYS],
        tensors: &[GEMMA3N_TENSORS, GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
    },
    Family {
        class: "Gemma4ForCausalLM",
        model_type: "gemma4_text",
        architecture: "gemma4",
        qk_order: QkOrder::Halves,
        keys: &[GEMMA4_KEYS],
        tensors: &[GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
    },
    Family {
        class: "Gemma4ForConditionalGeneration",
        model_type: "gemma4",
        architecture: "gemma4",
        qk_order: QkOrder::Halves,
        keys: &[GEMMA4_KEYS],
        tensors: &[GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
    },
    mamba::FALCON_H1,
    Family {
        class: "LlamaForCausalLM",
        model_type: "llama",
        architecture: "llama",
        qk_order: QkOrder::Halves,
        keys: &[LLAMA_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, LLAMA_BIASES],
    },
    Family {
        class: "MistralForCausalLM",
        model_type: "mistral",
        architecture: "llama",
        qk_order: QkOrder::Halves,
        keys: &[MISTRAL_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS],
    },
    Family {
        class: "Mistral3ForConditionalGeneration",
        model_type: "mistral3",
        architecture: "mistral3",
        qk_order: QkOrder::Halves,
        keys: &[MISTRAL3_KEYS, MISTRAL_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS],
    },
    Family {
        class: "MixtralForCausalLM",
        model_type: "mixtral",
        architecture: "llama",
        qk_order: QkOrder::Halves,
        keys: &[experts::MIXTRAL_KEYS, MISTRAL_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, experts::MIXTRAL_TENSORS],
    },
    Family {
        class: "Olmo2ForCausalLM",
        model_type: "olmo2",
        architecture: "olmo2",
        qk_order: QkOrder::Halves,
        keys: &[OLMO2_KEYS, DECODER_KEYS],
        tensors: &[POST_NORMS, DECODER_TENSORS, QK_NORMS],
    },
    Family {
        class: "Olmo3ForCausalLM",
        model_type: "olmo3",
        architecture: "olmo2",
        qk_order: QkOrder::Halves,
        keys: &[OLMO3_KEYS, OLMO2_KEYS, DECODER_KEYS],
        tensors: &[POST_NORMS, DECODER_TENSORS, QK_NORMS],
    },
    Family {
        class: "SmolLM3ForCausalLM",
        model_type: "smollm3",
        architecture: "smollm3",
        qk_order: QkOrder::Halves,
        keys: &[SMOLLM3_KEYS, LLAMA_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, LLAMA_BIASES],
    },
    Family {
        class: "StableLmForCausalLM",
        model_type: "stablelm",
        architecture: "stablelm",
        qk_order: QkOrder::Halves,
        keys: &[STABLELM_KEYS, DECODER_KEYS, STABLELM_TURNED],
        tensors: &[DECODER_TENSORS, QKV_BIASES, STABLELM_TENSORS],
    },
    phi::PHI3,
    phi::PHI_MOE,
    Family {
        class: "Qwen2ForCausalLM",
        model_type: "qwen2",
        architecture: "qwen2",
        qk_order: QkOrder::Halves,
        keys: &[QWEN2_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, QKV_BIASES],
    },
    Family {
        class: "Qwen3ForCausalLM",
        model_type: "qwen3",
        architecture: "qwen3",
        qk_order: QkOrder::Halves,
        keys: &[QWEN3_KEYS, QWEN2_KEYS, DECODER_KEYS],
        tensors: &[DECODER_TENSORS, QK_NORMS],
    },
    mixtures::QWEN2_MOE,
    mixtures::QWEN3_MOE,
    mixtures::GRANITE_MOE,
    mamba::GRANITE_HYBRID,
    mixtures::GPT_OSS,
    mixtures::LLAMA4,
    mixtures::LLAMA4_TEXT,
    mixtures::DEEPSEEK_V2,
    mixtures::DEEPSEEK_V3,
];

pub(super) const DECODER_KEYS: &[Key] = &[
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
    key("tie_word_embeddings", Means::Tied { otherwise: false }),
    key("layer_types", Means::Elsewhere),
];

pub(super) const LLAMA_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("mlp_bias", Means::Tensors { otherwise: false, names: MLP_BIASES }),
];

const MISTRAL_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(8)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("sliding_window", Means::Window { otherwise: Some(4096) }),
];

const MISTRAL3_KEYS: &[Key] = &[key("sliding_window", Means::Window { otherwise: None })];

const QWEN2_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(32)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(32_768)),
    key("sliding_window", Means::WindowFrom),
    key("use_sliding_window", Means::Elsewhere),
    key("max_window_layers", Means::Elsewhere),
];

const QWEN3_KEYS: &[Key] = &[
    key("head_dim", Means::HeadDim { otherwise: Some(128) }),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
];

const COHERE_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(8192)),
    real("logit_scale", "logit_scale", 0.0625),
    real("layer_norm_eps", "attention.layer_norm_epsilon", 1e-5),
    key("rms_norm_eps", Means::Elsewhere),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("use_qk_norm", Means::Tensors { otherwise: false, names: HEAD_NORMS }),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
    key("model_max_length", Means::Elsewhere),
];

const COHERE2_KEYS: &[Key] = &[
    key("sliding_window", Means::WindowPattern { window: 4096, every: 4 }),
    key("sliding_window_pattern", Means::Elsewhere),
    // What transformers does not look at, with the values that it computes.
    key("cache_implementation", Means::Elsewhere),
    key("layer_switch", Means::Elsewhere),
    key("order_of_interleaved_layers", Means::OneOf(&["local_attn_first"])),
    key("position_embedding_type", Means::OneOf(&["rope_gptj"])),
    key("use_embedding_sharing", Means::Elsewhere),
    key("use_gated_activation", Means::Elsewhere),
    key("use_parallel_block", Means::Elsewhere),
];

const FALCON_KEYS: &[Key] = &[
    count_or("ffn_hidden_size", "feed_forward_length", Otherwise::Times(4, "hidden_size")),
    key("intermediate_size", Means::Elsewhere),
    key("ff_factor", Means::Elsewhere),
    key("activation", Means::OneOf(&["gelu"])),
    key("num_kv_heads", Means::By(falcon::heads)),
    key("n_head_kv", Means::Elsewhere),
    key("new_decoder_architecture", Means::Elsewhere),
    key("multi_query", Means::Elsewhere),
    key("parallel_attn", Means::Elsewhere),
    key("num_ln_in_parallel_attn", Means::Elsewhere),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    real("layer_norm_epsilon", "attention.layer_norm_epsilon", 1e-5),
    key("rms_norm_eps", Means::Elsewhere),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

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

const OLMO2_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(2048)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    key("rope_parameters", Means::Rope { theta: 500_000.0 }),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
];

const OLMO3_KEYS: &[Key] = &[
    key("sliding_window", Means::WindowPattern { window: 4096, every: 4 }),
    key("rope_parameters", Means::By(rope::of_full_layers)),
];

const SMOLLM3_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(4)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(32_768)),
    key("rope_parameters", Means::Rope { theta: 2_000_000.0 }),
    key("no_rope_layers", Means::RopeLayers { every: 4 }),
    key("no_rope_layer_interval", Means::Elsewhere),
    key("use_sliding_window", Means::Elsewhere),
    key("sliding_window", Means::WindowFrom),
    key("max_window_layers", Means::Elsewhere),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

const GEMMA3N_KEYS: &[Key] = &[
    count("vocab_size", "vocab_size"),
    key("vocab_size_per_layer_input", Means::Elsewhere),
    count("hidden_size", "embedding_length"),
    count("num_hidden_layers", "block_count"),
    count("num_attention_heads", "attention.head_count"),
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(2)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(32_768)),
    count_or("hidden_size_per_layer_input", "embedding_length_per_layer_input", Otherwise::Is(256)),
    count_or("num_kv_shared_layers", "attention.shared_kv_layers", Otherwise::Is(15)),
    count_or("altup_num_inputs", "altup.num_inputs", Otherwise::Is(4)),
    count_or("altup_active_idx", "altup.active_idx", Otherwise::Is(0)),
    key("altup_coef_clip", Means::Elsewhere), // in training
    key("altup_correct_scale", Means::Elsewhere),
    key("laurel_rank", Means::Elsewhere), // the tensors say so, too
    key("intermediate_size", Means::By(gemma3n::layers)),
    key("activation_sparsity_pattern", Means::Elsewhere),
    key("head_dim", Means::Elsewhere),
    key("rope_parameters", Means::Elsewhere),
    key("rope_scaling", Means::Elsewhere),
    key("rope_theta", Means::Elsewhere),
    key("rope_local_base_freq", Means::Elsewhere),
    key("sliding_window", Means::WindowPattern { window: 512, every: 5 }),
    key("layer_types", Means::Elsewhere),
    key("hidden_activation", Means::OneOf(&["gelu_pytorch_tanh"])),
    real("final_logit_softcapping", "final_logit_softcapping", 30.0),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

const GEMMA4_KEYS: &[Key] = &[
    count("vocab_size", "vocab_size"),
    key("vocab_size_per_layer_input", Means::Elsewhere),
    count("hidden_size", "embedding_length"),
    count("num_hidden_layers", "block_count"),
    count("num_attention_heads", "attention.head_count"),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("hidden_size_per_layer_input", "embedding_length_per_layer_input", Otherwise::Is(256)),
    key("layer_types", Means::By(gemma4::layers)),
    key("attention_k_eq_v", Means::Elsewhere),
    key("enable_moe_block", Means::Elsewhere), // the tensors say so, too
    count_or("num_experts", "expert_count", Otherwise::Is(0)),
    count_or("top_k_experts", "expert_used_count", Otherwise::Is(0)),
    count_or("moe_intermediate_size", "expert_feed_forward_length", Otherwise::Is(0)),
    key("global_head_dim", Means::Elsewhere),
    key("head_dim", Means::Elsewhere),
    key("intermediate_size", Means::Elsewhere),
    key("num_global_key_value_heads", Means::Elsewhere),
    key("num_key_value_heads", Means::Elsewhere),
    key("num_kv_shared_layers", Means::Elsewhere),
    key("rope_parameters", Means::Elsewhere),
    key("sliding_window", Means::Elsewhere),
    key("use_double_wide_mlp", Means::Elsewhere),
    key("hidden_activation", Means::OneOf(&["gelu_pytorch_tanh"])),
    real("final_logit_softcapping", "final_logit_softcapping", 0.0),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    // Text alone is read, each token after those before it.
    key("use_bidirectional_attention", Means::OneOf(&["vision"])),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

pub(super) const SAME_AS_HEADS: Otherwise = Otherwise::Same("num_attention_heads");
const ATTENTION_BIASES: &[&str] =
    &["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias"];
const HEAD_NORMS: &[&str] = &["attn_q_norm.weight", "attn_k_norm.weight"];
const MLP_BIASES: &[&str] = &["ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"];

pub(super) const DECODER_TENSORS: &[Name] = &[
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

const FALCON_TENSORS: &[Name] = &[
    name("transformer.word_embeddings.weight", "token_embd.weight"),
    name("transformer.ln_f.weight", "output_norm.weight"),
    name("transformer.ln_f.bias", "output_norm.bias"),
    name("lm_head.weight", "output.weight"),
    name("transformer.h.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"),
    name("transformer.h.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("transformer.h.{}.ln_mlp.weight", "blk.{}.attn_norm.weight"),
    name("transformer.h.{}.ln_mlp.bias", "blk.{}.attn_norm.bias"),
    name("transformer.h.{}.ln_attn.weight", "blk.{}.attn_norm_2.weight"),
    name("transformer.h.{}.ln_attn.bias", "blk.{}.attn_norm_2.bias"),
    name("transformer.h.{}.self_attention.query_key_value.weight", "blk.{}.attn_qkv.weight"),
    name("transformer.h.{}.self_attention.dense.weight", "blk.{}.attn_output.weight"),
    name("transformer.h.{}.mlp.dense_h_to_4h.weight", "blk.{}.ffn_up.weight"),
    name("transformer.h.{}.mlp.dense_4h_to_h.weight", "blk.{}.ffn_down.weight"),
];

const STABLELM_TENSORS: &[Name] = &[
    name("model.norm.bias", "output_norm.bias"),
    name("model.layers.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("model.layers.{}.post_attention_layernorm.bias", "blk.{}.ffn_norm.bias"),
    stack("model.layers.{}.self_attn.q_layernorm.norms.{}.weight", "blk.{}.attn_q_norm.weight"),
    stack("model.layers.{}.self_attn.k_layernorm.norms.{}.weight", "blk.{}.attn_k_norm.weight"),
];

const QKV_BIASES: &[Name] = &[
    name("model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"),
    name("model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"),
    name("model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"),
];

pub(super) const LLAMA_BIASES: &[Name] = &[
    name("model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias"),
    name("model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias"),
    name("model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias"),
    name("model.layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias"),
    name("model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias"),
    name("model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias"),
    name("model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias"),
];

const GEMMA3N_TENSORS: &[Name] = &[
    stack("model.altup_projections.{}.weight", "altup_proj.weight"),
    stack("model.altup_unembed_projections.{}.weight", "altup_unembd_proj.weight"),
    name("model.layers.{}.altup.correct_output_scale", "blk.{}.altup_correct_scale.weight"),
    name("model.layers.{}.altup.correction_coefs.weight", "blk.{}.altup_correct_coef.weight"),
    name("model.layers.{}.altup.modality_router.weight", "blk.{}.altup_router.weight"),
    name("model.layers.{}.altup.prediction_coefs.weight", "blk.{}.altup_predict_coef.weight"),
    name("model.layers.{}.altup.router_norm.weight", "blk.{}.altup_router_norm.weight"),
    name("model.layers.{}.laurel.linear_left.weight", "blk.{}.laurel_l.weight"),
    name("model.layers.{}.laurel.linear_right.weight", "blk.{}.laurel_r.weight"),
    name("model.layers.{}.laurel.post_laurel_norm.weight", "blk.{}.laurel_post_norm.weight"),
];

const GEMMA4_TENSORS: &[Name] = &[
    name("model.layers.{}.router.proj.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.router.scale", "blk.{}.ffn_gate_inp.scale"),
    name("model.layers.{}.router.per_expert_scale", "blk.{}.ffn_down_exps.scale"),
    name("model.layers.{}.experts.gate_up_proj", "blk.{}.ffn_gate_up_exps.weight"),
    name("model.layers.{}.experts.down_proj", "blk.{}.ffn_down_exps.weight"),
    name("model.layers.{}.pre_feedforward_layernorm_2.weight", "blk.{}.pre_ffw_norm_2.weight"),
    name("model.layers.{}.post_feedforward_layernorm_1.weight", "blk.{}.post_ffw_norm_1.weight"),
    name("model.layers.{}.post_feedforward_layernorm_2.weight", "blk.{}.post_ffw_norm_2.weight"),
    name("model.embed_tokens_per_layer.weight", "per_layer_token_embd.weight"),
    name("model.per_layer_model_projection.weight", "per_layer_model_proj.weight"),
    name("model.per_layer_projection_norm.weight", "per_layer_proj_norm.weight"),
    name("model.layers.{}.layer_scalar", "blk.{}.layer_output_scale.weight"),
    name("model.layers.{}.per_layer_input_gate.weight", "blk.{}.inp_gate.weight"),
    name("model.layers.{}.per_layer_projection.weight", "blk.{}.proj.weight"),
    name("model.layers.{}.post_per_layer_input_norm.weight", "blk.{}.post_norm.weight"),
    name("model.layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight"),
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"),
    name("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"),
];

const POST_NORMS: &[Name] = &[
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"),
    name("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"),
];

const QK_NORMS: &[Name] = &[
    name("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"),
    name("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"),
];

pub(super) const fn key(name: &'static str, means: Means) -> Key {
    Key { name, means }
}

const fn count(name: &'static str, key: &'static str) -> Key {
    count_or(name, key, Otherwise::Missing)
}

pub(super) const fn count_or(name: &'static str, key: &'static str, otherwise: Otherwise) -> Key {
    Key { name, means: Means::Count { key, otherwise } }
}

pub(super) const fn real(name: &'static str, key: &'static str, otherwise: f64) -> Key {
    Key { name, means: Means::Real { key, otherwise } }
}

pub(super) const fn name(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::Tensor(to) }
}

const fn stack(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::Stack(to) }
}

pub(super) const fn plus_one(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::PlusOne(to) }
}
