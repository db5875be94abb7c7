//! Which tensors follow from a configuration, and how large they are.
//!
//! Architectures that differ in numbers, norms and biases, in how they attend, and in which layers have
//! experts. `parts` has what only few have, `inputs` what Gemma 3n and 4 have.

use std::collections::BTreeMap;

use engine::arch::{Config, LayerConfig};
use kernels::MAX_EXPERTS;
use loader::{FileTensor, Format, ModelFile};

use super::{inputs, parts};
use crate::failure::Failure;

/// More than any published model has.
const MAX_LAYERS: usize = 1 << 16;

/// What the blocks of an architecture have that others have not.
struct Kind {
    /// `general.architecture`.
    name: &'static str,
    matrices: Matrices,
    /// Queries, keys and values have biases.
    has_biases: bool,
    /// Of what is between the layers' parts.
    norms: &'static [&'static str],
    /// Of these the configuration says whether they are there.
    norms_if: &'static [&'static str],
    /// Norms have biases, too.
    norm_biases: bool,
    head_norms: HeadNorms,
    mixer: Mixer,
    extra: Extra,
}

/// What is one matrix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matrices {
    Apart,
    /// Queries, keys and values; gate and up.
    Fused,
    /// Queries, keys and values; there is no gate.
    Gateless,
}

/// How a layer looks at what was before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mixer {
    Attention,
    /// Keys and values come from a latent.
    Latent,
    /// A Mamba-2 mixer where a layer has no key heads.
    AttentionOrMamba,
    /// Attention beside a Mamba-2 mixer.
    AttentionAndMamba,
}

/// What norms of queries and keys there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeadNorms {
    Never,
    /// One for all heads.
    Shared,
    /// One for all heads together, as wide as they are.
    Whole,
    /// For each head one of its own, where the configuration says so.
    Stated,
}

/// What only one architecture has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Nothing,
    /// Biases of router and experts, and a number of each head that takes part in attention.
    BiasesAndSinks,
    /// An expert that all rows go to, and how much each row takes of it.
    SharedExpert,
    /// Experts that all rows go to and take all of.
    Shared,
    /// An input of the token, and streams of rows side by side.
    Streams,
    /// An input of the token, a scale, and experts beside the feed-forward block, where there are some.
    Beside,
}

const NORMS: &[&str] = &["attn_norm", "ffn_norm"];

/// There are norms behind both parts of a block, too.
const MORE_NORMS: &[&str] = &["attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"];

const PLAIN: Kind = Kind {
    name: "llama",
    matrices: Matrices::Apart,
    has_biases: false,
    norms: NORMS,
    norms_if: &[],
    norm_biases: false,
    head_norms: HeadNorms::Never,
    mixer: Mixer::Attention,
    extra: Extra::Nothing,
};

/// Attention and the feed-forward block stand side by side, behind one norm.
const COHERE: Kind = Kind { norms: &["attn_norm"], head_norms: HeadNorms::Stated, ..PLAIN };

/// From the third on.
const GEMMA: Kind = Kind { norms: MORE_NORMS, head_norms: HeadNorms::Shared, ..PLAIN };

