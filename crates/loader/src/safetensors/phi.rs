//! Phi 3 and 4, and Phi-3.5 with experts: fused matrices, and two sets of rotary factors, for short and for long texts.

use super::{
    Error,
    config::Config,
    families::{
        DECODER_KEYS, DECODER_TENSORS, LLAMA_BIASES, LLAMA_KEYS, MIXTRAL_KEYS, MIXTRAL_TENSORS,
        SAME_AS_HEADS,
    },
    family::{Family, Key, Means, Name, Otherwise, count_or, key, name, real},
    keys::View,
    names::vector,
    rope,
};
use crate::{QkOrder, Value};

pub(super) const PHI3: Family = Family {
    class: "Phi3ForCausalLM",
    model_type: "phi3",
    architecture: "phi3",
    qk_order: QkOrder::Halves,
    keys: &[PHI_KEYS, DECODER_KEYS, PHI_TURNED],
    tensors: &[DECODER_TENSORS, PHI_TENSORS],
};

const PHI_KEYS: &[Key] = &[
    count_or("num_key_value_heads", "attention.head_count_kv", SAME_AS_HEADS),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(4096)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    key("sliding_window", Means::Window { otherwise: None }),
    key("rope_parameters", Means::By(rope)),
    key(ORIGINAL, Means::Elsewhere),
    key("resid_pdrop", Means::Elsewhere),
    key("embd_pdrop", Means::Elsewhere),
    // What transformers does not look at.
    key("full_attn_mod", Means::Elsewhere),
    key("interpolate_factor", Means::Elsewhere),
];

const PHI_TURNED: &[Key] = &[key(TURNED, Means::Turned { otherwise: 1.0 })];

pub(super) const PHI_MOE: Family = Family {
    class: "PhiMoEForCausalLM",
    model_type: "phimoe",
    architecture: "phimoe",
    qk_order: QkOrder::Halves,
    keys: &[PHI_MOE_KEYS, MIXTRAL_KEYS, PHI_KEYS, LLAMA_KEYS, DECODER_KEYS],
    tensors: &[DECODER_TENSORS, LLAMA_BIASES, PHI_MOE_TENSORS, MIXTRAL_TENSORS],
};

const PHI_MOE_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("num_local_experts", "expert_count", Otherwise::Is(16)),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-5),
    real("router_jitter_noise", "expert_jitter", 0.01),
    key("input_jitter_noise", Means::Elsewhere), // of training
    key("lm_head_bias", Means::Elsewhere),       // there, or not
];

const PHI_MOE_TENSORS: &[Name] = &[
    name("lm_head.bias", "output.bias"),
    name("model.norm.bias", "output_norm.bias"),
    name("model.layers.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"),
    name("model.layers.{}.post_attention_layernorm.bias", "blk.{}.ffn_norm.bias"),
];

const PHI_TENSORS: &[Name] = &[
    name("model.layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight"),
    name("model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight"),
];

const ORIGINAL: &str = "original_max_position_embeddings";
const TURNED: &str = "partial_rotary_factor";

/// What longrope may say.
const LONG: &[&str] = &[
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
fn rope(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let scaling = match config.object("rope_scaling")? {
        Some(scaling) => Some(scaling),
        None => config.object("rope_parameters")?,
    };
    let Some(scaling) = scaling.filter(|it| it.get("long_factor").is_some()) else {
        return rope::apply(view, 10000.0);
    };
    for key in ["rope_type", "type"] {
        match scaling.text(key)? {
            None | Some("longrope" | "su" | "yarn") => {}
            Some(_) => return Err(scaling.not(key, "`longrope`")),
        }
    }
    rope::known(scaling, LONG)?;
    let beside = config.real(TURNED)?.unwrap_or(1.0);
    if scaling.real(TURNED)?.is_some_and(|it| it != beside) {
        return Err(scaling.not(TURNED, "the same as beside it"));
    }
    let stated = scaling.positive("rope_theta")?.or(config.positive("rope_theta")?);
    view.set("rope.freq_base", Value::F32(stated.unwrap_or(10000.0) as f32));
    let original = match scaling.count(ORIGINAL)? {
        Some(original) => original,
        None => config.count(ORIGINAL)?.unwrap_or(4096),
    };
    view.set("rope.scaling.original_context_length", Value::U32(original));
    view.set("rope.scaling.attn_factor", Value::F32(gain(config, scaling, original)? as f32));
    for set in ["long", "short"] {
        let factors = factors(scaling, &format!("{set}_factor"))?;
        view.tensors.insert(format!("rope_factors_{set}.weight"), vector(&factors));
    }
    Ok(())
}

/// `sqrt(1 + ln(factor) / ln(original))`, where nothing else is stated.
fn gain(config: Config<'_>, scaling: Config<'_>, original: u32) -> Result<f64, Error> {
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
    let context = config.count("max_position_embeddings")?.unwrap_or(4096);
    let factor = scaling.positive("factor")?.unwrap_or(f64::from(context) / original);
    Ok(if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / original.ln()).sqrt() })
}

fn factors(scaling: Config<'_>, key: &str) -> Result<Vec<f32>, Error> {
    let all = scaling.array(key)?.unwrap_or_default();
    let factor = |it: &serde_json::Value| it.as_f64().filter(|it| *it > 0.0).map(|it| it as f32);
    let factors: Option<Vec<f32>> = all.iter().map(factor).collect();
    factors.filter(|it| !it.is_empty()).ok_or_else(|| scaling.not(key, "numbers above 0"))
}
