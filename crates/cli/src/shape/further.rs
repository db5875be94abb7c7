//! Still more configurations of well-known models, of the same kind as in `published`: of families
//! that have one size or two, and of models that others were made of.

/// Names and configurations.
pub(super) const FURTHER: &[(&str, &str)] = &[
    ("aya-expanse-8b", AYA_EXPANSE_8B),
    ("command-a-111b", COMMAND_A_111B),
    ("command-r-35b", COMMAND_R_35B),
    ("command-r-35b-v0.1", COMMAND_R_35B_V0_1),
    ("command-r-plus-104b", COMMAND_R_PLUS_104B),
    ("command-r7b", COMMAND_R7B),
    ("gpt-oss-120b", GPT_OSS_120B),
    ("gpt-oss-20b", GPT_OSS_20B),
    ("granite-3.1-1b-a400m", GRANITE_3_1_1B_A400M),
    ("granite-3.1-3b-a800m", GRANITE_3_1_3B_A800M),
    ("granite-3.3-2b", GRANITE_3_3_2B),
    ("granite-3.3-8b", GRANITE_3_3_8B),
    ("granite-4.0-1b", GRANITE_4_0_1B),
    ("granite-4.0-350m", GRANITE_4_0_350M),
    ("granite-4.0-micro", GRANITE_4_0_MICRO),
    ("ministral-3-14b", MINISTRAL_3_14B),
    ("ministral-3-3b", MINISTRAL_3_3B),
    ("ministral-3-8b", MINISTRAL_3_8B),
    ("ministral-8b", MINISTRAL_8B),
    ("mistral-7b-v0.2", MISTRAL_7B_V0_2),
    ("olmo-2-1b", OLMO_2_1B),
    ("olmo-2-13b", OLMO_2_13B),
    ("olmo-2-32b", OLMO_2_32B),
    ("olmo-2-7b", OLMO_2_7B),
    ("olmo-3-32b", OLMO_3_32B),
    ("olmo-3-7b", OLMO_3_7B),
    ("phi-3-medium-128k", PHI_3_MEDIUM_128K),
    ("phi-3-mini-128k", PHI_3_MINI_128K),
    ("phi-4-mini", PHI_4_MINI),
    ("qwen2-57b-a14b", QWEN2_57B_A14B),
];

const AYA_EXPANSE_8B: &str = r#"{
    "architectures": ["CohereForCausalLM"], "model_type": "cohere", "vocab_size": 256000,
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192,
    "rope_theta": 10000, "logit_scale": 0.125, "layer_norm_eps": 1e-05,
    "tie_word_embeddings": true
}"#;

const COMMAND_A_111B: &str = r#"{
    "architectures": ["Cohere2ForCausalLM"], "model_type": "cohere2", "vocab_size": 256000,
    "hidden_size": 12288, "intermediate_size": 36864, "num_hidden_layers": 64,
    "num_attention_heads": 96, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 131072, "rope_theta": 50000, "sliding_window": 4096,
    "sliding_window_pattern": 4, "logit_scale": 0.25, "layer_norm_eps": 1e-05,
    "tie_word_embeddings": true
}"#;

/// Of 08-2024, and Aya Expanse of this size.
const COMMAND_R_35B: &str = r#"{
    "architectures": ["CohereForCausalLM"], "model_type": "cohere", "vocab_size": 256000,
    "hidden_size": 8192, "intermediate_size": 24576, "num_hidden_layers": 40,
    "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 4000000.0, "logit_scale": 0.0625, "layer_norm_eps": 1e-05,
    "tie_word_embeddings": true
}"#;

/// The first, in which each head has keys of its own.
const COMMAND_R_35B_V0_1: &str = r#"{
    "architectures": ["CohereForCausalLM"], "model_type": "cohere", "vocab_size": 256000,
    "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40,
    "num_attention_heads": 64, "num_key_value_heads": 64, "max_position_embeddings": 131072,
    "rope_theta": 8000000.0, "logit_scale": 0.0625, "layer_norm_eps": 1e-05,
    "tie_word_embeddings": true
}"#;

