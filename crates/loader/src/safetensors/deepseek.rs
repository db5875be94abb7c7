//! DeepSeek's latent attention and its routing, as `config.json` states them.

use super::{Error, keys::View};
use crate::Value;

/// Sets the widths of heads and of latents. The cache holds one key for all heads: a latent and
/// what turns.
pub(super) fn latents(view: &mut View<'_>) -> Result<(), Error> {
    let (rank, turned) = (view.need("kv_lora_rank")?, view.need("qk_rope_head_dim")?);
    let (nope, v_dim) = (view.need("qk_nope_head_dim")?, view.need("v_head_dim")?);
    let sum = |a: u32, b: u32, key| {
        a.checked_add(b).ok_or_else(|| view.config.not(key, "columns of a head"))
    };
    let numbers = [
        ("attention.head_count_kv", 1),
        ("attention.kv_lora_rank", rank),
        ("attention.key_length", sum(rank, turned, "kv_lora_rank")?),
        ("attention.value_length", rank),
        ("attention.key_length_mla", sum(nope, turned, "qk_nope_head_dim")?),
        ("attention.value_length_mla", v_dim),
        ("rope.dimension_count", turned),
    ];
    numbers.into_iter().for_each(|(key, n)| view.set(key, Value::U32(n)));
    if let Some(rank) = view.config.count("q_lora_rank")? {
        view.set("attention.q_lora_rank", Value::U32(rank));
    }
    let rope = match view.config.object("rope_parameters")? {
        Some(rope) => Some(rope),
        None => view.config.object("rope_scaling")?,
    };
    // As GGUF has it: how scores of attention grow with the logarithm of YaRN's factor.
    if let Some(growth) = rope.map(|it| it.real("mscale_all_dim")).transpose()?.flatten() {
        view.set("rope.scaling.yarn_log_multiplier", Value::F32((0.1 * growth) as f32));
    }
    match view.config.flag("rope_interleave")? {
        Some(false) => Err(view.config.not("rope_interleave", "true")),
        _ => Ok(()),
    }
}

/// V2: two experts are for all rows where no number says otherwise.
pub(super) fn shared_of_v2(view: &mut View<'_>) -> Result<(), Error> {
    shared(view, 2)
}

/// V3: one is.
pub(super) fn shared_of_v3(view: &mut View<'_>) -> Result<(), Error> {
    shared(view, 1)
}

/// How many experts are for all rows: `null` says that there are none.
fn shared(view: &mut View<'_>, otherwise: u32) -> Result<(), Error> {
    let key = "n_shared_experts";
    let n = match view.config.is_null(key) {
        true => 0,
        false => view.config.count(key)?.unwrap_or(otherwise),
    };
    view.set("expert_shared_count", Value::U32(n));
    Ok(())
}

/// V2: scores are a softmax; groups are used where `topk_method` says so.
pub(super) fn softmax(view: &mut View<'_>) -> Result<(), Error> {
    view.set("expert_gating_func", Value::U32(1));
    match view.config.text("topk_method")? {
        None | Some("greedy") => Ok(()),
        Some("group_limited_greedy") => groups(view),
        Some(_) => Err(view.config.not("topk_method", "`greedy` or `group_limited_greedy`")),
    }?;
    match view.config.flag("norm_topk_prob")? {
        Some(true) => Err(view.config.not("norm_topk_prob", "false")),
        _ => Ok(()),
    }
}

/// V3: scores are sigmoids, and there are groups.
pub(super) fn sigmoid(view: &mut View<'_>) -> Result<(), Error> {
    view.set("expert_gating_func", Value::U32(2));
    groups(view)
}

fn groups(view: &mut View<'_>) -> Result<(), Error> {
    for (key, gguf) in
        [("n_group", "expert_group_count"), ("topk_group", "expert_group_used_count")]
    {
        let n = view.need(key)?;
        view.set(gguf, Value::U32(n));
    }
    Ok(())
}

/// Leaves out the layers that predict further tokens: those after the last.
pub(super) fn further_tokens(view: &mut View<'_>) -> Result<(), Error> {
    let n_layers = u64::from(view.need("num_hidden_layers")?);
    let is_beyond = |name: &str| {
        let layer = name.strip_prefix("blk.").and_then(|it| it.split('.').next()?.parse().ok());
        layer.is_some_and(|it: u64| it >= n_layers)
    };
    let before = view.tensors.len();
    view.tensors.retain(|name, _| !is_beyond(name));
    if view.tensors.len() < before {
        view.skipped("multi_token_prediction");
    }
    Ok(())
}
