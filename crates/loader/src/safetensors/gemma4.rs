//! Gemma 4: its tables, and heads, positions and widths that differ from layer to layer.

use serde_json::Value as Json;

use super::{
    Error,
    config::Config,
    families::{DECODER_TENSORS, QK_NORMS},
    family::{Family, Key, Means, Name, Otherwise, count, count_or, key, name, real},
    keys::View,
    names::vector,
    rope,
};
use crate::{Array, QkOrder, Value};

pub(super) const GEMMA4: Family = Family {
    class: "Gemma4ForCausalLM",
    model_type: "gemma4_text",
    architecture: "gemma4",
    qk_order: QkOrder::Halves,
    keys: &[GEMMA4_KEYS],
    tensors: &[GEMMA4_TENSORS, DECODER_TENSORS, QK_NORMS],
};

pub(super) const GEMMA4_WITH_MEDIA: Family =
    Family { class: "Gemma4ForConditionalGeneration", model_type: "gemma4", ..GEMMA4 };

/// The 12B, which has no towers for what it sees and hears, only what embeds it.
pub(super) const GEMMA4_UNIFIED: Family = Family {
    class: "Gemma4UnifiedForConditionalGeneration",
    model_type: "gemma4_unified",
    keys: &[UNIFIED_KEYS, GEMMA4_KEYS],
    ..GEMMA4
};

pub(super) const GEMMA4_UNIFIED_TEXT: Family = Family {
    class: "Gemma4UnifiedForCausalLM",
    model_type: "gemma4_unified_text",
    ..GEMMA4_UNIFIED
};

/// Its layers have no input of the token.
const UNIFIED_KEYS: &[Key] = &[
    count_or("max_position_embeddings", "context_length", Otherwise::Is(262_144)),
    count_or("hidden_size_per_layer_input", "embedding_length_per_layer_input", Otherwise::Is(0)),
    key("sliding_window", Means::By(|view| window(view, 1024))),
];

const GEMMA4_KEYS: &[Key] = &[
    count("vocab_size", "vocab_size"),
    key("vocab_size_per_layer_input", Means::Elsewhere),
    count("hidden_size", "embedding_length"),
    count("num_hidden_layers", "block_count"),
    count("num_attention_heads", "attention.head_count"),
    count_or("max_position_embeddings", "context_length", Otherwise::Is(131_072)),
    count_or("hidden_size_per_layer_input", "embedding_length_per_layer_input", Otherwise::Is(256)),
    key("layer_types", Means::By(layers)),
    key("attention_k_eq_v", Means::Elsewhere),
    key("enable_moe_block", Means::Elsewhere), // the tensors say so, too
    count_or("num_experts", "expert_count", Otherwise::Is(0)),
    count_or("top_k_experts", "expert_used_count", Otherwise::Is(0)),
    count_or("moe_intermediate_size", "expert_feed_forward_length", Otherwise::Is(0)),
    key("global_head_dim", Means::Elsewhere),
    key("head_dim", Means::Elsewhere),
    key("intermediate_size", Means::Elsewhere),
    key("num_global_key_value_heads", Means::Elsewhere),
    key("num_key_value_heads", Means::Elsewhere),
    key("num_kv_shared_layers", Means::Elsewhere),
    key("rope_parameters", Means::Elsewhere),
    key("sliding_window", Means::By(|view| window(view, 512))),
    key("use_double_wide_mlp", Means::Elsewhere),
    key("hidden_activation", Means::OneOf(&["gelu_pytorch_tanh"])),
    real("final_logit_softcapping", "final_logit_softcapping", 0.0),
    real("rms_norm_eps", "attention.layer_norm_rms_epsilon", 1e-6),
    // Text alone is read, each token after those before it.
    key("use_bidirectional_attention", Means::OneOf(&["vision"])),
    key("tie_word_embeddings", Means::Tied { otherwise: true }),
];