/// Of 08-2024.
const COMMAND_R_PLUS_104B: &str = r#"{
    "architectures": ["CohereForCausalLM"], "model_type": "cohere", "vocab_size": 256000,
    "hidden_size": 12288, "intermediate_size": 33792, "num_hidden_layers": 64,
    "num_attention_heads": 96, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 8000000.0, "logit_scale": 0.8333333333333334, "use_qk_norm": true,
    "layer_norm_eps": 1e-05, "tie_word_embeddings": true
}"#;

const COMMAND_R7B: &str = r#"{
    "architectures": ["Cohere2ForCausalLM"], "model_type": "cohere2", "vocab_size": 256000,
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 131072, "rope_theta": 50000, "sliding_window": 4096,
    "sliding_window_pattern": 4, "logit_scale": 0.25, "layer_norm_eps": 1e-05,
    "tie_word_embeddings": true
}"#;

const GPT_OSS_120B: &str = r#"{
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "vocab_size": 201088,
    "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 36,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
    "max_position_embeddings": 131072, "num_local_experts": 128, "num_experts_per_tok": 4,
    "sliding_window": 128, "attention_bias": true, "rope_theta": 150000, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const GPT_OSS_20B: &str = r#"{
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "vocab_size": 201088,
    "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
    "max_position_embeddings": 131072, "num_local_experts": 32, "num_experts_per_tok": 4,
    "sliding_window": 128, "attention_bias": true, "rope_theta": 150000, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const GRANITE_3_1_1B_A400M: &str = r#"{
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe", "vocab_size": 49155,
    "hidden_size": 1024, "intermediate_size": 512, "num_hidden_layers": 24,
    "num_attention_heads": 16, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "num_local_experts": 32, "num_experts_per_tok": 8, "rope_theta": 1500000.0,
    "rms_norm_eps": 1e-06, "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
    "attention_multiplier": 0.015625, "logits_scaling": 6.0, "tie_word_embeddings": true
}"#;

const GRANITE_3_1_3B_A800M: &str = r#"{
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe", "vocab_size": 49155,
    "hidden_size": 1536, "intermediate_size": 512, "num_hidden_layers": 32,
    "num_attention_heads": 24, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "num_local_experts": 40, "num_experts_per_tok": 8, "rope_theta": 1500000.0,
    "rms_norm_eps": 1e-06, "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
    "attention_multiplier": 0.015625, "logits_scaling": 6.0, "tie_word_embeddings": true
}"#;

const GRANITE_3_3_2B: &str = r#"{
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", "vocab_size": 49159,
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 40,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 10000000.0, "rms_norm_eps": 1e-05, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22, "attention_multiplier": 0.015625, "logits_scaling": 8.0,
    "tie_word_embeddings": true
}"#;

const GRANITE_3_3_8B: &str = r#"{
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", "vocab_size": 49159,
    "hidden_size": 4096, "intermediate_size": 12800, "num_hidden_layers": 40,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 10000000.0, "rms_norm_eps": 1e-05, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22, "attention_multiplier": 0.0078125, "logits_scaling": 16.0,
    "tie_word_embeddings": true
}"#;

/// Published as a hybrid with neither states nor experts, which is a Granite.
const GRANITE_4_0_1B: &str = r#"{
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", "vocab_size": 100352,
    "hidden_size": 2048, "intermediate_size": 4096, "num_hidden_layers": 40,
    "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 131072,
    "rope_theta": 10000000, "rms_norm_eps": 1e-05, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22, "attention_multiplier": 0.0078125, "logits_scaling": 8,
    "tie_word_embeddings": true
}"#;

/// Published as `granite-4.0-1b` is.
const GRANITE_4_0_350M: &str = r#"{
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", "vocab_size": 100352,
    "hidden_size": 1024, "intermediate_size": 2048, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 32768,
    "rope_theta": 10000000, "rms_norm_eps": 1e-05, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.263, "attention_multiplier": 0.015625, "logits_scaling": 4,
    "tie_word_embeddings": true
}"#;