const KINDS: &[Kind] = &[
    Kind { name: "cohere2", ..COHERE },
    Kind { name: "command-r", ..COHERE },
    Kind { name: "deepseek2", mixer: Mixer::Latent, extra: Extra::Shared, ..PLAIN },
    Kind {
        name: "falcon",
        matrices: Matrices::Gateless,
        norms: &["attn_norm"],
        norms_if: &["attn_norm_2"],
        norm_biases: true,
        ..PLAIN
    },
    Kind { name: "falcon-h1", mixer: Mixer::AttentionAndMamba, ..PLAIN },
    Kind { name: "gemma", ..PLAIN },
    Kind { name: "gemma2", norms: MORE_NORMS, ..PLAIN },
    Kind { name: "gemma3", ..GEMMA },
    Kind { name: "gemma3n", extra: Extra::Streams, ..GEMMA },
    Kind { name: "gemma4", extra: Extra::Beside, ..GEMMA },
    Kind {
        name: "gpt-oss",
        norms: &["attn_norm", "post_attention_norm"],
        extra: Extra::BiasesAndSinks,
        ..PLAIN
    },
    Kind { name: "granite", ..PLAIN },
    Kind { name: "granitehybrid", mixer: Mixer::AttentionOrMamba, extra: Extra::Shared, ..PLAIN },
    Kind { name: "granitemoe", ..PLAIN },
    PLAIN,
    Kind { name: "llama4", extra: Extra::Shared, ..PLAIN },
    Kind { name: "mistral3", ..PLAIN },
    Kind {
        name: "olmo2",
        norms: &["post_attention_norm", "post_ffw_norm"],
        head_norms: HeadNorms::Whole,
        ..PLAIN
    },
    Kind { name: "phi3", matrices: Matrices::Fused, ..PLAIN },
    Kind { name: "phimoe", norm_biases: true, ..PLAIN },
    Kind { name: "qwen2", has_biases: true, ..PLAIN },
    Kind { name: "qwen2moe", has_biases: true, extra: Extra::SharedExpert, ..PLAIN },
    Kind { name: "qwen3", head_norms: HeadNorms::Shared, ..PLAIN },
    Kind { name: "qwen3moe", head_norms: HeadNorms::Shared, ..PLAIN },
    Kind { name: "smollm3", ..PLAIN },
    Kind {
        name: "stablelm",
        norms: &["attn_norm"],
        norms_if: &["ffn_norm"],
        norm_biases: true,
        head_norms: HeadNorms::Stated,
        ..PLAIN
    },
];

/// A name in a block, and a shape.
pub(super) type Part = (String, Vec<usize>);

/// All tensors of the model whose outline is `file` and whose numbers are `config`.
///
/// # Errors
///
/// If its experts cannot be, or a tensor would have no numbers.
pub(super) fn all(
    file: &ModelFile,
    config: &Config,
) -> anyhow::Result<BTreeMap<String, FileTensor>> {
    let kind = KINDS.iter().find(|it| it.name == file.architecture());
    let kind = kind.expect("a test holds that the engine runs none that is not in the table");
    // Rotary factors are computed from the configuration, and are there with their shapes.
    let mut all = file.tensors.clone();
    all.retain(|name, _| name.starts_with("rope_f"));
    let table = [config.vocab, config.dim];
    all.insert("token_embd.weight".to_owned(), blank(&table));
    all.insert("output_norm.weight".to_owned(), blank(&[config.dim]));
    if file.tensors.contains_key("output.weight") {
        all.insert("output.weight".to_owned(), blank(&table));
    }
    if file.tensors.contains_key("output.bias") {
        all.insert("output.bias".to_owned(), blank(&[config.vocab]));
    }
    if kind.norm_biases {
        all.insert("output_norm.bias".to_owned(), blank(&[config.dim]));
    }
    all.extend(inputs::outside(file, config)?.into_iter().map(|(name, it)| (name, blank(&it))));
    let (experts, has_experts) = (experts(file, config)?, has_experts(file)?);
    for number in 0..config.n_layers {
        let experts = experts.filter(|_| has_experts(number));
        for (name, shape) in block(file, config, number, (kind, experts))? {
            all.insert(format!("blk.{number}.{name}"), blank(&shape));
        }
    }
    if let Some((name, FileTensor { shape, .. })) = all.iter().find(|it| it.1.shape.contains(&0)) {
        let message = format!("`{name}` would be {shape:?}, expected no dimension of 0");
        let hint = "a size in the `config.json` is 0 or too small";
        return Err(Failure::new(message).hint(hint).into());
    }
    Ok(all)
}

