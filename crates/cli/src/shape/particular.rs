//! Configurations of well-known models, of the same kind as in `published`, whose layers are not all
//! those of a Llama: latents, mixers of Mamba-2, experts in some layers, norms with biases.
//!
//! They were compared with copies of the published files, or with tables of what stands in them: those of
//! hlky/dinoml_v2 on GitHub for Falcon H1, Granite 4.0 H 350M, 1B, Micro and Small, Llama 4 and Phi-3.5-MoE, for
//! Granite 4.0 H Tiny that of a test of Rapid-LLM. Of Falcon H1 1.5B Deep and 3B these are the numbers of the base
//! models: the instruction-tuned ones may have one token more, as those of 1.5B and 7B have. Most multipliers
//! of Falcon H1 are left out, which changes no size.

/// Names and configurations.
pub(super) const PARTICULAR: &[(&str, &str)] = &[
    ("deepseek-v2-16b", DEEPSEEK_V2_16B),
    ("deepseek-v2-236b", DEEPSEEK_V2_236B),
    ("deepseek-v3-671b", DEEPSEEK_V3_671B),
    ("falcon-40b", FALCON_40B),
    ("falcon-7b", FALCON_7B),
    ("falcon-h1-0.5b", FALCON_H1_0_5B),
    ("falcon-h1-1.5b", FALCON_H1_1_5B),
    ("falcon-h1-1.5b-deep", FALCON_H1_1_5B_DEEP),
    ("falcon-h1-34b", FALCON_H1_34B),
    ("falcon-h1-3b", FALCON_H1_3B),
    ("falcon-h1-7b", FALCON_H1_7B),
    ("falcon2-11b", FALCON2_11B),
    ("granite-4.0-h-1b", GRANITE_4_0_H_1B),
    ("granite-4.0-h-350m", GRANITE_4_0_H_350M),
    ("granite-4.0-h-micro", GRANITE_4_0_H_MICRO),
    ("granite-4.0-h-small", GRANITE_4_0_H_SMALL),
    ("granite-4.0-h-tiny", GRANITE_4_0_H_TINY),
    ("llama-4-maverick", LLAMA_4_MAVERICK),
    ("llama-4-scout", LLAMA_4_SCOUT),
    ("phi-3.5-moe", PHI_3_5_MOE),
    ("stablelm-2-1.6b", STABLELM_2_1_6B),
    ("stablelm-2-12b", STABLELM_2_12B),
];

/// V2 Lite and Coder V2 Lite.
const DEEPSEEK_V2_16B: &str = r#"{
    "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "vocab_size": 102400,
    "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
    "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16,
    "n_shared_experts": 2, "n_routed_experts": 64, "num_experts_per_tok": 6,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "topk_method": "greedy",
    "scoring_func": "softmax", "norm_topk_prob": false, "routed_scaling_factor": 1.0,
    "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096,
    "beta_fast": 32, "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707},
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "max_position_embeddings": 163840, "rope_theta": 10000, "rms_norm_eps": 1e-06,
    "tie_word_embeddings": false
}"#;

/// V2, V2.5 and Coder V2.
const DEEPSEEK_V2_236B: &str = r#"{
    "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "vocab_size": 102400,
    "hidden_size": 5120, "intermediate_size": 12288, "moe_intermediate_size": 1536,
    "num_hidden_layers": 60, "num_attention_heads": 128, "num_key_value_heads": 128,
    "q_lora_rank": 1536, "n_shared_experts": 2, "n_routed_experts": 160, "num_experts_per_tok": 6,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "topk_method": "group_limited_greedy",
    "n_group": 8, "topk_group": 3, "scoring_func": "softmax", "norm_topk_prob": false,
    "routed_scaling_factor": 16.0, "rope_scaling": {"type": "yarn", "factor": 40,
    "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707,
    "mscale_all_dim": 0.707}, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "max_position_embeddings": 163840, "rope_theta": 10000,
    "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