/// Published as `granite-4.0-1b` is.
const GRANITE_4_0_MICRO: &str = r#"{
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", "vocab_size": 100352,
    "hidden_size": 2560, "intermediate_size": 8192, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 10000000, "rms_norm_eps": 1e-05, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22, "attention_multiplier": 0.015625, "logits_scaling": 10,
    "tie_word_embeddings": true
}"#;

/// Without what sees.
const MINISTRAL_3_14B: &str = r#"{
    "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
    "text_config": {"vocab_size": 131072, "hidden_size": 5120, "intermediate_size": 16384,
    "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 262144, "rope_theta": 1000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false}
}"#;

/// Without what sees.
const MINISTRAL_3_3B: &str = r#"{
    "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
    "text_config": {"vocab_size": 131072, "hidden_size": 3072, "intermediate_size": 9216,
    "num_hidden_layers": 26, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 262144, "rope_theta": 1000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": true}
}"#;

/// Without what sees.
const MINISTRAL_3_8B: &str = r#"{
    "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
    "text_config": {"vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 34, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 262144, "rope_theta": 1000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false}
}"#;

/// As GGUF files have it, without the window of some layers.
const MINISTRAL_8B: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 131072,
    "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 131072, "rope_theta": 100000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

/// And version 0.1, as GGUF files have it: without its window.
const MISTRAL_7B_V0_2: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 32000,
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "sliding_window": null, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const OLMO_2_1B: &str = r#"{
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "vocab_size": 100352,
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 4096,
    "rope_theta": 500000, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const OLMO_2_13B: &str = r#"{
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "vocab_size": 100352,
    "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 40, "max_position_embeddings": 4096,
    "rope_theta": 500000, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const OLMO_2_32B: &str = r#"{
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "vocab_size": 100352,
    "hidden_size": 5120, "intermediate_size": 27648, "num_hidden_layers": 64,
    "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 4096,
    "rope_theta": 500000, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const OLMO_2_7B: &str = r#"{
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "vocab_size": 100352,
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
    "rope_theta": 500000, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const OLMO_3_32B: &str = r#"{
    "architectures": ["Olmo3ForCausalLM"], "model_type": "olmo3", "vocab_size": 100278,
    "hidden_size": 5120, "intermediate_size": 27648, "num_hidden_layers": 64,
    "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 65536,
    "sliding_window": 4096, "rope_theta": 500000, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const OLMO_3_7B: &str = r#"{
    "architectures": ["Olmo3ForCausalLM"], "model_type": "olmo3", "vocab_size": 100278,
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 65536,
    "sliding_window": 4096, "rope_theta": 500000, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

/// Of rotary factors only how many there are counts here.
const PHI_3_MEDIUM_128K: &str = r#"{
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 32064,
    "hidden_size": 5120, "intermediate_size": 17920, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 10, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "rope_theta": 10000.0, "sliding_window": 131072,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "rope_scaling": {"type": "longrope",
    "long_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1], "short_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}
}"#;

/// And Phi-3.5 mini. Of rotary factors only how many there are counts here.
const PHI_3_MINI_128K: &str = r#"{
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 32064,
    "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "rope_theta": 10000.0, "sliding_window": 262144,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "rope_scaling": {"type": "longrope",
    "long_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "short_factor": [1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}
}"#;

/// Of rotary factors only how many there are counts here.
const PHI_4_MINI: &str = r#"{
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 200064,
    "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 24, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "rope_theta": 10000.0, "sliding_window": 262144,
    "rms_norm_eps": 1e-05, "partial_rotary_factor": 0.75, "tie_word_embeddings": true,
    "rope_scaling": {"type": "longrope", "long_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1], "short_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}
}"#;

const QWEN2_57B_A14B: &str = r#"{
    "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", "vocab_size": 151936,
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 32768,
    "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 2560,
    "shared_expert_intermediate_size": 20480, "norm_topk_prob": false, "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;
