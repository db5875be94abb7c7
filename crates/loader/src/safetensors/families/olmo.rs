//! The tables of `OLMo` 2 and 3.

use super::decoder::{
    ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, POST_NORMS, QK_NORMS, SAME_AS_HEADS,
};
use crate::{
    QkOrder,
    safetensors::{
        family::{Family, Key, Means, Otherwise, count_or, key, real},
        rope,
    },
};

pub(super) const OLMO2: Family = Family {
    class: "Olmo2ForCausalLM",
    model_type: "olmo2",
    architecture: "olmo2",
    qk_order: QkOrder::Halves,
    keys: &[OLMO2_KEYS, DECODER_KEYS],
    tensors: &[POST_NORMS, DECODER_TENSORS, QK_NORMS],
};

pub(super) const OLMO3: Family = Family {
    class: "Olmo3ForCausalLM",
    model_type: "olmo3",
    architecture: "olmo2",
    qk_order: QkOrder::Halves,
    keys: &[OLMO3_KEYS, OLMO2_KEYS, DECODER_KEYS],
    tensors: &[POST_NORMS, DECODER_TENSORS, QK_NORMS],
};

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
