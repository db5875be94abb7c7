//! The tables of Llama, Mistral, Mixtral and `SmolLM` 3.

use super::{
    decoder::{ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS},
    experts,
};
use crate::{
    QkOrder,
    safetensors::family::{Family, Key, Means, Otherwise, count_or, key},
};

pub(super) const LLAMA: Family = Family {
    class: "LlamaForCausalLM",
    model_type: "llama",
    architecture: "llama",
    qk_order: QkOrder::Halves,
    keys: &[LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES],
};

pub(super) const MISTRAL: Family = Family {
    class: "MistralForCausalLM",
    model_type: "mistral",
    architecture: "llama",
    qk_order: QkOrder::Halves,
    keys: &[MISTRAL_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS],
};

pub(super) const MISTRAL3: Family = Family {
    class: "Mistral3ForConditionalGeneration",
    model_type: "mistral3",
    architecture: "mistral3",
    qk_order: QkOrder::Halves,
    keys: &[MISTRAL3_KEYS, MISTRAL_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS],
};

pub(super) const MIXTRAL: Family = Family {
    class: "MixtralForCausalLM",
    model_type: "mixtral",
    architecture: "llama",
    qk_order: QkOrder::Halves,
    keys: &[experts::MIXTRAL_KEYS, MISTRAL_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, experts::MIXTRAL_TENSORS],
};

pub(super) const SMOLLM3: Family = Family {
    class: "SmolLM3ForCausalLM",
    model_type: "smollm3",
    architecture: "smollm3",
    qk_order: QkOrder::Halves,
    keys: &[SMOLLM3_KEYS, LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES],
};

const MISTRAL_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(8)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    key("attention_bias", Means::Tensors { otherwise: false, names: ATTENTION_BIASES }),
    key("sliding_window", Means::Window { otherwise: Some(4096) }),
];

const MISTRAL3_KEYS: &[Key] = &[key("sliding_window", Means::Window { otherwise: None })];

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