/// What a layer has.
fn block(
    file: &ModelFile,
    config: &Config,
    number: usize,
    (kind, experts): (&Kind, Option<[usize; 2]>),
) -> anyhow::Result<Vec<Part>> {
    let layer = &config.layers[number];
    let mut block = match kind.mixer {
        Mixer::Latent => parts::latent(file, config)?,
        Mixer::AttentionOrMamba if layer.n_kv_heads == 0 => parts::mamba(config, true),
        Mixer::Attention | Mixer::AttentionOrMamba => attention(config, layer, kind),
        Mixer::AttentionAndMamba => {
            let has_norm = file.tensors.contains_key("blk.0.ssm_norm.weight");
            [attention(config, layer, kind), parts::mamba(config, has_norm)].concat()
        }
    };
    if kind.extra == Extra::Beside && !inputs::has_values(file, config, number) {
        block.retain(|it| it.0 != "attn_v.weight");
    }
    block.extend(norms(file, config, layer, kind));
    let in_its_place = experts.filter(|_| kind.extra != Extra::Beside);
    block.extend(feed_forward(config, layer, kind, in_its_place));
    block.extend(extra(file, config, kind, experts)?);
    let biases: Vec<_> = block.iter().filter_map(|it| bias(it, file, kind)).collect();
    block.extend(biases);
    Ok(block)
}

/// A tensor without bytes.
fn blank(shape: &[usize]) -> FileTensor {
    FileTensor { format: Format::F32, shape: shape.to_vec(), parts: Vec::new() }
}

pub(super) fn matrix(name: &str, rows: usize, cols: usize) -> Part {
    (format!("{name}.weight"), vec![rows, cols])
}

pub(super) fn vector(name: &str, cols: usize) -> Part {
    (format!("{name}.weight"), vec![cols])
}

pub(super) fn stack(name: &str, shape: [usize; 3]) -> Part {
    (format!("{name}.weight"), shape.to_vec())
}

fn attention(config: &Config, layer: &LayerConfig, kind: &Kind) -> Vec<Part> {
    let Config { dim, n_heads, .. } = *config;
    let LayerConfig { n_kv_heads, head_dim, v_dim, .. } = *layer;
    let (q, k, v) = (n_heads * head_dim, n_kv_heads * head_dim, n_kv_heads * v_dim);
    let out = matrix("attn_output", dim, n_heads * v_dim);
    match kind.matrices {
        Matrices::Fused | Matrices::Gateless => vec![matrix("attn_qkv", q + k + v, dim), out],
        Matrices::Apart => {
            vec![matrix("attn_q", q, dim), matrix("attn_k", k, dim), matrix("attn_v", v, dim), out]
        }
    }
}

fn norms(file: &ModelFile, config: &Config, layer: &LayerConfig, kind: &Kind) -> Vec<Part> {
    let Config { dim, n_heads, .. } = *config;
    let LayerConfig { n_kv_heads, head_dim, .. } = *layer;
    let norm = |name: &str, shape: &[usize]| (format!("{name}.weight"), shape.to_vec());
    let is_there = |name: &str| file.tensors.contains_key(&format!("blk.0.{name}.weight"));
    let stated = kind.norms_if.iter().filter(|it| is_there(it));
    let mut all = Vec::new();
    for name in kind.norms.iter().chain(stated) {
        all.push(norm(name, &[dim]));
        if kind.norm_biases {
            all.push((format!("{name}.bias"), vec![dim]));
        }
    }
    for (name, heads) in [("attn_q_norm", n_heads), ("attn_k_norm", n_kv_heads)] {
        let is_stated = is_there(name);
        match kind.head_norms {
            HeadNorms::Shared => all.push(norm(name, &[head_dim])),
            HeadNorms::Whole => all.push(norm(name, &[heads * head_dim])),
            HeadNorms::Stated if is_stated => all.push(norm(name, &[heads, head_dim])),
            HeadNorms::Stated | HeadNorms::Never => {}
        }
    }
    all
}

