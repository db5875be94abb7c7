//! Rotary positions: `rope_theta` and `rope_scaling` of transformers 4, `rope_parameters` of 5.
//!
//! Llama 3's scaling becomes a factor for each frequency, in the tensor `rope_freqs.weight`, as in
//! GGUF; the factors of `longrope` are in two others, in `long`. The formulas are those of
//! transformers' `modeling_rope_utils.py`.

mod long;

use std::f64::consts::TAU;

use serde_json::Value as Json;

use super::{Error, config::Config, keys::View, names::vector};
use crate::{Array, Value};

const TYPES: &str = "`default`, `linear`, `dynamic`, `llama3`, `longrope` or `yarn`";

/// Sets `rope.*` and, for Llama 3 and `longrope`, tensors.
pub(super) fn apply(view: &mut View<'_>, otherwise: f64) -> Result<(), Error> {
    let new = view.config.object("rope_parameters")?;
    apply_new(view, otherwise, new)
}

/// The same, where only layers without a window scale positions: OLMo 3, with one `rope_theta`.
pub(super) fn of_full_layers(view: &mut View<'_>) -> Result<(), Error> {
    let new = view.config.object("rope_parameters")?;
    let of = |kind: &str| Ok(new.map(|it| it.object(kind)).transpose()?.flatten());
    let (full, windowed) = (of("full_attention")?, of("sliding_attention")?);
    if let Some(windowed) = windowed {
        let theta = |it: Option<Config<'_>>| it.map_or(Ok(None), |it| it.positive("rope_theta"));
        if kind(windowed)? != "default" || theta(Some(windowed))? != theta(full)? {
            let expected = "positions as in the other layers, not scaled";
            return Err(view.config.not("rope_parameters", expected));
        }
        known(windowed, &[])?;
    }
    apply_new(view, 500_000.0, full.or(new))
}

/// The same, where layers with a window have a base of their own; with the defaults of both bases,
/// that of the other layers first.
pub(super) fn of_both_layers(view: &mut View<'_>, otherwise: [f64; 2]) -> Result<(), Error> {
    let config = view.config;
    let new = config.object("rope_parameters")?;
    let of = |kind: &str| Ok(new.map(|it| it.object(kind)).transpose()?.flatten());
    let (full, windowed) = (of("full_attention")?, of("sliding_attention")?);
    let theta = match windowed {
        Some(windowed) => {
            known_as(windowed, "default", &[])?;
            windowed.positive("rope_theta")?
        }
        None => config.positive("rope_local_base_freq")?,
    };
    view.set("rope.freq_base_swa", Value::F32(theta.unwrap_or(otherwise[1]) as f32));
    apply_new(view, otherwise[0], if windowed.is_some() { full } else { full.or(new) })
}

/// What `rope_parameters` says of layers that see everything, and of those with a window; an error if
/// it says anything else.
pub(super) fn by_layer(config: Config<'_>) -> Result<[Option<Config<'_>>; 2], Error> {
    let Some(all) = config.object("rope_parameters")? else { return Ok([None, None]) };
    let kinds = ["full_attention", "sliding_attention"];
    match all.keys().find(|(key, value)| !kinds.contains(key) && !value.is_null()) {
        Some((key, _)) => Err(all.not(key, "`full_attention` and `sliding_attention` alone")),
        None => Ok([all.object(kinds[0])?, all.object(kinds[1])?]),
    }
}

/// An error if positions are of another kind, or have a parameter besides these.
pub(super) fn known_as(scaling: Config<'_>, expected: &str, names: &[&str]) -> Result<(), Error> {
    if scaling.get(type_key(scaling)).is_some() && kind(scaling)? != expected {
        return Err(scaling.not(type_key(scaling), format!("`{expected}`")));
    }
    known(scaling, names)
}

