//! Gemma 1, 2 and 3: norms that multiply with `1 + w`, activations of their own, scores scaled and
//! capped as `config.json` says.

use super::{
    Error,
    families::{DECODER_KEYS, DECODER_TENSORS},
    family::{Family, Key, Means, Name, Otherwise, count_or, key, plus_one, real},
    keys::View,
    rope,
};
use crate::{QkOrder, Value};

pub(super) const GEMMA: Family = Family {
    class: "GemmaForCausalLM",
    model_type: "gemma",
    architecture: "gemma",
    qk_order: QkOrder::Halves,
    keys: &[FIRST_KEYS, GEMMA_KEYS, DECODER_KEYS],
    tensors: &[FIRST_TENSORS, GEMMA_TENSORS, DECODER_TENSORS],
};

pub(super) const GEMMA2: Family = Family {
    class: "Gemma2ForCausalLM",
    model_type: "gemma2",
    architecture: "gemma2",
    qk_order: QkOrder::Halves,
    keys: &[SECOND_KEYS, LATER_KEYS, GEMMA_KEYS, DECODER_KEYS],
    tensors: &[SANDWICH_TENSORS, GEMMA_TENSORS, DECODER_TENSORS],
};

pub(super) const GEMMA3: Family = Family {
    class: "Gemma3ForCausalLM",
    model_type: "gemma3_text",
    architecture: "gemma3",
    qk_order: QkOrder::Halves,
    keys: &[THIRD_KEYS, LATER_KEYS, GEMMA_KEYS, DECODER_KEYS],
    tensors: &[SANDWICH_TENSORS, GEMMA_TENSORS, DECODER_TENSORS],
};

pub(super) const GEMMA3_WITH_VISION: Family =
    Family { class: "Gemma3ForConditionalGeneration", model_type: "gemma3", ..GEMMA3 };

const GEMMA_KEYS: &[Key] = &[
    key("head_dim", Means::HeadDim { otherwise: Some(256) }),
    key("hidden_act", Means::OneOf(&[TANH])),
    key("hidden_activation", Means::OneOf(&[TANH])),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(8192)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
    key("cache_implementation", Means::Elsewhere),
];

const TANH: &str = "gelu_pytorch_tanh";

const FIRST_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(16)),
    // The first files say `gelu` and mean the other.
    key("hidden_act", Means::OneOf(&[TANH, "gelu"])),
];

const LATER_KEYS: &[Key] = &[
    count_or("num_attention_heads", "attention.head_count", Otherwise::Is(8)),
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(4)),
    key("final_logit_softcapping", Means::Elsewhere),
    key("query_pre_attn_scalar", Means::By(scale)),
    key("sliding_window_pattern", Means::Elsewhere),
    key("_sliding_window_pattern", Means::Elsewhere),
];

const SECOND_KEYS: &[Key] = &[
    key("attn_logit_softcapping", Means::By(|view| softcaps(view, [Some(50.0), Some(30.0)]))),
    key("sliding_window", Means::WindowPattern { window: 4096, every: 2 }),
];

const THIRD_KEYS: &[Key] = &[
    count_or("vocab_size", "vocab_size", Otherwise::Is(262_208)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    key("attn_logit_softcapping", Means::By(|view| softcaps(view, [None, None]))),
    key("sliding_window", Means::WindowPattern { window: 4096, every: 6 }),
    key("rope_parameters", Means::By(|view| rope::of_both_layers(view, [1e6, 1e4]))),
    key("rope_local_base_freq", Means::Elsewhere),
];

/// The number whose root divides scores.
fn scale(view: &mut View<'_>) -> Result<(), Error> {
    let scalar = view.config.positive("query_pre_attn_scalar")?.unwrap_or(256.0);
    view.set("attention.scale", Value::F32(scalar.sqrt().recip() as f32));
    Ok(())
}

/// The caps of scores and of logits; `null` is none.
fn softcaps(view: &mut View<'_>, otherwise: [Option<f64>; 2]) -> Result<(), Error> {
    let keys = ["attn_logit_softcapping", "final_logit_softcapping"];
    for (key, otherwise) in keys.into_iter().zip(otherwise) {
        let stated = view.config.keys().any(|(it, _)| it == key);
        let cap = view.config.positive(key)?.or(if stated { None } else { otherwise });
        if let Some(cap) = cap {
            view.set(key, Value::F32(cap as f32));
        }
    }
    Ok(())
}

const GEMMA_TENSORS: &[Name] = &[
    plus_one("model.norm.weight", "output_norm.weight"),
    plus_one("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"),
    plus_one("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"),
    plus_one("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"),
];

const FIRST_TENSORS: &[Name] =
    &[plus_one("model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight")];

/// Norms before and after each part of a block.
const SANDWICH_TENSORS: &[Name] = &[
    plus_one(
        "model.layers.{}.post_attention_layernorm.weight",
        "blk.{}.post_attention_norm.weight",
    ),
    plus_one("model.layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight"),
    plus_one("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"),
];
