//! Llama 4's layers, as `config.json` states them: which look at positions, and how queries grow in
//! those that do not.

use serde_json::Value as Json;

use super::{Error, keys::View};
use crate::{Array, Value};

/// Layers that look at positions look back within chunks.
pub(super) fn layers(view: &mut View<'_>) -> Result<(), Error> {
    let stated = view.config.keys().any(|(key, _)| key == "attention_chunk_size");
    let chunk = view.config.count("attention_chunk_size")?;
    let chunk = chunk.or(if stated { None } else { Some(8192) });
    let Some(chunk) = chunk.filter(|it| *it > 0) else {
        return Err(view.config.not("attention_chunk_size", "a number above 0"));
    };
    view.set("attention.chunk_size", Value::U32(chunk));
    let turned = turned(view)?;
    let types = view.config.array("layer_types")?.unwrap_or_default();
    let kind = |turned: &bool| if *turned { "chunked_attention" } else { "full_attention" };
    if !types.is_empty() && !types.iter().eq(turned.iter().map(kind)) {
        return Err(view.config.not("layer_types", "what `no_rope_layers` says"));
    }
    for key in ["attention.sliding_window_pattern", "rope.layers"] {
        view.set(key, Value::Array(Array::Bool(turned.clone())));
    }
    Ok(())
}

/// Of each layer, whether it looks at positions.
fn turned(view: &View<'_>) -> Result<Vec<bool>, Error> {
    let config = view.config;
    // As many as any published model has, with room; more are refused later.
    let n_layers = view.need("num_hidden_layers")?.min(1 << 16);
    let listed = config.array("no_rope_layers")?.unwrap_or_default();
    if listed.is_empty() {
        let every = config.count("no_rope_layer_interval")?.unwrap_or(4).max(1);
        return Ok((1..=n_layers).map(|it| !it.is_multiple_of(every)).collect());
    }
    let flag = |it: &Json| it.as_u64().filter(|it| *it <= 1).map(|it| it == 1);
    let flags: Option<Vec<bool>> = listed.iter().take(n_layers as usize).map(flag).collect();
    flags.ok_or_else(|| config.not("no_rope_layers", "an array of 0 and 1"))
}

/// How queries grow with their place, in layers that do not look at positions.
pub(super) fn temperature(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let used = match config.get("attn_temperature_tuning") {
        None => true,
        Some(Json::Bool(it)) => *it,
        Some(it) => match it.as_f64() {
            Some(number) => number != 0.0, // as the first releases have it
            None => return Err(config.not("attn_temperature_tuning", "true or false")),
        },
    };
    let rate = if used { config.real("attn_scale")?.unwrap_or(0.1) } else { 0.0 };
    let length = config.count("floor_scale")?.unwrap_or(8192);
    view.set("attention.temperature_scale", Value::F32(rate as f32));
    view.set("attention.temperature_length", Value::U32(length));
    Ok(())
}