/// Gemma 3n has them, too.
pub(super) const GEMMA4_TENSORS: &[Name] = &[
    name("model.layers.{}.router.proj.weight", "blk.{}.ffn_gate_inp.weight"),
    name("model.layers.{}.router.scale", "blk.{}.ffn_gate_inp.scale"),
    name("model.layers.{}.router.per_expert_scale", "blk.{}.ffn_down_exps.scale"),
    name("model.layers.{}.experts.gate_up_proj", "blk.{}.ffn_gate_up_exps.weight"),
    name("model.layers.{}.experts.down_proj", "blk.{}.ffn_down_exps.weight"),
    name("model.layers.{}.pre_feedforward_layernorm_2.weight", "blk.{}.pre_ffw_norm_2.weight"),
    name("model.layers.{}.post_feedforward_layernorm_1.weight", "blk.{}.post_ffw_norm_1.weight"),
    name("model.layers.{}.post_feedforward_layernorm_2.weight", "blk.{}.post_ffw_norm_2.weight"),
    name("model.embed_tokens_per_layer.weight", "per_layer_token_embd.weight"),
    name("model.per_layer_model_projection.weight", "per_layer_model_proj.weight"),
    name("model.per_layer_projection_norm.weight", "per_layer_proj_norm.weight"),
    name("model.layers.{}.layer_scalar", "blk.{}.layer_output_scale.weight"),
    name("model.layers.{}.per_layer_input_gate.weight", "blk.{}.inp_gate.weight"),
    name("model.layers.{}.per_layer_projection.weight", "blk.{}.proj.weight"),
    name("model.layers.{}.post_per_layer_input_norm.weight", "blk.{}.post_norm.weight"),
    name("model.layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight"),
    name("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight"),
    name("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight"),
];

/// The last of so many layers in a row has no window, where nothing else is said.
const EVERY: usize = 6;

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
    widths(view, n_layers)?;
    positions(view, global)
}

/// The first layer without a window.
pub(super) fn first_full(config: Config<'_>) -> Result<usize, Error> {
    let types = config.array("layer_types")?.unwrap_or_default();
    Ok(types.iter().position(|it| it.as_str() == Some("full_attention")).unwrap_or(EVERY - 1))
}

fn window(view: &mut View<'_>, otherwise: u32) -> Result<(), Error> {
    let window = view.config.count("sliding_window")?.unwrap_or(otherwise);
    view.set("attention.sliding_window", Value::U32(window));
    Ok(())
}

fn windowed(view: &View<'_>, n_layers: usize) -> Result<Vec<bool>, Error> {
    let key = "layer_types";
    let Some(types) = view.config.array(key)? else {
        return Ok((1..=n_layers).map(|it| !it.is_multiple_of(EVERY)).collect());
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
    let [full, windowed] = rope::by_layer(view.config)?;
    let theta = |it: Option<Config<'_>>, otherwise| -> Result<Value, Error> {
        let stated = it.map(|it| it.positive("rope_theta")).transpose()?.flatten();
        Ok(Value::F32(stated.unwrap_or(otherwise) as f32))
    };
    view.set("rope.freq_base", theta(full, 1e6)?);
    view.set("rope.freq_base_swa", theta(windowed, 1e4)?);
    let share = "partial_rotary_factor";
    full.map_or(Ok(()), |it| rope::known_as(it, "proportional", &[share]))?;
    windowed.map_or(Ok(()), |it| rope::known_as(it, "default", &[]))?;
    let share = full.map(|it| it.real(share)).transpose()?.flatten();
    let pairs = (global / 2).min(1 << 12);
    let turning = (share.unwrap_or(0.25) * f64::from(global)) as u32 / 2;
    let factors: Vec<f32> = (0..pairs).map(|j| if j < turning { 1.0 } else { STILL }).collect();
    view.tensors.insert("rope_freqs.weight".to_owned(), vector(&factors));
    Ok(())
}
