//! Gemma 4's numbers: heads, positions and widths that differ from layer to layer.

use serde_json::Value as Json;

use super::{Error, config::Config, keys::View, names::vector};
use crate::{Array, Value};

/// A frequency that turns by nothing is one that was divided by this, as in GGUF.
const STILL: f32 = 1e30;

/// Sets what differs between layers with a window and those without.
pub(super) fn layers(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let n_layers = view.need("num_hidden_layers")?.min(1 << 16) as usize;
    let windowed = windowed(view, n_layers)?;
    let head_dim = config.count("head_dim")?.unwrap_or(256);
    let global = config.count("global_head_dim")?.unwrap_or(512);
    for (suffix, dim) in [("_swa", head_dim), ("", global)] {
        for key in ["attention.key_length", "attention.value_length", "rope.dimension_count"] {
            view.set(&format!("{key}{suffix}"), Value::U32(dim));
        }
    }
    let kv_heads = config.count("num_key_value_heads")?.unwrap_or(4);
    let stated = config.count("num_global_key_value_heads")?;
    let same = !config.flag("attention_k_eq_v")?.unwrap_or(false);
    let of_full = stated.filter(|_| !same).unwrap_or(kv_heads);
    let by_layer = windowed.iter().map(|&it| if it { kv_heads } else { of_full }).collect();
    view.set("attention.head_count_kv", Value::Array(Array::U32(by_layer)));
    view.set("attention.sliding_window_pattern", Value::Array(Array::Bool(windowed)));
    let window = config.count("sliding_window")?.unwrap_or(512);
    view.set("attention.sliding_window", Value::U32(window));
    widths(view, n_layers)?;
    positions(view, global)
}

fn windowed(view: &View<'_>, n_layers: usize) -> Result<Vec<bool>, Error> {
    let key = "layer_types";
    let Some(types) = view.config.array(key)? else {
        return Ok((1..=n_layers).map(|it| it % 6 != 0).collect());
    };
    let one = |it: &Json| match it.as_str() {
        Some("sliding_attention") => Some(true),
        Some("full_attention") => Some(false),
        _ => None,
    };
    let types = types.iter().map(one).collect::<Option<Vec<_>>>();
    let expected = "`sliding_attention` or `full_attention` for each layer";
    types.ok_or_else(|| view.config.not(key, expected))
}

/// Layers that keep no keys of their own may be twice as wide.
fn widths(view: &mut View<'_>, n_layers: usize) -> Result<(), Error> {
    let config = view.config;
    let hidden = view.need("intermediate_size")?;
    let shared = config.count("num_kv_shared_layers")?.unwrap_or(0);
    view.set("attention.shared_kv_layers", Value::U32(shared));
    let wide = config.flag("use_double_wide_mlp")?.unwrap_or(false);
    let first_wide = if wide { n_layers.saturating_sub(shared as usize) } else { n_layers };
    let width = |layer| if layer < first_wide { hidden } else { hidden.saturating_mul(2) };
    let widths = (0..n_layers).map(width).collect();
    view.set("feed_forward_length", Value::Array(Array::U32(widths)));
    Ok(())
}

/// Layers without a window turn some of their pairs alone.
fn positions(view: &mut View<'_>, global: u32) -> Result<(), Error> {
    let all = view.config.object("rope_parameters")?;
    let of = |kind: &str| Ok::<_, Error>(all.map(|it| it.object(kind)).transpose()?.flatten());
    let theta = |it: Option<Config<'_>>, otherwise| -> Result<Value, Error> {
        let stated = it.map(|it| it.positive("rope_theta")).transpose()?.flatten();
        Ok(Value::F32(stated.unwrap_or(otherwise) as f32))
    };
    let (full, windowed) = (of("full_attention")?, of("sliding_attention")?);
    view.set("rope.freq_base", theta(full, 1e6)?);
    view.set("rope.freq_base_swa", theta(windowed, 1e4)?);
    for (it, expected) in [(full, "proportional"), (windowed, "default")] {
        let kind = it.map(|it| it.text("rope_type")).transpose()?.flatten();
        if kind.is_some_and(|kind| kind != expected) {
            return Err(view.config.not("rope_parameters", format!("`{expected}` there")));
        }
    }
    let share = full.map(|it| it.real("partial_rotary_factor")).transpose()?.flatten();
    let pairs = (global / 2).min(1 << 12);
    let turning = (share.unwrap_or(0.25) * f64::from(global)) as u32 / 2;
    let factors: Vec<f32> = (0..pairs).map(|j| if j < turning { 1.0 } else { STILL }).collect();
    view.tensors.insert("rope_freqs.weight".to_owned(), vector(&factors));
    Ok(())
}
