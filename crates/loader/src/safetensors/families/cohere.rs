//! The tables of Command R, R+ and R7B.

use super::decoder::{
    ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, HEAD_NORMS, LLAMA_BIASES, QK_NORMS,
    SAME_AS_HEADS,
};
use crate::{
    QkOrder,
    safetensors::family::{Family, Key, Means, Otherwise, count_or, key, real},
};

pub(super) const COHERE: Family = Family {
    class: "CohereForCausalLM",
    model_type: "cohere",
    architecture: "command-r",
    qk_order: QkOrder::Interleaved,
    keys: &[COHERE_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, QK_NORMS],
};

pub(super) const COHERE2: Family = Family {
    class: "Cohere2ForCausalLM",
    model_type: "cohere2",
    architecture: "cohere2",
    qk_order: QkOrder::Interleaved,
    keys: &[COHERE2_KEYS, COHERE_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES],
};

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