fn apply_new(view: &mut View<'_>, otherwise: f64, new: Option<Config<'_>>) -> Result<(), Error> {
    let config = view.config;
    let old = config.object("rope_scaling")?;
    let theta = match new.map(|it| it.positive("rope_theta")).transpose()?.flatten() {
        Some(theta) => theta,
        None => config.positive("rope_theta")?.unwrap_or(otherwise),
    };
    view.set("rope.freq_base", Value::F32(theta as f32));
    if let (Some(new), Some(old)) = (new, old)
        && kind(new)? != kind(old)?
    {
        return Err(config.not("rope_scaling", "what `rope_parameters` says"));
    }
    let Some(scaling) = new.or(old) else { return Ok(()) };
    match kind(scaling)? {
        "default" => known(scaling, &[]),
        "linear" => {
            known(scaling, &["factor"])?;
            let factor = need(scaling, "factor")?;
            named(view, "linear", factor);
            Ok(())
        }
        // Frequencies change where a text is longer than the model's context, and only there: the
        // `max_position_embeddings`, whatever else transformers 5.23 finds here.
        "dynamic" => {
            known(scaling, &["factor", ORIGINAL])?;
            let factor = need(scaling, "factor")?;
            named(view, "dynamic", factor);
            Ok(())
        }
        "llama3" => llama3(view, scaling, theta),
        "longrope" | "su" => long::apply(view, scaling),
        // The first files of Phi 3 call it so.
        "yarn" if scaling.get("long_factor").is_some() => long::apply(view, scaling),
        "yarn" => yarn(view, scaling),
        _ => Err(scaling.not(type_key(scaling), TYPES)),
    }
}

/// Sets which layers turn.
pub(super) fn layers(view: &mut View<'_>, every: u32) -> Result<(), Error> {
    let turns = turning(view, every)?;
    view.set("rope.layers", Value::Array(Array::Bool(turns)));
    Ok(())
}

/// Whether each layer turns: as the list says, or all but the last of so many in a row.
pub(super) fn turning(view: &View<'_>, every: u32) -> Result<Vec<bool>, Error> {
    let n_layers = view.need("num_hidden_layers")?;
    let key = "no_rope_layers";
    match view.config.array(key)? {
        Some(list) => {
            let turns = |it: &Json| it.as_u64().filter(|it| *it <= 1).map(|it| it == 1);
            let turns = list.iter().map(turns).collect::<Option<Vec<_>>>();
            turns.ok_or_else(|| view.config.not(key, "an array of 0 and 1"))
        }
        None => {
            let every = view.config.count("no_rope_layer_interval")?.unwrap_or(every).max(1);
            // As many as any published model has, with room; more are refused later.
            Ok((1..=n_layers.min(1 << 16)).map(|it| !it.is_multiple_of(every)).collect())
        }
    }
}