/// V3, V3.1 and R1, without the layer that predicts further tokens.
const DEEPSEEK_V3_671B: &str = r#"{
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 129280,
    "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048,
    "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
    "q_lora_rank": 1536, "n_shared_experts": 1, "n_routed_experts": 256, "num_experts_per_tok": 8,
    "first_k_dense_replace": 3, "moe_layer_freq": 1, "topk_method": "noaux_tc", "n_group": 8,
    "topk_group": 4, "scoring_func": "sigmoid", "norm_topk_prob": true,
    "routed_scaling_factor": 2.5, "rope_scaling": {"type": "yarn", "factor": 40,
    "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0,
    "mscale_all_dim": 1.0}, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "max_position_embeddings": 163840, "rope_theta": 10000,
    "rms_norm_eps": 1e-06, "tie_word_embeddings": false
}"#;

const FALCON_40B: &str = r#"{
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "vocab_size": 65024,
    "hidden_size": 8192, "num_hidden_layers": 60, "num_attention_heads": 128, "num_kv_heads": 8,
    "new_decoder_architecture": true, "parallel_attn": true, "layer_norm_epsilon": 1e-05
}"#;

const FALCON_7B: &str = r#"{
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "vocab_size": 65024,
    "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71, "multi_query": true,
    "new_decoder_architecture": false, "parallel_attn": true, "layer_norm_epsilon": 1e-05
}"#;

const FALCON_H1_0_5B: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 32784,
    "hidden_size": 1024, "intermediate_size": 2048, "num_hidden_layers": 36,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "mamba_d_ssm": 1536,
    "mamba_n_heads": 24, "mamba_d_head": 64, "mamba_d_state": 128, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": false,
    "mamba_norm_before_gate": false, "max_position_embeddings": 16384,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "lm_head_multiplier": 0.0390625, "key_multiplier": 0.390625,
    "attention_out_multiplier": 0.9375, "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const FALCON_H1_1_5B: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 65537,
    "hidden_size": 2048, "intermediate_size": 4608, "num_hidden_layers": 24,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 128, "mamba_d_ssm": 3072,
    "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_d_state": 256, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": true,
    "mamba_norm_before_gate": false, "max_position_embeddings": 131072,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const FALCON_H1_1_5B_DEEP: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 65536,
    "hidden_size": 1280, "intermediate_size": 3072, "num_hidden_layers": 66,
    "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 128, "mamba_d_ssm": 1536,
    "mamba_n_heads": 24, "mamba_d_head": 64, "mamba_d_state": 256, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": true,
    "mamba_norm_before_gate": false, "max_position_embeddings": 131072,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const FALCON_H1_34B: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 261120,
    "hidden_size": 5120, "intermediate_size": 21504, "num_hidden_layers": 72,
    "num_attention_heads": 20, "num_key_value_heads": 4, "head_dim": 128, "mamba_d_ssm": 4096,
    "mamba_n_heads": 32, "mamba_d_head": 128, "mamba_d_state": 256, "mamba_n_groups": 2,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": true,
    "mamba_norm_before_gate": false, "max_position_embeddings": 262144,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const FALCON_H1_3B: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 65536,
    "hidden_size": 2560, "intermediate_size": 6144, "num_hidden_layers": 32,
    "num_attention_heads": 10, "num_key_value_heads": 2, "head_dim": 128, "mamba_d_ssm": 4096,
    "mamba_n_heads": 32, "mamba_d_head": 128, "mamba_d_state": 256, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": true,
    "mamba_norm_before_gate": false, "max_position_embeddings": 131072,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

const FALCON_H1_7B: &str = r#"{
    "architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", "vocab_size": 130049,
    "hidden_size": 3072, "intermediate_size": 12288, "num_hidden_layers": 44,
    "num_attention_heads": 12, "num_key_value_heads": 2, "head_dim": 128, "mamba_d_ssm": 3072,
    "mamba_n_heads": 24, "mamba_d_head": 128, "mamba_d_state": 256, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_conv_bias": true, "mamba_proj_bias": false, "mamba_rms_norm": true,
    "mamba_norm_before_gate": false, "max_position_embeddings": 262144,
    "rope_theta": 100000000000.0, "embedding_multiplier": 5.656854249492381,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false
}"#;

