//! The tensors of parts that few architectures have: latent attention, Mamba-2 mixers, experts that all
//! rows go to.

use engine::arch::{Config, Scan};
use loader::ModelFile;

use super::tensors::{Part, matrix};

/// More than any published model has.
const MAX: usize = 1 << 24;

/// `expert_gating_func` where scores are sigmoids, which are corrected when experts are chosen.
const SIGMOID: usize = 2;

/// Latent attention, as `Latents` of the engine reads its numbers. What brings queries into the space
/// of latents, and values out of it, has a matrix a head.
pub(super) fn latent(file: &ModelFile, config: &Config) -> anyhow::Result<Vec<Part>> {
    let Config { dim, n_heads, latent: rank, turned, .. } = *config;
    let count =
        |name: &str, otherwise: usize| number(file, &format!("attention.{name}"), otherwise);
    let head_dim = count("key_length_mla", config.head_dim)?;
    let (v_dim, q_rank) = (count("value_length_mla", config.v_dim)?, count("q_lora_rank", 0)?);
    let norm = |name: &str, cols: usize| (format!("{name}.weight"), vec![cols]);
    let mut parts = match q_rank {
        0 => vec![matrix("attn_q", n_heads * head_dim, dim)],
        _ => vec![
            matrix("attn_q_a", q_rank, dim),
            norm("attn_q_a_norm", q_rank),
            matrix("attn_q_b", n_heads * head_dim, q_rank),
        ],
    };
    let still = head_dim.saturating_sub(turned);
    parts.extend([
        matrix("attn_kv_a_mqa", rank + turned, dim),
        norm("attn_kv_a_norm", rank),
        ("attn_k_b.weight".to_owned(), vec![n_heads, rank, still]),
        ("attn_v_b.weight".to_owned(), vec![n_heads, v_dim, rank]),
        matrix("attn_output", dim, n_heads * v_dim),
    ]);
    Ok(parts)
}

/// A Mamba-2 mixer; a norm of each group, where there is one.
pub(super) fn mamba(config: &Config, has_norm: bool) -> Vec<Part> {
    let Some(scan) = &config.recurrent else { return Vec::new() };
    let Scan { taps, n_heads, n_groups, .. } = *scan;
    let (inner, conv) = (scan.inner(), scan.conv_cols());
    let mut parts = vec![
        matrix("ssm_in", inner + conv + n_heads, config.dim),
        matrix("ssm_conv1d", conv, taps),
        ("ssm_dt.bias".to_owned(), vec![n_heads]),
        ("ssm_a".to_owned(), vec![n_heads, 1]),
        ("ssm_d".to_owned(), vec![n_heads, 1]),
        matrix("ssm_out", config.dim, inner),
    ];
    if has_norm {
        parts.push(matrix("ssm_norm", n_groups, inner / n_groups));
    }
    parts
}

/// Experts that all rows go to, if there are some, which are one block, beside `n` of so many columns;
/// and what corrects scores that are sigmoids.
pub(super) fn shared(
    file: &ModelFile,
    config: &Config,
    [n, hidden]: [usize; 2],
) -> anyhow::Result<Vec<Part>> {
    // Llama 4 has one, of which its configuration has no number.
    let usual = usize::from(file.architecture() == "llama4");
    let n_shared = number(file, "expert_shared_count", usual)?;
    let hidden = number(file, "expert_shared_feed_forward_length", n_shared * hidden)?;
    let mut parts = Vec::new();
    if hidden > 0 {
        parts.extend([
            matrix("ffn_gate_shexp", hidden, config.dim),
            matrix("ffn_up_shexp", hidden, config.dim),
            matrix("ffn_down_shexp", config.dim, hidden),
        ]);
    }
    if number(file, "expert_gating_func", 0)? == SIGMOID {
        parts.push(("exp_probs_b.bias".to_owned(), vec![n]));
    }
    Ok(parts)
}

