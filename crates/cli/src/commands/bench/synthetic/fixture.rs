//! Configurations of small models, one of each kind whose tensors are known.

use loader::quantise::Mix;

use super::Mould;
use crate::shape::Wanted;

pub(super) fn mould(config: &str, mix: Mix) -> Mould {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("config.json"), config).expect("a file");
    let shape = dir.path().display().to_string();
    Mould::new(&Wanted { shape, mix }).expect("a shape")
}

pub(super) const LLAMA: &str = r#"{"architectures": ["LlamaForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2}"#;

pub(super) const GEMMA: &str = r#"{"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text",
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 7,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32, "sliding_window": 16,
    "sliding_window_pattern": 3}"#;

pub(super) const QWEN: &str = r#"{"architectures": ["Qwen2ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": true}"#;

pub(super) const MIXTURE: &str = r#"{"architectures": ["Qwen3MoeForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 32, "num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true}"#;

pub(super) const PHI: &str = r#"{"architectures": ["Phi3ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2}"#;

pub(super) const LATENT: &str = r#"{"architectures": ["DeepseekV3ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 320, "moe_intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4,
    "n_shared_experts": 2, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 2,
    "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 32, "q_lora_rank": 32,
    "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32,
    "scoring_func": "sigmoid", "topk_method": "noaux_tc"}"#;

pub(super) const FALCON: &str = r#"{"architectures": ["FalconForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_kv_heads": 2,
    "new_decoder_architecture": true}"#;

pub(super) const STABLE: &str = r#"{"architectures": ["StableLmForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "use_qkv_bias": true}"#;

pub(super) const PARALLEL: &str = r#"{"architectures": ["StableLmForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "qk_layernorm": true,
    "use_parallel_residual": true}"#;

pub(super) const CHUNKED: &str = r#"{"architectures": ["Llama4ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 32, "intermediate_size_mlp": 96,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
    "num_local_experts": 8, "interleave_moe_layer_step": 2}"#;

pub(super) const BIASED: &str = r#"{"architectures": ["PhiMoEForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4,
    "attention_bias": true, "lm_head_bias": true}"#;

pub(super) const HYBRID: &str = r#"{"architectures": ["GraniteMoeHybridForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 32, "shared_intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "num_local_experts": 4, "num_experts_per_tok": 2,
    "layer_types": ["mamba", "attention", "attention", "attention"], "mamba_n_heads": 4,
    "mamba_d_head": 32, "mamba_d_state": 16, "mamba_n_groups": 1}"#;

pub(super) const BESIDE: &str = r#"{"architectures": ["FalconH1ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "mamba_d_ssm": 128,
    "mamba_n_heads": 4, "mamba_d_head": 32, "mamba_d_state": 16, "mamba_n_groups": 1}"#;

pub(super) const STREAMS: &str = r#"{"architectures": ["Gemma3nForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "sliding_window": 16,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention",
    "sliding_attention", "sliding_attention", "full_attention"],
    "hidden_size_per_layer_input": 32, "num_kv_shared_layers": 2, "altup_num_inputs": 3,
    "laurel_rank": 8, "activation_sparsity_pattern": [0.9, 0.9, 0.0, 0.0, 0.0, 0.0]}"#;

pub(super) const LENDING: &str = r#"{"architectures": ["Gemma4ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "sliding_window": 16,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention",
    "sliding_attention", "sliding_attention", "full_attention"],
    "global_head_dim": 64, "hidden_size_per_layer_input": 32, "num_kv_shared_layers": 2,
    "use_double_wide_mlp": true}"#;

pub(super) const WITH_EXPERTS: &str = r#"{"architectures": ["Gemma4ForCausalLM"], "vocab_size": 300,
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "sliding_window": 16,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention",
    "sliding_attention", "sliding_attention", "full_attention"],
    "global_head_dim": 64, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
    "attention_k_eq_v": true, "num_global_key_value_heads": 1, "enable_moe_block": true,
    "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32}"#;