/// One norm a layer, unlike the 40B.
const FALCON2_11B: &str = r#"{
    "architectures": ["FalconForCausalLM"], "model_type": "falcon", "vocab_size": 65024,
    "hidden_size": 4096, "ffn_hidden_size": 16384, "num_hidden_layers": 60,
    "num_attention_heads": 32, "num_kv_heads": 8, "new_decoder_architecture": true,
    "num_ln_in_parallel_attn": 1, "parallel_attn": true, "max_position_embeddings": 8192,
    "rope_theta": 500042.0, "layer_norm_epsilon": 1e-05, "tie_word_embeddings": false
}"#;

const GRANITE_4_0_H_1B: &str = r#"{
    "architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid",
    "vocab_size": 100352, "num_hidden_layers": 40,
    "layer_types": ["mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "attention", "mamba", "mamba", "mamba", "mamba"],
    "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_groups": 1,
    "mamba_conv_bias": true, "mamba_proj_bias": false, "position_embedding_type": "nope",
    "embedding_multiplier": 12, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": true, "hidden_size": 1536, "intermediate_size": 4096,
    "shared_intermediate_size": 4096, "num_attention_heads": 12, "num_key_value_heads": 4,
    "num_local_experts": 0, "num_experts_per_tok": 0, "mamba_n_heads": 48, "mamba_d_head": 64,
    "max_position_embeddings": 131072, "attention_multiplier": 0.0078125, "logits_scaling": 6
}"#;

const GRANITE_4_0_H_350M: &str = r#"{
    "architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid",
    "vocab_size": 100352, "num_hidden_layers": 32,
    "layer_types": ["mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "mamba", "mamba", "attention", "mamba", "mamba", "attention", "mamba", "mamba", "mamba",
        "attention", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "mamba", "attention", "mamba", "mamba", "mamba", "mamba"],
    "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_groups": 1,
    "mamba_conv_bias": true, "mamba_proj_bias": false, "position_embedding_type": "nope",
    "embedding_multiplier": 12, "residual_multiplier": 0.246, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": true, "hidden_size": 768, "intermediate_size": 2048,
    "shared_intermediate_size": 2048, "num_attention_heads": 12, "num_key_value_heads": 4,
    "num_local_experts": 0, "num_experts_per_tok": 0, "mamba_n_heads": 48, "mamba_d_head": 32,
    "max_position_embeddings": 32768, "attention_multiplier": 0.015625, "logits_scaling": 3
}"#;

const GRANITE_4_0_H_MICRO: &str = r#"{
    "architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid",
    "vocab_size": 100352, "num_hidden_layers": 40,
    "layer_types": ["mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "attention", "mamba", "mamba", "mamba", "mamba"],
    "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_groups": 1,
    "mamba_conv_bias": true, "mamba_proj_bias": false, "position_embedding_type": "nope",
    "embedding_multiplier": 12, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": true, "hidden_size": 2048, "intermediate_size": 8192,
    "shared_intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 8,
    "num_local_experts": 0, "num_experts_per_tok": 0, "mamba_n_heads": 64, "mamba_d_head": 64,
    "max_position_embeddings": 131072, "attention_multiplier": 0.015625, "logits_scaling": 8
}"#;

const GRANITE_4_0_H_SMALL: &str = r#"{
    "architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid",
    "vocab_size": 100352, "num_hidden_layers": 40,
    "layer_types": ["mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "attention", "mamba", "mamba", "mamba", "mamba"],
    "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_groups": 1,
    "mamba_conv_bias": true, "mamba_proj_bias": false, "position_embedding_type": "nope",
    "embedding_multiplier": 12, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": true, "hidden_size": 4096, "intermediate_size": 768,
    "shared_intermediate_size": 1536, "num_attention_heads": 32, "num_key_value_heads": 8,
    "num_local_experts": 72, "num_experts_per_tok": 10, "mamba_n_heads": 128, "mamba_d_head": 64,
    "max_position_embeddings": 131072
}"#;