/// The number of a key of the architecture.
fn number(file: &ModelFile, name: &str, otherwise: usize) -> anyhow::Result<usize> {
    let key = format!("{}.{name}", file.architecture());
    Ok(file.metadata.usize_in(&key, 0..=MAX)?.unwrap_or(otherwise))
}

#[cfg(test)]
mod tests {
    use loader::safetensors::outline;

    use super::super::Shape;

    const DEEPSEEK: &str = r#"{"architectures": ["DeepseekV3ForCausalLM"], "vocab_size": 300,
        "hidden_size": 64, "intermediate_size": 320, "moe_intermediate_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
        "n_shared_experts": 2, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 2,
        "topk_group": 1, "first_k_dense_replace": 1, "kv_lora_rank": 32, "q_lora_rank": 32,
        "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32,
        "scoring_func": "sigmoid", "topk_method": "noaux_tc"}"#;

    const GRANITE: &str = r#"{"architectures": ["GraniteMoeHybridForCausalLM"], "vocab_size": 300,
        "hidden_size": 64, "intermediate_size": 32, "shared_intermediate_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_local_experts": 4, "num_experts_per_tok": 2, "layer_types": ["mamba", "attention"],
        "mamba_n_heads": 4, "mamba_d_head": 32, "mamba_d_state": 16, "mamba_n_groups": 1}"#;

    /// The shape of the configuration where it says something else.
    fn shape(config: &str, [from, to]: [&str; 2]) -> Result<Shape, String> {
        assert!(config.contains(from), "{from}");
        let config = config.replace(from, to);
        let file = outline("config.json", config.as_bytes()).map_err(|it| it.to_string())?;
        Shape::of("config.json", file).map_err(|it| it.to_string())
    }

    /// How wide the block of layer 1 is that all rows share, if there is one; and whether experts are
    /// there beside it.
    #[track_caller]
    fn shared(config: &str, change: [&str; 2]) -> (Option<usize>, bool) {
        let shape = shape(config, change).expect("it has a shape");
        let tensors = &shape.file().tensors;
        let width = tensors.get("blk.1.ffn_up_shexp.weight").map(|it| it.shape[0]);
        let down = tensors.get("blk.1.ffn_down_shexp.weight").map(|it| it.shape[1]);
        let has_gate = tensors.contains_key("blk.1.ffn_gate_shexp.weight");
        assert_eq!((down, has_gate), (width, width.is_some()));
        (width, tensors.contains_key("blk.1.ffn_up_exps.weight"))
    }

    #[test]
    fn a_model_may_share_no_expert() {
        let key = "\"n_shared_experts\": 2,";
        assert_eq!(shared(DEEPSEEK, [key, key]), (Some(64), true));
        assert_eq!(shared(DEEPSEEK, [key, "\"n_shared_experts\": 0,"]), (None, true));
        assert_eq!(shared(DEEPSEEK, [key, "\"n_shared_experts\": null,"]), (None, true));
        // As transformers has it.
        assert_eq!(shared(DEEPSEEK, [key, ""]), (Some(32), true));
        let key = "\"shared_intermediate_size\": 32,";
        assert_eq!(shared(GRANITE, [key, key]), (Some(32), true));
        assert_eq!(shared(GRANITE, [key, "\"shared_intermediate_size\": 0,"]), (None, true));
    }

    #[test]
    fn tensors_without_numbers_are_refused() {
        let refused = |change| shape(DEEPSEEK, change).expect_err("something is 0");
        assert_eq!(
            refused(["\"qk_nope_head_dim\": 32", "\"qk_nope_head_dim\": 0"]),
            "`blk.0.attn_k_b.weight` would be [4, 32, 0], expected no dimension of 0"
        );
        assert_eq!(
            refused(["\"v_head_dim\": 32", "\"v_head_dim\": 0"]),
            "`blk.0.attn_output.weight` would be [64, 0], expected no dimension of 0"
        );
    }
}