/// How many experts there are, and how wide one is.
fn experts(file: &ModelFile, config: &Config) -> anyhow::Result<Option<[usize; 2]>> {
    let key = |name: &str| format!("{}.{name}", file.architecture());
    let n = file.metadata.usize_in(&key("expert_count"), 0..=MAX_EXPERTS)?.unwrap_or(0);
    if n == 0 {
        return Ok(None);
    }
    let hidden = file.metadata.usize_in(&key("expert_feed_forward_length"), 1..=1 << 24)?;
    Ok(Some([n, hidden.unwrap_or(config.hidden)]))
}

/// Which layers have experts, where there are some.
fn has_experts(file: &ModelFile) -> anyhow::Result<impl Fn(usize) -> bool + use<>> {
    let key = |name: &str| format!("{}.{name}", file.architecture());
    let count = |name: &str| file.metadata.usize_in(&key(name), 0..=MAX_LAYERS);
    let dense = count("leading_dense_block_count")?.unwrap_or(0);
    // The last of so many in a row.
    let every = count("interleave_moe_layer_step")?.unwrap_or(1).max(1);
    Ok(move |layer: usize| layer >= dense && (layer + 1).is_multiple_of(every))
}

fn feed_forward(
    config: &Config,
    layer: &LayerConfig,
    kind: &Kind,
    experts: Option<[usize; 2]>,
) -> Vec<Part> {
    let (dim, hidden) = (config.dim, layer.hidden);
    match (experts, kind.matrices) {
        (Some([n, hidden]), _) => vec![
            matrix("ffn_gate_inp", n, dim),
            stack("ffn_gate_exps", [n, hidden, dim]),
            stack("ffn_up_exps", [n, hidden, dim]),
            stack("ffn_down_exps", [n, dim, hidden]),
        ],
        (None, Matrices::Fused) => {
            vec![matrix("ffn_up", 2 * hidden, dim), matrix("ffn_down", dim, hidden)]
        }
        (None, Matrices::Gateless) => {
            vec![matrix("ffn_up", hidden, dim), matrix("ffn_down", dim, hidden)]
        }
        (None, Matrices::Apart) => vec![
            matrix("ffn_gate", hidden, dim),
            matrix("ffn_up", hidden, dim),
            matrix("ffn_down", dim, hidden),
        ],
    }
}

/// What only this architecture has.
fn extra(
    file: &ModelFile,
    config: &Config,
    kind: &Kind,
    experts: Option<[usize; 2]>,
) -> anyhow::Result<Vec<Part>> {
    let dim = config.dim;
    let bias = |name: &str, shape: &[usize]| (format!("{name}.bias"), shape.to_vec());
    Ok(match (kind.extra, experts) {
        (Extra::BiasesAndSinks, Some([n, hidden])) => vec![
            ("attn_sinks.weight".to_owned(), vec![config.n_heads]),
            bias("ffn_gate_inp", &[n]),
            bias("ffn_gate_exps", &[n, hidden]),
            bias("ffn_up_exps", &[n, hidden]),
            bias("ffn_down_exps", &[n, dim]),
        ],
        (Extra::SharedExpert, Some(_)) => {
            let key = format!("{}.expert_shared_feed_forward_length", kind.name);
            let hidden = file.metadata.usize_in(&key, 1..=1 << 24)?.unwrap_or(config.hidden);
            vec![
                matrix("ffn_gate_inp_shexp", 1, dim),
                matrix("ffn_gate_shexp", hidden, dim),
                matrix("ffn_up_shexp", hidden, dim),
                matrix("ffn_down_shexp", dim, hidden),
            ]
        }
        (Extra::Shared, Some(experts)) => parts::shared(file, config, experts)?,
        (Extra::Streams, _) => {
            [inputs::input(file, config)?, inputs::altup(file, config)?].concat()
        }
        (Extra::Beside, experts) => {
            [inputs::input(file, config)?, inputs::beside(config, experts)].concat()
        }
        _ => Vec::new(),
    })
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

#[cfg(test)]
mod tests {
    use engine::arch;

    use super::*;

    #[test]
    fn whatever_the_engine_runs_has_tensors() {
        for name in arch::supported() {
            assert!(KINDS.iter().any(|it| it.name == name), "{name}");
        }
    }
}