const GRANITE_4_0_H_TINY: &str = r#"{
    "architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid",
    "vocab_size": 100352, "num_hidden_layers": 40,
    "layer_types": ["mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention", "mamba",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "attention",
        "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba", "mamba",
        "attention", "mamba", "mamba", "mamba", "mamba"],
    "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_n_groups": 1,
    "mamba_conv_bias": true, "mamba_proj_bias": false, "position_embedding_type": "nope",
    "embedding_multiplier": 12, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": true, "hidden_size": 1536, "intermediate_size": 512,
    "shared_intermediate_size": 1024, "num_attention_heads": 12, "num_key_value_heads": 4,
    "num_local_experts": 64, "num_experts_per_tok": 6, "mamba_n_heads": 48, "mamba_d_head": 64,
    "max_position_embeddings": 131072
}"#;

/// Every second layer has experts.
const LLAMA_4_MAVERICK: &str = r#"{
    "architectures": ["Llama4ForCausalLM"], "model_type": "llama4_text", "vocab_size": 202048,
    "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
    "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
    "num_experts_per_tok": 1, "attention_chunk_size": 8192, "rope_theta": 500000.0,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "num_local_experts": 128,
    "interleave_moe_layer_step": 2, "use_qk_norm": false, "max_position_embeddings": 1048576
}"#;

const LLAMA_4_SCOUT: &str = r#"{
    "architectures": ["Llama4ForCausalLM"], "model_type": "llama4_text", "vocab_size": 202048,
    "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
    "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
    "num_experts_per_tok": 1, "attention_chunk_size": 8192, "rope_theta": 500000.0,
    "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "num_local_experts": 16,
    "interleave_moe_layer_step": 1, "use_qk_norm": true, "max_position_embeddings": 10485760,
    "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0,
    "high_freq_factor": 1.0, "original_max_position_embeddings": 8192}
}"#;

/// Without its rotary factors, which are few numbers.
const PHI_3_5_MOE: &str = r#"{
    "architectures": ["PhiMoEForCausalLM"], "model_type": "phimoe", "vocab_size": 32064,
    "hidden_size": 4096, "intermediate_size": 6400, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 16,
    "num_experts_per_tok": 2, "attention_bias": true, "lm_head_bias": true,
    "max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
    "sliding_window": 131072, "rope_theta": 10000, "rms_norm_eps": 1e-05,
    "tie_word_embeddings": false
}"#;

const STABLELM_2_1_6B: &str = r#"{
    "architectures": ["StableLmForCausalLM"], "model_type": "stablelm", "vocab_size": 100352,
    "max_position_embeddings": 4096, "partial_rotary_factor": 0.25, "rope_theta": 10000,
    "layer_norm_eps": 1e-05, "tie_word_embeddings": false, "hidden_size": 2048,
    "intermediate_size": 5632, "num_hidden_layers": 24, "num_attention_heads": 32,
    "num_key_value_heads": 32, "use_qkv_bias": true, "qk_layernorm": false,
    "use_parallel_residual": false
}"#;

const STABLELM_2_12B: &str = r#"{
    "architectures": ["StableLmForCausalLM"], "model_type": "stablelm", "vocab_size": 100352,
    "max_position_embeddings": 4096, "partial_rotary_factor": 0.25, "rope_theta": 10000,
    "layer_norm_eps": 1e-05, "tie_word_embeddings": false, "hidden_size": 5120,
    "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 32,
    "num_key_value_heads": 8, "use_qkv_bias": false, "qk_layernorm": true,
    "use_parallel_residual": true
}"#;
