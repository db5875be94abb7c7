//! More configurations of well-known models, of the same kind as in `published`: mostly of models that
//! few machines hold, for which it is the more worth knowing what they take.

/// Names and configurations.
pub(super) const LARGER: &[(&str, &str)] = &[
    ("deepseek-r1-1.5b", DEEPSEEK_R1_1_5B),
    ("falcon3-10b", FALCON3_10B),
    ("falcon3-1b", FALCON3_1B),
    ("falcon3-3b", FALCON3_3B),
    ("falcon3-7b", FALCON3_7B),
    ("gemma-2-27b", GEMMA_2_27B),
    ("gemma-2b", GEMMA_2B),
    ("gemma-3-12b", GEMMA_3_12B),
    ("gemma-3-270m", GEMMA_3_270M),
    ("gemma-3-27b", GEMMA_3_27B),
    ("gemma-7b", GEMMA_7B),
    ("llama-2-13b", LLAMA_2_13B),
    ("llama-2-70b", LLAMA_2_70B),
    ("llama-3.1-405b", LLAMA_3_1_405B),
    ("mistral-large-123b", MISTRAL_LARGE_123B),
    ("mistral-nemo-12b", MISTRAL_NEMO_12B),
    ("mistral-small-22b", MISTRAL_SMALL_22B),
    ("mistral-small-24b", MISTRAL_SMALL_24B),
    ("mixtral-8x22b", MIXTRAL_8X22B),
    ("phi-3-medium", PHI_3_MEDIUM),
    ("qwen2.5-14b", QWEN2_5_14B),
    ("qwen2.5-32b", QWEN2_5_32B),
    ("qwen2.5-72b", QWEN2_5_72B),
    ("qwen3-235b-a22b", QWEN3_235B_A22B),
    ("smollm3-3b", SMOLLM3_3B),
];

/// Qwen2.5 1.5B with a head of its own.
const DEEPSEEK_R1_1_5B: &str = r#"{
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151936,
    "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 131072,
    "rope_theta": 10000, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const FALCON3_10B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131072,
    "hidden_size": 3072, "intermediate_size": 23040, "num_hidden_layers": 40,
    "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 256,
    "max_position_embeddings": 32768, "rope_theta": 1000042, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const FALCON3_1B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131072,
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 18,
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
    "max_position_embeddings": 8192, "rope_theta": 1000042, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const FALCON3_3B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131072,
    "hidden_size": 3072, "intermediate_size": 9216, "num_hidden_layers": 22,
    "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 256,
    "max_position_embeddings": 32768, "rope_theta": 1000042, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const FALCON3_7B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131072,
    "hidden_size": 3072, "intermediate_size": 23040, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 256,
    "max_position_embeddings": 32768, "rope_theta": 1000042, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const GEMMA_2_27B: &str = r#"{
    "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "vocab_size": 256000,
    "hidden_size": 4608, "intermediate_size": 36864, "num_hidden_layers": 46,
    "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
    "max_position_embeddings": 8192, "sliding_window": 4096, "query_pre_attn_scalar": 144,
    "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_2B: &str = r#"{
    "architectures": ["GemmaForCausalLM"], "model_type": "gemma", "vocab_size": 256000,
    "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18,
    "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256,
    "max_position_embeddings": 8192, "rope_theta": 10000.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_3_12B: &str = r#"{
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "vocab_size": 262208,
    "hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
    "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    "max_position_embeddings": 131072, "rope_theta": 1000000,
    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "rope_local_base_freq": 10000,
    "sliding_window": 1024, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
    "rms_norm_eps": 1e-06
}"#;

const GEMMA_3_270M: &str = r#"{
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "vocab_size": 262144,
    "hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    "max_position_embeddings": 32768, "rope_theta": 1000000, "rope_local_base_freq": 10000,
    "sliding_window": 512, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
    "rms_norm_eps": 1e-06
}"#;

const GEMMA_3_27B: &str = r#"{
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "vocab_size": 262208,
    "hidden_size": 5376, "intermediate_size": 21504, "num_hidden_layers": 62,
    "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
    "max_position_embeddings": 131072, "rope_theta": 1000000,
    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "rope_local_base_freq": 10000,
    "sliding_window": 1024, "sliding_window_pattern": 6, "query_pre_attn_scalar": 168,
    "rms_norm_eps": 1e-06
}"#;

const GEMMA_7B: &str = r#"{
    "architectures": ["GemmaForCausalLM"], "model_type": "gemma", "vocab_size": 256000,
    "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256,
    "max_position_embeddings": 8192, "rope_theta": 10000.0, "rms_norm_eps": 1e-06
}"#;

const LLAMA_2_13B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000,
    "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 40, "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const LLAMA_2_70B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000,
    "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const LLAMA_3_1_405B: &str = r#"{
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256,
    "hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126,
    "num_attention_heads": 128, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 500000.0,
    "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

/// Version 2407, and 2411.
const MISTRAL_LARGE_123B: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 32768,
    "hidden_size": 12288, "intermediate_size": 28672, "num_hidden_layers": 88,
    "num_attention_heads": 96, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "rope_theta": 1000000.0, "sliding_window": null, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const MISTRAL_NEMO_12B: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 131072,
    "hidden_size": 5120, "intermediate_size": 14336, "num_hidden_layers": 40,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 131072, "rope_theta": 1000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

/// Of 2409, and Codestral.
const MISTRAL_SMALL_22B: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 32768,
    "hidden_size": 6144, "intermediate_size": 16384, "num_hidden_layers": 56,
    "num_attention_heads": 48, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "sliding_window": null, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

/// Of 2501 and what came after it, without what sees.
const MISTRAL_SMALL_24B: &str = r#"{
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 131072,
    "hidden_size": 5120, "intermediate_size": 32768, "num_hidden_layers": 40,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "max_position_embeddings": 32768, "rope_theta": 100000000.0, "sliding_window": null,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

/// Version 0.3, with its larger vocabulary.
const MIXTRAL_8X22B: &str = r#"{
    "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "vocab_size": 32768,
    "hidden_size": 6144, "intermediate_size": 16384, "num_hidden_layers": 56,
    "num_attention_heads": 48, "num_key_value_heads": 8, "num_local_experts": 8,
    "num_experts_per_tok": 2, "max_position_embeddings": 65536, "rope_theta": 1000000.0,
    "sliding_window": null, "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

/// The one with a context of 4,096 tokens.
const PHI_3_MEDIUM: &str = r#"{
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 32064,
    "hidden_size": 5120, "intermediate_size": 17920, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 10, "max_position_embeddings": 4096,
    "rope_theta": 10000.0, "sliding_window": 2047, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const QWEN2_5_14B: &str = r#"{
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 152064,
    "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 48,
    "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const QWEN2_5_32B: &str = r#"{
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 152064,
    "hidden_size": 5120, "intermediate_size": 27648, "num_hidden_layers": 64,
    "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const QWEN2_5_72B: &str = r#"{
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 152064,
    "hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const QWEN3_235B_A22B: &str = r#"{
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "vocab_size": 151936,
    "hidden_size": 4096, "intermediate_size": 12288, "moe_intermediate_size": 1536,
    "num_hidden_layers": 94, "num_attention_heads": 64, "num_key_value_heads": 4, "head_dim": 128,
    "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true,
    "max_position_embeddings": 40960, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

const SMOLLM3_3B: &str = r#"{
    "architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "vocab_size": 128256,
    "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
    "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 65536,
    "rope_theta": 5000000.0, "no_rope_layer_interval": 4, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": true
}"#;