fn type_key(scaling: Config<'_>) -> &'static str {
    if scaling.get("rope_type").is_some() { "rope_type" } else { "type" }
}

fn kind(scaling: Config<'_>) -> Result<&str, Error> {
    Ok(scaling.text(type_key(scaling))?.unwrap_or("default"))
}

/// An error if there is a parameter besides these.
pub(super) fn known(scaling: Config<'_>, names: &[&str]) -> Result<(), Error> {
    let always = ["rope_type", "type", "rope_theta"];
    let known = |key: &str| always.contains(&key) || names.contains(&key);
    match scaling.keys().find(|(key, value)| !known(key) && !value.is_null()) {
        Some((key, _)) if key == "partial_rotary_factor" => match scaling.real(key)? {
            Some(1.0) => Ok(()),
            _ => Err(scaling.not(key, "1")),
        },
        Some((key, _)) => Err(scaling.not(key, "no such parameter of this `rope_type`")),
        None => Ok(()),
    }
}

fn need(scaling: Config<'_>, key: &str) -> Result<f64, Error> {
    scaling.positive(key)?.ok_or_else(|| Error::ConfigMissing { key: key.to_owned() })
}

fn named(view: &mut View<'_>, kind: &str, factor: f64) {
    view.set("rope.scaling.type", Value::String(kind.to_owned()));
    view.set("rope.scaling.factor", Value::F32(factor as f32));
}

pub(super) const ORIGINAL: &str = "original_max_position_embeddings";

/// The context that the model had before its positions were scaled. What stands beside the scaling
/// goes before what stands in it, as in transformers.
fn original(view: &View<'_>, scaling: Config<'_>) -> Result<u32, Error> {
    match view.config.count(ORIGINAL)?.or(scaling.count(ORIGINAL)?) {
        Some(original) => Ok(original),
        // The class of Phi 3 says so.
        None if view.family.architecture.starts_with("phi") => Ok(4096),
        None => view.need("max_position_embeddings"),
    }
}

fn llama3(view: &mut View<'_>, scaling: Config<'_>, theta: f64) -> Result<(), Error> {
    known(scaling, &["factor", "low_freq_factor", "high_freq_factor", ORIGINAL])?;
    let scale = need(scaling, "factor")?;
    let (low, high) = (need(scaling, "low_freq_factor")?, need(scaling, "high_freq_factor")?);
    let original = f64::from(original(view, scaling)?);
    // Where they are equal, waves are scaled or not, and none is in between.
    if low > high {
        return Err(scaling.not("low_freq_factor", "at most `high_freq_factor`"));
    }
    let dim = view.head_dim()?;
    let factor = |j: u32| {
        let wavelength = TAU * theta.powf(f64::from(2 * j) / f64::from(dim));
        // How often the wave turns in the original context, from `low` to `high`.
        let share = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 / ((1.0 - share) / scale + share)) as f32
    };
    let n = checked_pairs(view, dim)?;
    let factors: Vec<f32> = (0..n).map(factor).collect();
    view.tensors.insert("rope_freqs.weight".to_owned(), vector(&factors));
    Ok(())
}

/// Half of `dim`; a head is at most as wide as some model's, so that nobody can ask for gigabytes.
fn checked_pairs(view: &View<'_>, dim: u32) -> Result<u32, Error> {
    if !dim.is_multiple_of(2) || dim > 4096 {
        return Err(view.config.not("head_dim", "an even number up to 4096"));
    }
    Ok(dim / 2)
}

/// How fast queries grow with their position, in the unit of the original context.
const TEMPERATURE: &str = "llama_4_scaling_beta";

/// The names of YaRN's parameters in `config.json` and in GGUF.
const YARN: &[(&str, &str)] = &[
    ("attention_factor", "rope.scaling.attn_factor"),
    ("beta_fast", "rope.scaling.yarn_beta_fast"),
    ("beta_slow", "rope.scaling.yarn_beta_slow"),
    (TEMPERATURE, "attention.temperature_scale"),
];

fn yarn(view: &mut View<'_>, scaling: Config<'_>) -> Result<(), Error> {
    known(
        scaling,
        &[
            "factor",
            ORIGINAL,
            "attention_factor",
            "beta_fast",
            "beta_slow",
            "max_position_embeddings", // the same as beside it
            "mscale",
            "mscale_all_dim",
            "truncate",
            TEMPERATURE,
        ],
    )?;
    let factor = need(scaling, "factor")?;
    named(view, "yarn", factor);
    let original = original(view, scaling)?;
    view.set("rope.scaling.original_context_length", Value::U32(original));
    for (key, gguf) in YARN {
        if let Some(x) = scaling.positive(key)? {
            view.set(gguf, Value::F32(x as f32));
        }
    }
    let gain = |mscale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 };
    let mscales = (scaling.real("mscale")?, scaling.real("mscale_all_dim")?);
    if let (Some(one), Some(all)) = mscales
        && one * all != 0.0
        && scaling.get("attention_factor").is_none()
    {
        view.set("rope.scaling.attn_factor", Value::F32((gain(one) / gain(all)) as f32));
    }
    if let Some(truncate) = scaling.flag("truncate")? {
        view.set("rope.scaling.yarn_truncate", Value::Bool(truncate));
    }
    Ok(())
}
