//! Mamba-2 layers: sizes that `config.json` states in parts, and tensors as GGUF has them.

use super::{Error, keys::View, names::vector};
use crate::{FileTensor, Value};

/// Sets `ssm.inner_size`, and gives the tensors the numbers and shapes that GGUF has.
pub(super) fn mixers(view: &mut View<'_>) -> Result<(), Error> {
    let inner = inner(view)?;
    view.set("ssm.inner_size", Value::U32(inner));
    step_limit(view)?;
    let groups = view.config.count("mamba_n_groups")?.unwrap_or(1) as usize;
    for (name, tensor) in view.tensors.iter_mut() {
        match name.rsplit_once("blk.").and_then(|it| it.1.split_once('.')).map(|it| it.1) {
            Some("ssm_a") => *tensor = decay(tensor),
            Some("ssm_d") => tensor.shape.push(1),
            Some("ssm_conv1d.weight") => tensor.shape.retain(|&it| it != 1),
            Some("ssm_norm.weight") => split(tensor, groups),
            _ => {}
        }
    }
    Ok(())
}

/// The columns of all heads together; an error if their sizes disagree.
fn inner(view: &View<'_>) -> Result<u32, Error> {
    let config = view.config;
    let stated = config.count("mamba_d_ssm")?;
    let expanded = || {
        let expand = config.count("mamba_expand")?.unwrap_or(2);
        let inner = view.need("hidden_size")?.checked_mul(expand);
        inner.ok_or_else(|| config.not("mamba_expand", "a smaller number"))
    };
    let inner = stated.map_or_else(expanded, Ok)?;
    let heads = config.count("mamba_n_heads")?.unwrap_or(128);
    let fits = match config.text("mamba_d_head") {
        Ok(Some("auto") | None) => Some(0) == inner.checked_rem(heads),
        _ => config.count("mamba_d_head")?.and_then(|it| it.checked_mul(heads)) == Some(inner),
    };
    if fits {
        Ok(inner)
    } else {
        Err(config.not("mamba_d_head", format!("{inner} / {heads} heads")))
    }
}

/// The smallest and the largest step.
fn step_limit(view: &mut View<'_>) -> Result<(), Error> {
    let key = "time_step_limit";
    let Some(limit) = view.config.array(key)? else { return Ok(()) };
    let limit: Vec<_> = limit.iter().filter_map(|it| it.as_f64()).collect();
    let [low, high] = limit[..] else { return Err(view.config.not(key, "two numbers")) };
    view.set("ssm.dt_min", Value::F32(low as f32));
    view.set("ssm.dt_max", Value::F32(high as f32));
    Ok(())
}

/// From the logarithms of how fast heads forget to what they are multiplied with: below zero.
fn decay(logs: &FileTensor) -> FileTensor {
    let [n] = logs.shape[..] else { return logs.clone() };
    let mut numbers = vec![0.0; n];
    logs.format.decode_row(&logs.parts[0], &mut numbers);
    numbers.iter_mut().for_each(|it| *it = -it.exp());
    FileTensor { shape: vec![n, 1], ..vector(&numbers) }
}

/// A row for each group. A tensor of another shape stays as it is, for whoever checks shapes.
fn split(tensor: &mut FileTensor, groups: usize) {
    if let [n] = tensor.shape[..]
        && n.checked_rem(groups) == Some(0)
    {
        tensor.shape = vec![groups, n / groups];
    }
}

/// The multipliers of Falcon H1 that `config.json` has in arrays, one for each part.
pub(super) fn multipliers(view: &mut View<'_>) -> Result<(), Error> {
    let parts = ["ssm.gate_scale", "ssm.x_scale", "ssm.b_scale", "ssm.c_scale", "ssm.dt_scale"];
    each(view, "ssm_multipliers", &parts)?;
    each(view, "mlp_multipliers", &["feed_forward.gate_scale", "feed_forward.down_scale"])
}

fn each(view: &mut View<'_>, key: &str, parts: &[&str]) -> Result<(), Error> {
    let Some(all) = view.config.array(key)? else { return Ok(()) };
    let all: Vec<_> = all.iter().filter_map(|it| it.as_f64()).collect();
    if all.len() != parts.len() {
        return Err(view.config.not(key, format!("{} numbers", parts.len())));
    }
    for (part, x) in parts.iter().zip(all) {
        view.set(part, Value::F32(x as f32));
    }
    Ok(())
}

/// Norms of what is gated are computed after the gate.
pub(super) fn gate_first(view: &mut View<'_>) -> Result<(), Error> {
    let config = view.config;
    let is_normed = config.flag("mamba_rms_norm")?.unwrap_or(false);
    if is_normed && config.flag("mamba_norm_before_gate")?.unwrap_or(true) {
        return Err(config.not("mamba_norm_before_gate", "false"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_become_a_column_below_zero() {
        let a = decay(&vector(&[0.0, 1.0]));
        let mut numbers = [0.0; 2];
        a.format.decode_row(&a.parts[0], &mut numbers);
        assert_eq!((a.shape, numbers), (vec![2, 1], [-1.0, -std::f32::consts::E]));
    }

    #[test]
    fn only_whole_groups_are_split() {
        let mut norm = vector(&[0.0; 6]);
        split(&mut norm, 4);
        assert_eq!(norm.shape, [6]);
        split(&mut norm, 3);
        assert_eq!(norm.shape, [3, 2]);
    }
}
