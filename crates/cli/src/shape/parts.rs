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

/// Experts that all rows go to, which are one block, beside `n` of so many columns; and what corrects
/// scores that are sigmoids.
pub(super) fn shared(
    file: &ModelFile,
    config: &Config,
    [n, hidden]: [usize; 2],
) -> anyhow::Result<Vec<Part>> {
    let n_shared = number(file, "expert_shared_count", 1)?;
    let hidden = number(file, "expert_shared_feed_forward_length", n_shared * hidden)?;
    let mut parts = vec![
        matrix("ffn_gate_shexp", hidden, config.dim),
        matrix("ffn_up_shexp", hidden, config.dim),
        matrix("ffn_down_shexp", config.dim, hidden),
    ];
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
