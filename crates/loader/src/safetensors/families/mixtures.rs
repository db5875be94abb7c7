//! The families with mixtures of experts; their tables are in `experts`.

use super::{
    decoder::{DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS, QK_NORMS, QKV_BIASES},
    experts,
    qwen::QWEN2_KEYS,
};
use crate::{
    QkOrder,
    safetensors::{family::Family, granite},
};

pub(super) const QWEN2_MOE: Family = Family {
    class: "Qwen2MoeForCausalLM",
    model_type: "qwen2_moe",
    architecture: "qwen2moe",
    qk_order: QkOrder::Halves,
    keys: &[experts::QWEN2_MOE_KEYS, experts::QWEN_MOE_KEYS, QWEN2_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, QKV_BIASES, experts::QWEN_MOE_TENSORS],
};

pub(super) const QWEN3_MOE: Family = Family {
    class: "Qwen3MoeForCausalLM",
    model_type: "qwen3_moe",
    architecture: "qwen3moe",
    qk_order: QkOrder::Halves,
    keys: &[experts::QWEN3_MOE_KEYS, experts::QWEN_MOE_KEYS, QWEN2_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, QK_NORMS, experts::QWEN_MOE_TENSORS],
};

pub(super) const GRANITE_MOE: Family = Family {
    class: "GraniteMoeForCausalLM",
    model_type: "granitemoe",
    architecture: "granitemoe",
    qk_order: QkOrder::Halves,
    keys: &[experts::GRANITE_MOE_KEYS, granite::GRANITE_KEYS, LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, experts::GRANITE_MOE_TENSORS],
};

pub(super) const GRANITE_MOE_SHARED: Family = Family {
    class: "GraniteMoeSharedForCausalLM",
    model_type: "granitemoeshared",
    keys: &[
        experts::GRANITE_MOE_KEYS,
        experts::GRANITE_SHARED_KEYS,
        granite::GRANITE_KEYS,
        LLAMA_KEYS,
        DECODER_KEYS,
    ],
    tensors: &[
        DECODER_TENSORS,
        LLAMA_BIASES,
        experts::GRANITE_MOE_TENSORS,
        experts::GRANITE_SHARED_TENSORS,
    ],
    ..GRANITE_MOE
};

pub(super) const GPT_OSS: Family = Family {
    class: "GptOssForCausalLM",
    model_type: "gpt_oss",
    architecture: "gpt-oss",
    qk_order: QkOrder::Halves,
    keys: &[experts::GPT_OSS_KEYS, DECODER_KEYS],
    tensors: &[experts::GPT_OSS_TENSORS, DECODER_TENSORS, LLAMA_BIASES],
};

pub(super) const LLAMA4: Family = Family {
    class: "Llama4ForConditionalGeneration",
    model_type: "llama4",
    architecture: "llama4",
    qk_order: QkOrder::Interleaved,
    keys: &[experts::LLAMA4_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, experts::LLAMA4_TENSORS],
};

pub(super) const LLAMA4_TEXT: Family = Family {
    class: "Llama4ForCausalLM",
    model_type: "llama4_text",
    architecture: "llama4",
    qk_order: QkOrder::Interleaved,
    keys: &[experts::LLAMA4_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, experts::LLAMA4_TENSORS],
};

pub(super) const DEEPSEEK_V2: Family = Family {
    class: "DeepseekV2ForCausalLM",
    model_type: "deepseek_v2",
    architecture: "deepseek2",
    qk_order: QkOrder::Interleaved,
    keys: &[experts::DEEPSEEK2_KEYS, experts::DEEPSEEK_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, experts::DEEPSEEK_TENSORS],
};

pub(super) const DEEPSEEK_V3: Family = Family {
    class: "DeepseekV3ForCausalLM",
    model_type: "deepseek_v3",
    architecture: "deepseek2",
    qk_order: QkOrder::Interleaved,
    keys: &[experts::DEEPSEEK3_KEYS, experts::DEEPSEEK_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, experts::DEEPSEEK_TENSORS],
};
