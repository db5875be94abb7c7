//! Models that see and hear, too: the language model in them, and what of them is left out.
//!
//! `config.json` keeps the numbers of the language model in an object of their own; its tensors
//! stand below a name of their own, beside those of the other parts.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::family::Family;
use crate::{Array, FileTensor, Metadata, Value};

/// The parts of a model that are not read, such as its vision tower: an array of strings, absent
/// if there are none.
pub const SKIPPED_PARTS: &str = "ingle.config.skipped_parts";

/// What is beside the language model.
const PARTS: &[&str] = &[
    "audio_tower",
    "embed_audio",
    "embed_vision",
    "multi_modal_projector",
    "vision_model",
    "vision_tower",
];

/// Keys that the language model may have from the object around its own.
const SHARED: &[&str] = &["bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"];

impl Family {
    /// Whether it is a language model with other parts around it.
    pub(super) fn is_multimodal(&self) -> bool {
        self.class.ends_with("ForConditionalGeneration")
    }
}

/// What `config.json` says of the language model.
pub(super) fn text_config(config: &Map<String, Json>) -> Map<String, Json> {
    let Some(Json::Object(inner)) = config.get("text_config") else { return config.clone() };
    let mut inner = inner.clone();
    for &key in SHARED {
        if let Some(value) = config.get(key).filter(|it| !it.is_null()) {
            inner.entry(key).or_insert_with(|| value.clone());
        }
    }
    inner
}

/// The tensors of the language model, by the names that they would have alone; what was skipped
/// is noted in `metadata`.
pub(super) fn text_tensors(
    tensors: Vec<(String, FileTensor)>,
    metadata: &mut Metadata,
) -> Vec<(String, FileTensor)> {
    let mut skipped = BTreeSet::new();
    let mut kept = Vec::new();
    for (name, tensor) in tensors {
        let below = name.strip_prefix("model.").unwrap_or(&name);
        let first = below.split('.').next().unwrap_or_default();
        if let Some(part) = PARTS.iter().find(|it| **it == first) {
            skipped.insert((*part).to_owned());
            continue;
        }
        kept.push((plain(&name), tensor));
    }
    if !skipped.is_empty() {
        let skipped = Array::String(skipped.into_iter().collect());
        metadata.insert(SKIPPED_PARTS, Value::Array(skipped));
    }
    kept
}

/// `language_model.model.x` and `model.language_model.x` are `model.x`, and so on.
pub(super) fn plain(name: &str) -> String {
    match (name.strip_prefix("language_model."), name.strip_prefix("model.language_model.")) {
        (Some(rest), _) => rest.to_owned(),
        (None, Some(rest)) => format!("model.{rest}"),
        (None, None) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_language_model() {
        for (name, want) in [
            ("language_model.model.norm.weight", "model.norm.weight"),
            ("language_model.lm_head.weight", "lm_head.weight"),
            ("model.language_model.norm.weight", "model.norm.weight"),
            ("lm_head.weight", "lm_head.weight"),
        ] {
            assert_eq!(plain(name), want);
        }
    }
}
