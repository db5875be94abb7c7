//! Gemma 3n: its tables, and numbers that differ from layer to layer.

use std::iter;

use serde_json::Value as Json;

use super::{
    Error,
    config::Config,
    families::{DECODER_TENSORS, QK_NORMS},
    family::{Family, Key, Means, Name, Otherwise, count, count_or, key, name, real, stack},
    gemma4::GEMMA4_TENSORS,
    keys::View,
    rope,
};
use crate::{Array, FileTensor, QkOrder, Value};

pub(super) const GEMMA3N: Family = Family {
    class: "Gemma3nForCausalLM",
    model_type: "gemma3n_text",
    architecture: "gemma3n",
    qk_order: QkOrder::Halves,
    keys: &[GEMMA3N_KEYS],
    tensors: &[GEMMA3N_TENSORS, GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
};

pub(super) const GEMMA3N_WITH_MEDIA: Family =
    Family { class: "Gemma3nForConditionalGeneration", model_type: "gemma3n", ..GEMMA3N };

const GEMMA3N_KEYS: &[Key] = &[
    count("vocab_size", "vocab_size"),
    key("vocab_size_per_layer_input", Means::By(inputs)),
    count("hidden_size", "embedding_length"),
    count("num_hidden_layers", "block_count"),
    count("num_attention_heads", "attention.head_count"),
    count_or("num_key_value_heads", "attention.head_count_kv", Otherwise::Is(2)),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(32_768)),
    count_or("hidden_size_per_layer_input", "embedding_length_per_layer_input", Otherwise::Is(256)),
    count_or("num_kv_shared_layers", "attention.shared_kv_layers", Otherwise::Is(15)),
    count_or("altup_num_inputs", "altup.num_inputs", Otherwise::Is(4)),
    count_or("altup_active_idx", "altup.active_idx", Otherwise::Is(0)),
    key("altup_coef_clip", Means::Elsewhere), // in training
    key("altup_correct_scale", Means::Elsewhere),
    key("laurel_rank", Means::Elsewhere), // the tensors say so, too
    key("intermediate_size", Means::By(layers)),
    key("activation_sparsity_pattern", Means::Elsewhere),
    key("head_dim", Means::Elsewhere),
    key("rope_parameters", Means::Elsewhere),
    key("rope_scaling", Means::Elsewhere),
    key("rope_theta", Means::Elsewhere),
    key("rope_local_base_freq", Means::Elsewhere),
    key("sliding_window", Means::WindowPattern { window: 512, every: 5 }),
    key("layer_types", Means::Elsewhere),
    key("hidden_activation", Means::OneOf(&["gelu_pytorch_tanh"])),
    real("final_logit_softcapping", "final_logit_softcapping", 30.0),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

const GEMMA3N_TENSORS: &[Name] = &[
    stack("model.altup_projections.{}.weight", "altup_proj.weight"),
    stack("model.altup_unembed_projections.{}.weight", "altup_unembd_proj.weight"),
    name("model.layers.{}.altup.correct_output_scale", "blk.{}.altup_correct_scale.weight"),
    name("model.layers.{}.altup.correction_coefs.weight", "blk.{}.altup_correct_coef.weight"),
    name("model.layers.{}.altup.modality_router.weight", "blk.{}.altup_router.weight"),
    name("model.layers.{}.altup.prediction_coefs.weight", "blk.{}.altup_predict_coef.weight"),
    name("model.layers.{}.altup.router_norm.weight", "blk.{}.altup_router_norm.weight"),
    name("model.layers.{}.laurel.linear_left.weight", "blk.{}.laurel_l.weight"),
    name("model.layers.{}.laurel.linear_right.weight", "blk.{}.laurel_r.weight"),
    name("model.layers.{}.laurel.post_laurel_norm.weight", "blk.{}.laurel_post_norm.weight"),
];

const SPARSITY: &str = "activation_sparsity_pattern";

/// What brings rows to the low rank of the path beside attention, in the first block: its shape.
pub(super) fn low_rank(config: Config<'_>) -> Result<(String, Vec<usize>), Error> {
    let rank = config.count("laurel_rank")?.unwrap_or(64) as usize;
    let dim = config.count("hidden_size")?.unwrap_or(0) as usize;
    Ok(("blk.0.laurel_l.weight".to_owned(), vec![rank, dim]))
}

/// Published models lack the inputs of 256 tokens.
const MOST_LACKED: usize = 1 << 12;

/// Tokens that stand for what is seen and heard have no row in the table of the layers' inputs:
/// transformers takes the first for them.
fn inputs(view: &mut View<'_>) -> Result<(), Error> {
    let vocab = view.need("vocab_size")? as usize;
    if let Some(table) = view.tensors.get_mut("per_layer_token_embd.weight") {
        extend(table, vocab);
    }
    Ok(())
}

/// Repeats the first row until there are so many. A table that lacks more than a few stays as it is,
/// for whoever checks shapes.
fn extend(table: &mut FileTensor, rows: usize) {
    let [there, cols] = table.shape[..] else { return };
    let lacked = rows.saturating_sub(there);
    let first = table.format.row_bytes(cols).zip(table.parts.first());
    let Some((row_bytes, first)) = first.filter(|it| it.0 <= it.1.len()) else { return };
    if lacked <= MOST_LACKED {
        let row = first.slice(0..row_bytes);
        table.parts.extend(iter::repeat_n(row, lacked));
        table.shape[0] += lacked;
    }
}

/// Sets widths, sparsity, and positions.
pub(super) fn layers(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let n_layers = view.need("num_hidden_layers")?.min(1 << 16) as usize;
    if !config.flag("altup_correct_scale")?.unwrap_or(true) {
        return Err(config.not("altup_correct_scale", "true"));
    }
    let key = "intermediate_size";
    let widths = match config.get(key) {
        Some(Json::Array(widths)) => {
            let width = |it: &Json| it.as_u64().and_then(|it| u32::try_from(it).ok());
            let widths = widths.iter().map(width).collect::<Option<Vec<_>>>();
            widths.ok_or_else(|| config.not(key, "whole numbers below 2^32"))?
        }
        _ => vec![config.count(key)?.unwrap_or(16_384); n_layers],
    };
    view.set("feed_forward_length", Value::Array(Array::U32(widths)));
    sparsity(view, n_layers)?;
    let dim = config.count("head_dim")?.unwrap_or(256);
    for key in ["attention.key_length", "attention.value_length", "rope.dimension_count"] {
        view.set(key, Value::U32(dim));
    }
    positions(view)
}

/// The share of gates that are to be zero becomes the standard deviations above their mean, if they
/// are normally distributed.
fn sparsity(view: &mut View<'_>, n_layers: usize) -> Result<(), Error> {
    let shares = match view.config.get(SPARSITY) {
        None => {
            let sparse = if n_layers > 10 { 10 } else { 0 };
            (0..n_layers).map(|layer| if layer < sparse { 0.95 } else { 0.0 }).collect()
        }
        Some(Json::Number(share)) => vec![share.as_f64().unwrap_or(0.0); n_layers],
        Some(shares) => {
            let share = |it: &Json| it.as_f64().filter(|it| (0.0..1.0).contains(it));
            let shares =
                shares.as_array().map(|it| it.iter().map(share).collect::<Option<Vec<_>>>());
            let expected = "an array of numbers from 0 to 1";
            shares.flatten().ok_or_else(|| view.config.not(SPARSITY, expected))?
        }
    };
    let scales = shares.into_iter().map(|share| quantile(share) as f32).collect();
    view.set("activation_sparsity_scale", Value::Array(Array::F32(scales)));
    Ok(())
}

/// Where the normal distribution has this share below it; minus infinity for none.
fn quantile(share: f64) -> f64 {
    if share <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if below(middle) < share { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The share of the normal distribution below `x`, by the series
/// `1/2 + exp(-x^2 / 2) / sqrt(2 pi) sum_n x^(2n+1) / (1 3 5 … (2n+1))`.
fn below(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, 0.0, 1.0);
    while sum + term != sum {
        sum += term;
        n += 2.0;
        term *= x * x / n;
    }
    0.5 + (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum
}

/// Layers with a window have a base of their own.
fn positions(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let [full, windowed] = rope::by_layer(config)?;
    let theta = |of: Option<Config<'_>>| -> Result<Option<f64>, Error> {
        let Some(of) = of else { return Ok(None) };
        rope::known_as(of, "default", &[])?;
        of.positive("rope_theta")
    };
    let scaled = config.object("rope_scaling")?;
    if scaled.is_some() {
        return Err(config.not("rope_scaling", "`null`"));
    }
    let full = theta(full)?.or(config.positive("rope_theta")?).unwrap_or(1e6);
    let local = config.positive("rope_local_base_freq")?;
    let windowed = theta(windowed)?.or(local).unwrap_or(1e4);
    view.set("rope.freq_base", Value::F32(full as f32));
    view.set("rope.freq_base_swa", Value::F32(windowed as f32));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Format};

    #[test]
    fn tokens_without_inputs_have_those_of_the_first() {
        let bytes = Bytes::new(Format::F32.encode(&[1.0, 2.0, 3.0, 4.0]));
        let parts = vec![bytes.slice(0..8), bytes.slice(8..16)];
        let table = FileTensor { format: Format::F32, shape: vec![2, 2], parts };
        let extended = |rows| {
            let mut table = table.clone();
            extend(&mut table, rows);
            (table.shape.clone(), table.numbers())
        };
        assert_eq!(extended(2), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(extended(1), extended(2));
        assert_eq!(extended(3), (vec![3, 2], vec![1.0, 2.0, 3.0, 4.0, 1.0, 2.0]));
        assert_eq!(extended(usize::MAX), extended(2));
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (share, want) in [(0.5, 0.0), (0.95, 1.644_853_627), (0.975, 1.959_963_985)] {
            assert!((quantile(share) - want).abs() < 1e-8, "{share}: {}", quantile(share));
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
    }
}
