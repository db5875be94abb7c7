//! The tensors of Gemma 3n and 4: an input of the token for each layer, several streams of rows of which
//! a layer computes one, and experts beside the feed-forward block.

use engine::arch::Config;
use kernels::Span;
use loader::ModelFile;

use super::tensors::{Part, matrix, stack, vector};

/// As many as the engine takes: columns of an input, and streams.
const MAX_COLS: usize = 1 << 16;
const MAX_STREAMS: usize = 16;

/// The one tensor of which the outline of a Gemma 3n has the shape: it tells the low rank.
const LOW_RANK: &str = "blk.0.laurel_l.weight";

/// What stands outside of the layers, beside what every model has there.
pub(super) fn outside(file: &ModelFile, config: &Config) -> anyhow::Result<Vec<Part>> {
    let Config { dim, vocab, n_layers, .. } = *config;
    let mut parts = Vec::new();
    if let Some(cols) = cols(file)? {
        let all = n_layers * cols;
        parts.extend([
            matrix("per_layer_token_embd", vocab, all),
            matrix("per_layer_model_proj", all, dim),
            vector("per_layer_proj_norm", cols),
        ]);
    }
    if let Some(n) = streams(file)? {
        let others = n.saturating_sub(1);
        parts.extend(["altup_proj", "altup_unembd_proj"].map(|it| stack(it, [others, dim, dim])));
    }
    Ok(parts)
}

/// What takes the token's input into a layer, where there is one.
pub(super) fn input(file: &ModelFile, config: &Config) -> anyhow::Result<Vec<Part>> {
    let (dim, cols) = (config.dim, cols(file)?);
    let parts = cols.map(|cols| {
        vec![matrix("inp_gate", cols, dim), matrix("proj", dim, cols), vector("post_norm", dim)]
    });
    Ok(parts.unwrap_or_default())
}

/// What a layer of Gemma 3n has for its streams, and the path of low rank beside attention.
pub(super) fn altup(file: &ModelFile, config: &Config) -> anyhow::Result<Vec<Part>> {
    let (dim, n) = (config.dim, streams(file)?.unwrap_or(0));
    let rank = file.tensors.get(LOW_RANK).and_then(|it| it.shape.first()).copied().unwrap_or(0);
    Ok(vec![
        matrix("altup_correct_coef", n, n),
        vector("altup_correct_scale", dim),
        matrix("altup_predict_coef", n * n, n),
        matrix("altup_router", n, dim),
        vector("altup_router_norm", dim),
        matrix("laurel_l", rank, dim),
        matrix("laurel_r", dim, rank),
        vector("laurel_post_norm", dim),
    ])
}

/// What a layer of Gemma 4 has besides: a number that multiplies its rows, and so many experts of so
/// many columns, if there are some.
pub(super) fn beside(config: &Config, experts: Option<[usize; 2]>) -> Vec<Part> {
    let dim = config.dim;
    let mut parts = vec![vector("layer_output_scale", 1)];
    if let Some([n, hidden]) = experts {
        parts.extend([
            matrix("ffn_gate_inp", n, dim),
            ("ffn_gate_inp.scale".to_owned(), vec![dim]),
            stack("ffn_gate_up_exps", [n, 2 * hidden, dim]),
            stack("ffn_down_exps", [n, dim, hidden]),
            ("ffn_down_exps.scale".to_owned(), vec![n]),
            vector("pre_ffw_norm_2", dim),
            vector("post_ffw_norm_1", dim),
            vector("post_ffw_norm_2", dim),
        ]);
    }
    parts
}

/// Whether a layer of Gemma 4 has values of its own: in one that sees everything, keys may be the values,
/// and then the outline has none of the first such layer.
pub(super) fn has_values(file: &ModelFile, config: &Config, layer: usize) -> bool {
    let sees_all = |it: &Span| *it == Span::Full;
    let first = config.spans.iter().position(sees_all);
    let stated = |it: usize| file.tensors.contains_key(&format!("blk.{it}.attn_v.weight"));
    !sees_all(&config.spans[layer]) || first.is_some_and(stated)
}

/// Columns of a layer's input of the token, where layers have one.
fn cols(file: &ModelFile) -> anyhow::Result<Option<usize>> {
    Ok(count(file, "embedding_length_per_layer_input", MAX_COLS)?.filter(|it| *it > 0))
}

/// Streams of rows side by side, where there are several.
fn streams(file: &ModelFile) -> anyhow::Result<Option<usize>> {
    count(file, "altup.num_inputs", MAX_STREAMS)
}

fn count(file: &ModelFile, name: &str, most: usize) -> anyhow::Result<Option<usize>> {
    Ok(file.metadata.usize_in(&format!("{}.{name}", file.architecture()), 0..=most)?)
}
