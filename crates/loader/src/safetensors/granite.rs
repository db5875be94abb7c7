//! Granite: the keys that make a Llama a Granite.

use super::{
    families::{DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS},
    family::{Family, Key, real},
};
use crate::QkOrder;

pub(super) const GRANITE: Family = Family {
    class: "GraniteForCausalLM",
    model_type: "granite",
    architecture: "granite",
    qk_order: QkOrder::Halves,
    keys: &[GRANITE_KEYS, LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES],
};

/// Its scales.
pub(super) const GRANITE_KEYS: &[Key] = &[
    real("embedding_multiplier", "embedding_scale", 1.0),
    real("residual_multiplier", "residual_scale", 1.0),
    real("attention_multiplier", "attention.scale", 1.0),
    // Divides, in GGUF, too.
    real("logits_scaling", "logit_scale", 1.0),
];
