//! The tables of Qwen 2 and 3; `mixtures` has those with experts.

use super::decoder::{ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, QK_NORMS, QKV_BIASES};
use crate::{
    QkOrder,
    safetensors::family::{Family, Key, Means, Otherwise, count_or, key},
};

pub(super) const QWEN2: Family = Family {
    class: "Qwen2ForCausalLM",
    model_type: "qwen2",
    architecture: "qwen2",
    qk_order: QkOrder::Halves,
    keys: &[QWEN2_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, QKV_BIASES],
};

pub(super) const QWEN3: Family = Family {
    class: "Qwen3ForCausalLM",
    model_type: "qwen3",
    architecture: "qwen3",
    qk_order: QkOrder::Halves,
    keys: &[QWEN3_KEYS, QWEN2_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, QK_NORMS],
};

pub(super) const QWEN2_KEYS: &[Key] = &[
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
