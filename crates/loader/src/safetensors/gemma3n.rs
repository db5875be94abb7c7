//! Gemma 3n's numbers that differ from layer to layer.

use serde_json::Value as Json;

use super::{Error, keys::View};
use crate::{Array, Value};

const SPARSITY: &str = "activation_sparsity_pattern";

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
    let all = config.object("rope_parameters")?;
    let theta = |kind: &str| -> Result<Option<f64>, Error> {
        let of = all.map(|it| it.object(kind)).transpose()?.flatten();
        Ok(of.map(|it| it.positive("rope_theta")).transpose()?.flatten())
    };
    let scaled = config.object("rope_scaling")?;
    if scaled.is_some() {
        return Err(config.not("rope_scaling", "`null`"));
    }
    let full = theta("full_attention")?.or(config.positive("rope_theta")?).unwrap_or(1e6);
    let local = config.positive("rope_local_base_freq")?;
    let windowed = theta("sliding_attention")?.or(local).unwrap_or(1e4);
    view.set("rope.freq_base", Value::F32(full as f32));
    view.set("rope.freq_base_swa", Value::F32(windowed as f32));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (share, want) in [(0.5, 0.0), (0.95, 1.644_853_627), (0.975, 1.959_963_985)] {
            assert!((quantile(share) - want).abs() < 1e-8, "{share}: {}", quantile(share));
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
    }
}
