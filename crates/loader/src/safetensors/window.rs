//! Sliding windows, as `config.json` states them.
//!
//! GGUF has one number for all layers; models whose layers differ are not mapped yet, and are
//! refused rather than given a window everywhere or nowhere.

use serde_json::Value as Json;

use super::{Error, keys::View};
use crate::Value;

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

fn set(view: &mut View<'_>, window: Option<u32>) -> Result<(), Error> {
    let kind = if window.is_some() { "sliding_attention" } else { "full_attention" };
    let types: &[Json] = view.config.array("layer_types")?.unwrap_or_default();
    if types.iter().any(|it| it != kind) {
        return Err(view.config.not("layer_types", format!("`{kind}` for all layers")));
    }
    if let Some(window) = window {
        view.set("attention.sliding_window", Value::U32(window));
    }
    Ok(())
}
