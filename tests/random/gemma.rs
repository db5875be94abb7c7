//! What is drawn for the Gemmas: caps, windows with rotary positions of their own, and in 3n and 4
//! layers that look at the keys of others.

use loader::{Array, Value};

use crate::{draw::Draw, parts::RMS};

pub(crate) fn gemma(d: &mut Draw) {
    d.decoder(RMS);
    d.rope_scaling();
    d.window();
    d.head();
}

pub(crate) fn gemma2(d: &mut Draw) {
    gemma(d);
    d.real_if("attention.scale", 0.05, 0.5);
    d.real_if("attn_logit_softcapping", 1.0, 50.0);
    d.real_if("final_logit_softcapping", 1.0, 30.0);
    d.blocks_if(&["post_attention_norm.weight"]);
    d.blocks_if(&["post_ffw_norm.weight"]);
}

pub(crate) fn gemma3(d: &mut Draw) {
    gemma2(d);
    d.base_if("rope.freq_base_swa");
    d.blocks_if(&["attn_q_norm.weight"]);
    d.blocks_if(&["attn_k_norm.weight"]);
}

pub(crate) fn gemma3n(d: &mut Draw) {
    let own = sharing(d);
    if d.coin() {
        heads(d, "_swa");
    }
    d.blocks_where(|layer| layer < own, &["attn_v.weight"]);
    let streams = d.between(2..=4);
    let (active, rank) = (d.between(0..=streams - 1), d.between(1..=12));
    d.count("altup.num_inputs", streams);
    d.count("altup.active_idx", active);
    let cols = d.between(1..=16);
    d.count("embedding_length_per_layer_input", cols);
    for layer in 0..d.n_layers {
        d.tensors.insert(format!("blk.{layer}.laurel_l.weight"), vec![rank]);
    }
    let z = d.by_layer(|it| if it.coin() { it.uniform(0.2, 1.7) } else { f32::NEG_INFINITY });
    d.set("activation_sparsity_scale", Value::Array(Array::F32(z)));
}

/// Layers that see everything have other heads than those with a window. Keys may serve as values;
/// where these have other columns, the loader asks for a matrix of their own.
pub(crate) fn gemma4(d: &mut Draw) {
    let own = sharing(d);
    let [full, windowed] = [(); 2].map(|()| d.divisor(d.n_heads));
    let is_windowed = pattern(d);
    let kv_heads = is_windowed.iter().map(|it| if *it { windowed } else { full });
    d.counts("attention.head_count_kv", &kv_heads.collect::<Vec<_>>());
    heads(d, "");
    heads(d, "_swa");
    let has_v = d.by_layer(Draw::coin);
    d.blocks_where(|layer| layer < own && has_v[layer], &["attn_v.weight"]);
    d.blocks_if(&["layer_output_scale.weight"]);
    if d.coin() {
        let cols = d.between(1..=16);
        d.count("embedding_length_per_layer_input", cols);
    }
    if d.coin() {
        experts(d);
    }
}

/// Beside the feed-forward part of some layers; both halves of an expert are in one tensor or apart.
fn experts(d: &mut Draw) {
    let layers = d.by_layer(Draw::coin);
    let has = |layer: usize| layers[layer];
    d.expert_counts();
    d.blocks_where(has, &["ffn_gate_inp.scale"]);
    for name in ["ffn_gate_up_exps.weight", "ffn_down_exps.scale"] {
        if d.coin() {
            d.blocks_where(has, &[name]);
        }
    }
}

/// The heads of layers that see everything, or those of the others.
fn heads(d: &mut Draw, suffix: &str) {
    let (head_dim, other) = (2 * d.between(2..=16), d.between(1..=40));
    let turned = 2 * d.between(1..=head_dim / 2);
    let v_dim = if d.coin() { head_dim } else { other };
    d.count(&format!("attention.key_length{suffix}"), head_dim);
    d.count(&format!("attention.value_length{suffix}"), v_dim);
    d.count(&format!("rope.dimension_count{suffix}"), turned);
}

/// What 3n and 4 have in common; how many layers keep keys of their own.
fn sharing(d: &mut Draw) -> usize {
    d.decoder(RMS);
    d.rope_scaling();
    d.base_if("rope.freq_base_swa");
    d.real_if("final_logit_softcapping", 1.0, 30.0);
    let window = d.between(1..=12);
    d.count("attention.sliding_window", window);
    let is_windowed = d.by_layer(Draw::coin);
    let own = d.between(1..=d.n_layers);
    // A layer without keys needs one before it that sees as far back and has some.
    let missing =
        |own: &usize| is_windowed[*own..].iter().any(|it| !is_windowed[..*own].contains(it));
    let own = (own..).find(|it| !missing(it)).expect("no layer is without keys in the end");
    d.count("attention.shared_kv_layers", d.n_layers - own);
    d.set("attention.sliding_window_pattern", Value::Array(Array::Bool(is_windowed)));
    let hidden = d.by_layer(Draw::width);
    d.counts("feed_forward_length", &hidden);
    own
}

/// Which layers have the window.
fn pattern(d: &Draw) -> Vec<bool> {
    let key = format!("{}.attention.sliding_window_pattern", d.architecture);
    match d.metadata.get(&key) {
        Some(Value::Array(Array::Bool(pattern))) => pattern.clone(),
        other => unreachable!("`sharing` has drawn {other:?}"),
    }
}
