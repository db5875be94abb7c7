//! Sliding windows, as `config.json` states them.
//!
//! GGUF has one number for all layers, and a pattern that says which of them it is for.

use serde_json::Value as Json;

use super::{Error, keys::View};
use crate::{Array, Value};

const WINDOWED: &str = "sliding_attention";
const FULL: &str = "full_attention";

/// `sliding_window` is for every layer; `null` is none.
pub(super) fn everywhere(view: &mut View<'_>, otherwise: Option<u32>) -> Result<(), Error> {
    let stated = view.config.keys().any(|(key, _)| key == "sliding_window");
    let window = view.config.count("sliding_window")?.or(if stated { None } else { otherwise });
    set(view, window)
}

/// `sliding_window` is for the layers from `max_window_layers` on, if it is used at all.
pub(super) fn from_a_layer(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    if !config.flag("use_sliding_window")?.unwrap_or(false) {
        return set(view, None);
    }
    let n_layers = view.need("num_hidden_layers")?;
    let window = config.count("sliding_window")?;
    match config.count("max_window_layers")?.unwrap_or(28) {
        0 => set(view, window),
        first if first >= n_layers => set(view, None),
        _ => Err(config.not("max_window_layers", format!("0 or at least {n_layers}"))),
    }
}

/// `sliding_window` is for some layers.
pub(super) fn by_layer(view: &mut View<'_>, otherwise: u32, every: u32) -> Result<(), Error> {
    let stated = view.config.keys().any(|(key, _)| key == "sliding_window");
    let window = view.config.count("sliding_window")?.unwrap_or(if stated { 0 } else { otherwise });
    view.set("attention.sliding_window", Value::U32(window));
    let n_layers = view.need("num_hidden_layers")?;
    let pattern = match view.config.array("layer_types")? {
        Some(types) => types.iter().map(|it| windowed(view, it)).collect::<Result<Vec<_>, _>>()?,
        None => {
            let every = view.config.count("sliding_window_pattern")?.unwrap_or(every);
            let every = every.max(1);
            // As many as any published model has, with room; more are refused later.
            (1..=n_layers.min(1 << 16)).map(|it| !it.is_multiple_of(every)).collect()
        }
    };
    view.set("attention.sliding_window_pattern", Value::Array(Array::Bool(pattern)));
    Ok(())
}

fn windowed(view: &View<'_>, kind: &Json) -> Result<bool, Error> {
    match kind.as_str() {
        Some(WINDOWED) => Ok(true),
        Some(FULL) => Ok(false),
        _ => {
            Err(view.config.not("layer_types", format!("`{WINDOWED}` or `{FULL}` for each layer")))
        }
    }
}

fn set(view: &mut View<'_>, window: Option<u32>) -> Result<(), Error> {
    let kind = if window.is_some() { WINDOWED } else { FULL };
    let types: &[Json] = view.config.array("layer_types")?.unwrap_or_default();
    if types.iter().any(|it| it != kind) {
        return Err(view.config.not("layer_types", format!("`{kind}` for all layers")));
    }
    if let Some(window) = window {
        view.set("attention.sliding_window", Value::U32(window));
    }
    Ok(())
}
