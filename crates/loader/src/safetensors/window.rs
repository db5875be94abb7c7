//! Sliding windows, as `config.json` states them.
//!
//! GGUF has one number for all layers, and a pattern that says which of them it is for.

use serde_json::Value as Json;

use super::{Error, keys::View, rope};
use crate::{Array, Value};

const WINDOWED: &str = "sliding_attention";
const FULL: &str = "full_attention";

/// `sliding_window` is for every layer; `null` is none.
pub(super) fn everywhere(view: &mut View<'_>, otherwise: Option<u32>) -> Result<(), Error> {
    let window = stated(view, otherwise)?;
    set(view, window)
}

/// The same, where `layer_types` may say that it is for some layers alone: Ministral.
pub(super) fn by_types(view: &mut View<'_>) -> Result<(), Error> {
    let window = stated(view, Some(4096))?;
    in_layers(view, window, |_| true)
}

/// `sliding_window` is for every layer, if it is used at all: Qwen 3 with experts.
pub(super) fn if_used(view: &mut View<'_>) -> Result<(), Error> {
    let window = used(view)?;
    set(view, window)
}

/// `sliding_window` is for those layers that `layer_types` says, or else from `max_window_layers` on,
/// if it is used at all.
pub(super) fn from_a_layer(view: &mut View<'_>) -> Result<(), Error> {
    let (window, first) = (used(view)?, max_layers(view)?);
    in_layers(view, window, |layer| layer >= first)
}

/// The same, or else for every second layer before `max_window_layers`: Qwen 2 with experts.
pub(super) fn before_a_layer(view: &mut View<'_>) -> Result<(), Error> {
    let (window, end) = (used(view)?, max_layers(view)?);
    in_layers(view, window, |layer| layer < end && layer.is_multiple_of(2))
}

/// The same, or else for the layers that do not turn: `SmolLM` 3.
pub(super) fn of_still_layers(view: &mut View<'_>) -> Result<(), Error> {
    let (window, turns) = (used(view)?, rope::turning(view, 4)?);
    in_layers(view, window, |layer| turns.get(layer) == Some(&false))
}

/// `sliding_window` is for some layers.
pub(super) fn by_layer(view: &mut View<'_>, otherwise: u32, every: u32) -> Result<(), Error> {
    let stated = view.config.keys().any(|(key, _)| key == "sliding_window");
    let window = view.config.count("sliding_window")?.unwrap_or(if stated { 0 } else { otherwise });
    view.set("attention.sliding_window", Value::U32(window));
    let n_layers = view.need("num_hidden_layers")?;
    let pattern = match types(view)? {
        Some(types) => types,
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

/// The window where there is one: as stated, or this where nothing is.
fn stated(view: &View<'_>, otherwise: Option<u32>) -> Result<Option<u32>, Error> {
    let stated = view.config.keys().any(|(key, _)| key == "sliding_window");
    Ok(view.config.count("sliding_window")?.or(if stated { None } else { otherwise }))
}

/// The window, if `use_sliding_window` says that it counts.
fn used(view: &View<'_>) -> Result<Option<u32>, Error> {
    match view.config.flag("use_sliding_window")? {
        Some(true) => view.config.count("sliding_window"),
        Some(false) | None => Ok(None),
    }
}

fn max_layers(view: &View<'_>) -> Result<usize, Error> {
    Ok(view.config.count("max_window_layers")?.unwrap_or(28) as usize)
}

/// The window is for the layers that `layer_types` says, or else for these.
fn in_layers(
    view: &mut View<'_>,
    window: Option<u32>,
    otherwise: impl Fn(usize) -> bool,
) -> Result<(), Error> {
    let Some(window) = window else { return set(view, None) };
    let pattern = match types(view)? {
        Some(types) => types,
        // As many as any published model has, with room; more are refused later.
        None => (0..view.need("num_hidden_layers")?.min(1 << 16) as usize).map(otherwise).collect(),
    };
    if !pattern.contains(&true) {
        return Ok(());
    }
    view.set("attention.sliding_window", Value::U32(window));
    if pattern.contains(&false) {
        view.set("attention.sliding_window_pattern", Value::Array(Array::Bool(pattern)));
    }
    Ok(())
}

/// Which layers have the window, where `layer_types` says it.
fn types(view: &View<'_>) -> Result<Option<Vec<bool>>, Error> {
    let types = view.config.array("layer_types")?;
    types.map(|it| it.iter().map(|it| windowed(view, it)).collect()).transpose()
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
