//! Which tensors follow from a configuration, and how large they are.
//!
//! Architectures that differ in numbers, norms and biases alone; what an architecture has besides is
//! not guessed.

use std::collections::BTreeMap;

use engine::arch::Config;
use kernels::MAX_EXPERTS;
use loader::{FileTensor, Format, ModelFile};

use crate::failure::Failure;

/// What the blocks of an architecture have that others have not.
struct Kind {
    /// `general.architecture`.
    name: &'static str,
    /// Queries, keys and values are one matrix; so are gate and up.
    is_fused: bool,
    /// Queries, keys and values have biases.
    has_biases: bool,
    /// Query and key heads have norms.
    has_head_norms: bool,
    /// There are norms behind both parts of a block, too.
    has_post_norms: bool,
}

const PLAIN: Kind = Kind {
    name: "llama",
    is_fused: false,
    has_biases: false,
    has_head_norms: false,
    has_post_norms: false,
};

const KINDS: &[Kind] = &[
    Kind { name: "gemma", ..PLAIN },
    Kind { name: "gemma2", has_post_norms: true, ..PLAIN },
    Kind { name: "gemma3", has_head_norms: true, has_post_norms: true, ..PLAIN },
    Kind { name: "granite", ..PLAIN },
    PLAIN,
    Kind { name: "phi3", is_fused: true, ..PLAIN },
    Kind { name: "qwen2", has_biases: true, ..PLAIN },
    Kind { name: "qwen3", has_head_norms: true, ..PLAIN },
    Kind { name: "qwen3moe", has_head_norms: true, ..PLAIN },
    Kind { name: "smollm3", ..PLAIN },
];

/// A name in a block, and a shape.
type Part = (String, Vec<usize>);

/// All tensors of the model whose outline is `file` and whose numbers are `config`.
///
/// # Errors
///
/// If it is of an architecture whose tensors are not known, or its experts cannot be.
pub(super) fn all(
    file: &ModelFile,
    config: &Config,
) -> anyhow::Result<BTreeMap<String, FileTensor>> {
    let architecture = file.architecture();
    let Some(kind) = KINDS.iter().find(|it| it.name == architecture) else {
        let message = format!("which tensors a `{architecture}` has is not known here");
        let names: Vec<_> = KINDS.iter().map(|it| it.name).collect();
        return Err(Failure::new(message).hint(format!("known: {}", names.join(", "))).into());
    };
    // Rotary factors are computed from the configuration, and are there with their shapes.
    let mut all = file.tensors.clone();
    all.retain(|name, _| name.starts_with("rope_f"));
    let table = [config.vocab, config.dim];
    all.insert("token_embd.weight".to_owned(), blank(&table));
    all.insert("output_norm.weight".to_owned(), blank(&[config.dim]));
    if file.tensors.contains_key("output.weight") {
        all.insert("output.weight".to_owned(), blank(&table));
    }
    let mut block = attention(config, kind);
    block.extend(norms(config, kind));
    block.extend(feed_forward(config, kind, experts(file, config)?));
    let biases: Vec<_> = block.iter().filter_map(|it| bias(it, file, kind)).collect();
    block.extend(biases);
    for layer in 0..config.n_layers {
        for (name, shape) in &block {
            all.insert(format!("blk.{layer}.{name}"), blank(shape));
        }
    }
    Ok(all)
}

/// A tensor without bytes.
fn blank(shape: &[usize]) -> FileTensor {
    FileTensor { format: Format::F32, shape: shape.to_vec(), parts: Vec::new() }
}

fn matrix(name: &str, rows: usize, cols: usize) -> Part {
    (format!("{name}.weight"), vec![rows, cols])
}

fn attention(config: &Config, kind: &Kind) -> Vec<Part> {
    let Config { dim, n_heads, n_kv_heads, head_dim, v_dim, .. } = *config;
    let (q, k, v) = (n_heads * head_dim, n_kv_heads * head_dim, n_kv_heads * v_dim);
    let out = matrix("attn_output", dim, n_heads * v_dim);
    match kind.is_fused {
        true => vec![matrix("attn_qkv", q + k + v, dim), out],
        false => {
            vec![matrix("attn_q", q, dim), matrix("attn_k", k, dim), matrix("attn_v", v, dim), out]
        }
    }
}

fn norms(config: &Config, kind: &Kind) -> Vec<Part> {
    let norm = |name: &str, len: usize| (format!("{name}.weight"), vec![len]);
    let mut all = vec![norm("attn_norm", config.dim), norm("ffn_norm", config.dim)];
    if kind.has_head_norms {
        all.extend(["attn_q_norm", "attn_k_norm"].map(|it| norm(it, config.head_dim)));
    }
    if kind.has_post_norms {
        all.extend(["post_attention_norm", "post_ffw_norm"].map(|it| norm(it, config.dim)));
    }
    all
}

/// How many experts there are, and how wide one is.
fn experts(file: &ModelFile, config: &Config) -> anyhow::Result<Option<[usize; 2]>> {
    let key = |name: &str| format!("{}.{name}", file.architecture());
    let n = file.metadata.usize_in(&key("expert_count"), 0..=MAX_EXPERTS)?.unwrap_or(0);
    let hidden = file.metadata.usize_in(&key("expert_feed_forward_length"), 1..=1 << 24)?;
    Ok((n > 0).then_some([n, hidden.unwrap_or(config.hidden)]))
}

fn feed_forward(config: &Config, kind: &Kind, experts: Option<[usize; 2]>) -> Vec<Part> {
    let (dim, hidden) = (config.dim, config.hidden);
    let stack = |name: &str, shape: [usize; 3]| (format!("{name}.weight"), shape.to_vec());
    match (experts, kind.is_fused) {
        (Some([n, hidden]), _) => vec![
            matrix("ffn_gate_inp", n, dim),
            stack("ffn_gate_exps", [n, hidden, dim]),
            stack("ffn_up_exps", [n, hidden, dim]),
            stack("ffn_down_exps", [n, dim, hidden]),
        ],
        (None, true) => vec![matrix("ffn_up", 2 * hidden, dim), matrix("ffn_down", dim, hidden)],
        (None, false) => vec![
            matrix("ffn_gate", hidden, dim),
            matrix("ffn_up", hidden, dim),
            matrix("ffn_down", dim, hidden),
        ],
    }
}

/// The bias of a matrix, where the architecture has one, or the configuration says so.
fn bias((name, shape): &Part, file: &ModelFile, kind: &Kind) -> Option<Part> {
    let [rows, _] = shape[..] else { return None }; // a vector is a norm
    let name = name.strip_suffix("weight")?;
    let bias = format!("{name}bias");
    let of_attention = ["attn_q.", "attn_k.", "attn_v."].contains(&name);
    let stated = file.tensors.contains_key(&format!("blk.0.{bias}"));
    (stated || (kind.has_biases && of_attention)).then(|| (bias, vec![rows]))
}
