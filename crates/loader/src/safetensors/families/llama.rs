//! The tables of Llama, Mistral, Ministral, Mixtral and `SmolLM` 3.

use super::{
    decoder::{ATTENTION_BIASES, DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS},
    experts,
};
use crate::{
    QkOrder,
    safetensors::{
        Error,
        family::{Family, Key, Means, Otherwise, count_or, key, real},
        keys::View,
        rope, window,
    },
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

pub(super) const MINISTRAL: Family = Family {
    class: "MinistralForCausalLM",
    model_type: "ministral",
    keys: &[MINISTRAL_KEYS, MISTRAL_KEYS, DECODER_KEYS],
    ..MISTRAL
};

/// The language model of [`MISTRAL3`] alone.
pub(super) const MINISTRAL3: Family = Family {
    class: "Ministral3ForCausalLM",
    model_type: "ministral3",
    keys: &[MINISTRAL3_KEYS, MISTRAL3_KEYS, MISTRAL_KEYS, DECODER_KEYS],
    ..MISTRAL3
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

const MINISTRAL_KEYS: &[Key] = &[key("sliding_window", Means::By(window::by_types))];

const MINISTRAL3_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(262_144)),
    key("head_dim", Means::HeadDim { otherwise: Some(128) }),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    key("rope_parameters", Means::By(stated_rope)),
];

/// Where a config says nothing of positions, transformers scales them in a way that no published model
/// was made for.
fn stated_rope(view: &mut View<'_>) -> Result<(), Error> {
    let key = "rope_parameters";
    if view.config.get(key).or(view.config.get("rope_scaling")).is_none() {
        return Err(Error::ConfigMissing { key: key.to_owned() });
    }
    rope::apply(view, 10000.0)
}

const SMOLLM3_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(4)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(32_768)),
    key("rope_parameters", Means::Rope { theta: 2_000_000.0 }),
    key("no_rope_layers", Means::RopeLayers { every: 4 }),
    key("no_rope_layer_interval", Means::Elsewhere),
    key("use_sliding_window", Means::Elsewhere),
    key("sliding_window", Means::By(window::of_still_layers)),
    // What transformers does not look at.
    key("max_window_layers", Means::Elsewhere),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];
