//! The configurations of Gemma 3n and 4, of the same kind as in `published`: the part that reads and
//! writes, without what sees and hears.
//!
//! They are those that `convert_gemma3n_weights.py` and `convert_gemma4_weights.py` of transformers write, with
//! the defaults of its configurations; that of Gemma 4 E4B is also as in a copy of the published file
//! (hlky/dinoml_v2 on GitHub), and that of the 12B is as those who serve it describe it (27261 of
//! sgl-project/sglang). What llama.cpp counts in published GGUF files holds them, in tests: tensors
//! (its issues 14979, 21328 and 21760, 9240 of mudler/LocalAI, 6 of invisiofficial/rk-llama.cpp, 1921 of
//! ikawrakow/ik_llama.cpp), and all weights of Gemma 4 E2B, 4,647,450,147, and 12B, 11,907,350,576, with 256
//! rotary factors each.

/// Names and configurations.
pub(super) const GEMMAS: &[(&str, &str)] = &[
    ("gemma-3n-e2b", GEMMA_3N_E2B),
    ("gemma-3n-e4b", GEMMA_3N_E4B),
    ("gemma-4-12b", GEMMA_4_12B),
    ("gemma-4-26b-a4b", GEMMA_4_26B_A4B),
    ("gemma-4-31b", GEMMA_4_31B),
    ("gemma-4-e2b", GEMMA_4_E2B),
    ("gemma-4-e4b", GEMMA_4_E4B),
];

/// Feed-forward blocks are half as wide as the other's.
const GEMMA_3N_E2B: &str = r#"{
    "architectures": ["Gemma3nForCausalLM"], "model_type": "gemma3n_text", "vocab_size": 262400,
    "vocab_size_per_layer_input": 262144, "hidden_size": 2048, "intermediate_size": 8192,
    "num_hidden_layers": 30, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256,
    "hidden_size_per_layer_input": 256, "num_kv_shared_layers": 10, "altup_num_inputs": 4,
    "altup_active_idx": 0, "laurel_rank": 64, "sliding_window": 512,
    "max_position_embeddings": 32768, "rope_theta": 1000000, "rope_local_base_freq": 10000,
    "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_3N_E4B: &str = r#"{
    "architectures": ["Gemma3nForCausalLM"], "model_type": "gemma3n_text", "vocab_size": 262400,
    "vocab_size_per_layer_input": 262144, "hidden_size": 2048, "intermediate_size": 16384,
    "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256,
    "hidden_size_per_layer_input": 256, "num_kv_shared_layers": 15, "altup_num_inputs": 4,
    "altup_active_idx": 0, "laurel_rank": 64, "sliding_window": 512,
    "max_position_embeddings": 32768, "rope_theta": 1000000, "rope_local_base_freq": 10000,
    "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_4_12B: &str = r#"{
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "vocab_size": 262144,
    "hidden_size": 3840, "intermediate_size": 15360, "num_hidden_layers": 48,
    "num_attention_heads": 16, "num_key_value_heads": 8, "num_global_key_value_heads": 1,
    "attention_k_eq_v": true, "head_dim": 256, "global_head_dim": 512, "num_kv_shared_layers": 0,
    "hidden_size_per_layer_input": 0, "sliding_window": 1024, "max_position_embeddings": 262144,
    "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_4_26B_A4B: &str = r#"{
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "vocab_size": 262144,
    "hidden_size": 2816, "intermediate_size": 2112, "num_hidden_layers": 30,
    "num_attention_heads": 16, "num_key_value_heads": 8, "num_global_key_value_heads": 2,
    "attention_k_eq_v": true, "head_dim": 256, "global_head_dim": 512, "num_kv_shared_layers": 0,
    "hidden_size_per_layer_input": 0, "enable_moe_block": true, "num_experts": 128,
    "moe_intermediate_size": 704, "top_k_experts": 8, "sliding_window": 1024,
    "max_position_embeddings": 262144, "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_4_31B: &str = r#"{
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "vocab_size": 262144,
    "hidden_size": 5376, "intermediate_size": 21504, "num_hidden_layers": 60,
    "num_attention_heads": 32, "num_key_value_heads": 16, "num_global_key_value_heads": 4,
    "attention_k_eq_v": true, "head_dim": 256, "global_head_dim": 512, "num_kv_shared_layers": 0,
    "hidden_size_per_layer_input": 0, "sliding_window": 1024, "max_position_embeddings": 262144,
    "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

/// Every fifth layer sees everything, unlike in the others.
const GEMMA_4_E2B: &str = r#"{
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "vocab_size": 262144,
    "hidden_size": 1536, "intermediate_size": 6144, "use_double_wide_mlp": true,
    "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 1,
    "attention_k_eq_v": false, "head_dim": 256, "global_head_dim": 512, "num_kv_shared_layers": 20,
    "hidden_size_per_layer_input": 256, "sliding_window": 512,
    "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
        "sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
        "sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
        "sliding_attention", "sliding_attention", "sliding_attention", "full_attention",
        "sliding_attention", "sliding_attention", "sliding_attention", "sliding_attention",
        "full_attention", "sliding_attention", "sliding_attention", "sliding_attention",
        "sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
        "sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
        "sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
    "max_position_embeddings": 131072, "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;

const GEMMA_4_E4B: &str = r#"{
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "vocab_size": 262144,
    "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 42,
    "num_attention_heads": 8, "num_key_value_heads": 2, "attention_k_eq_v": false,
    "head_dim": 256, "global_head_dim": 512, "num_kv_shared_layers": 18,
    "hidden_size_per_layer_input": 256, "sliding_window": 512, "max_position_embeddings": 131072,
    "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-06
}"#;
