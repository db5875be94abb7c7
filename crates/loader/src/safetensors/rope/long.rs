//! LongRoPE: two sets of rotary factors, for short and for long texts (Ding et al., 2024), as Phi 3 has
//! them, and whatever was made longer in the same way.

use super::{Config, Error, ORIGINAL, Value, View, known, original, vector};

const TURNED: &str = "partial_rotary_factor";

/// What it may say.
const NAMES: &[&str] = &[
    "attention_factor",
    "factor",
    "long_factor",
    "long_mscale",
    ORIGINAL,
    TURNED,
    "short_factor",
    "short_mscale",
];

/// The factors of both sets become tensors, as in GGUF.
pub(super) fn apply(view: &mut View<'_>, scaling: Config<'_>) -> Result<(), Error> {
    known(scaling, NAMES)?;
    let beside = view.config.real(TURNED)?.unwrap_or(1.0);
    if scaling.real(TURNED)?.is_some_and(|it| it != beside) {
        return Err(scaling.not(TURNED, "the same as beside it"));
    }
    let original = original(view, scaling)?;
    view.set("rope.scaling.original_context_length", Value::U32(original));
    let gain = gain(view, scaling, original)?;
    view.set("rope.scaling.attn_factor", Value::F32(gain as f32));
    for set in ["long", "short"] {
        let factors = factors(scaling, &format!("{set}_factor"))?;
        view.tensors.insert(format!("rope_factors_{set}.weight"), vector(&factors));
    }
    Ok(())
}

/// `sqrt(1 + ln(factor) / ln(original))`, where nothing else is stated.
fn gain(view: &View<'_>, scaling: Config<'_>, original: u32) -> Result<f64, Error> {
    if let Some(gain) = scaling.positive("attention_factor")? {
        return Ok(gain);
    }
    // Phi-3.5 with experts says it for each set; all published ones are equal.
    let [short, long] = [scaling.positive("short_mscale")?, scaling.positive("long_mscale")?];
    if short != long {
        return Err(scaling.not("long_mscale", "the same as `short_mscale`"));
    }
    if let Some(gain) = short {
        return Ok(gain);
    }
    let original = f64::from(original);
    let factor = match scaling.positive("factor")? {
        Some(factor) => factor,
        None => f64::from(view.need("max_position_embeddings")?) / original,
    };
    Ok(if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / original.ln()).sqrt() })
}

fn factors(scaling: Config<'_>, key: &str) -> Result<Vec<f32>, Error> {
    let all = scaling.array(key)?.unwrap_or_default();
    let factor = |it: &serde_json::Value| it.as_f64().filter(|it| *it > 0.0).map(|it| it as f32);
    let factors: Option<Vec<f32>> = all.iter().map(factor).collect();
    factors.filter(|it| !it.is_empty()).ok_or_else(|| scaling.not(key, "numbers above 0"))
}
