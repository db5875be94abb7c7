//! The families and their tables: `config.json` and tensor names, in transformers' spelling.
//!
//! Tables stand here, or beside the code that only their family needs, such as `gemma`.

mod cohere;
mod decoder;
mod effects;
mod experts;
mod llama;
mod mamba;
mod mixtures;
mod olmo;
mod qwen;
mod stablelm;

use super::{falcon, family::Family, gemma, gemma3n, gemma4, granite, phi};

pub(super) use decoder::{
    DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS, QK_NORMS, SAME_AS_HEADS,
};
pub(super) use effects::{CHANGES_RESULTS, WITHOUT_EFFECT};
pub(super) use experts::{MIXTRAL_KEYS, MIXTRAL_TENSORS};

/// Every family that is known.
pub(super) const FAMILIES: &[Family] = &[
    cohere::COHERE,
    cohere::COHERE2,
    falcon::FALCON,
    gemma::GEMMA,
    gemma::GEMMA2,
    gemma::GEMMA3,
    gemma::GEMMA3_WITH_VISION,
    granite::GRANITE,
    gemma3n::GEMMA3N,
    gemma3n::GEMMA3N_WITH_MEDIA,
    gemma4::GEMMA4,
    gemma4::GEMMA4_WITH_MEDIA,
    gemma4::GEMMA4_UNIFIED,
    gemma4::GEMMA4_UNIFIED_TEXT,
    mamba::FALCON_H1,
    llama::LLAMA,
    llama::MISTRAL,
    llama::MINISTRAL,
    llama::MISTRAL3,
    llama::MINISTRAL3,
    llama::MIXTRAL,
    olmo::OLMO2,
    olmo::OLMO3,
    llama::SMOLLM3,
    stablelm::STABLELM,
    phi::PHI3,
    phi::PHI_MOE,
    qwen::QWEN2,
    qwen::QWEN3,
    mixtures::QWEN2_MOE,
    mixtures::QWEN3_MOE,
    mixtures::GRANITE_MOE,
    mixtures::GRANITE_MOE_SHARED,
    mamba::GRANITE_HYBRID,
    mixtures::GPT_OSS,
    mixtures::LLAMA4,
    mixtures::LLAMA4_TEXT,
    mixtures::DEEPSEEK_V2,
    mixtures::DEEPSEEK_V3,
];
